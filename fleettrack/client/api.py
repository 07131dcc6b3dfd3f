"""The HTTP API from outside: asks again while the service says "not now", and tells what it refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from typing import Any, Self
from urllib.parse import quote

import aiohttp

from fleettrack.client.parcel import BackOff
from fleettrack.domain import errors

PREFIX = "/api/v1"
TIMEOUT_S = 60.0
COME_AGAIN = frozenset((429, 502, 503, 504))


class Refused(errors.FleettrackError):
    """The service refuses a request; facts['status'] and facts['problem'] say how and why."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.facts["status"])


class Api:
    """A session with one service under one key. Use it as an async context."""

    def __init__(self, url: str, key: str, *, give_up_s: float | None = None) -> None:
        self.retries = 0
        self._url = url.rstrip("/")
        self._give_up_s = give_up_s
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._session = aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(TIMEOUT_S))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._session.close()

    async def get(self, path: str, **query: object) -> Any:
        """Return what lies at a path below /api/v1."""
        given = {name: str(value) for name, value in query.items() if value is not None}
        return await self.ask("GET", path, query=given)

    async def post(self, path: str, body: object, *, once: str | None = None) -> Any:
        """Hand in a JSON body; `once` is an Idempotency-Key, with which trying again changes nothing."""
        headers = {"Idempotency-Key": once} if once else {}
        return await self.ask("POST", path, data=json.dumps(body).encode(), headers=headers)

    async def pages(self, path: str, **query: object) -> AsyncIterator[Any]:
        """Yield the items of all pages of a list."""
        cursor: str | None = None
        while True:
            page = await self.get(path, cursor=cursor, **query)
            for item in page["items"]:
                yield item
            cursor = page["next"]
            if cursor is None:
                return

    async def ask(
        self,
        method: str,
        path: str,
        *,
        data: bytes | None = None,
        query: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
    ) -> Any:
        """Make a request, again and again while the service is away or says so; return the JSON it answers.

        Raises:
            Refused: the service says no.
            Unreachable: nobody answered for as long as one has patience.
        """
        back_off = BackOff(self._give_up_s)
        headers = {"Content-Type": "application/json", **headers} if data is not None else headers
        while True:
            wait_s = 0.0
            try:
                async with self._session.request(
                    method, self._url + PREFIX + path, data=data, params=query, headers=headers
                ) as response:
                    if response.status not in COME_AGAIN:
                        return await _told(response)
                    why = f"{self._url} answers {response.status} {response.reason}"
                    wait_s = _seconds(response.headers.get("Retry-After"))
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as exc:
                why = f"{self._url} cannot be reached: {exc or type(exc).__name__}"
            self.retries += 1
            await back_off.failed(why, wait_s)


def part(text: str) -> str:
    """Return a reference as one part of a path."""
    return quote(text, safe="")


async def few(work: Iterable[Coroutine[Any, Any, None]], at_once: int = 4) -> None:
    """Do many things, a few at a time; the first error ends it."""
    todo = iter(work)

    async def one_by_one() -> None:
        for thing in todo:
            await thing

    tasks = [asyncio.create_task(one_by_one()) for _ in range(at_once)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for thing in todo:
            thing.close()


async def _told(response: aiohttp.ClientResponse) -> Any:
    body = await response.read()
    try:
        said = json.loads(body) if body else None
    except ValueError:
        said = body.decode(errors="replace")
    if response.status < 400:
        return said
    detail = said.get("detail") or said.get("title") if isinstance(said, dict) else said
    raise Refused(
        f"{response.method} {response.url.path}: {response.status} {detail}", status=response.status, problem=said
    )


def _seconds(said: str | None) -> float:
    return float(said) if said and said.isdigit() else 0.0
