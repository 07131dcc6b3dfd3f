"""Round every request: errors become problems, and everything is counted."""

from __future__ import annotations

import time

from aiohttp import web
from aiohttp.typedefs import Handler

from fleettrack.domain import errors
from fleettrack.http import context, problems

UNKNOWN_ROUTE = "unknown"  # addresses that do not exist share one label


@web.middleware
async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with the handler's response, or with the problem that tells what went wrong."""
    started = time.perf_counter()
    response = await _respond(request, handler)
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else UNKNOWN_ROUTE
    counters = request.app[context.SERVICES].metrics
    counters.requests.labels(request.method if resource is not None else "", route, response.status).inc()
    counters.request_seconds.labels(route).observe(time.perf_counter() - started)
    return response


async def _respond(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except errors.FleettrackError as error:
        return problems.of_error(error, request.path)
    except web.HTTPException as error:
        return problems.of_http(error, request.path)
    except ConnectionError:
        raise  # the other end is gone: nobody to tell
    except Exception as error:
        return problems.of_fault(error, request.path)
