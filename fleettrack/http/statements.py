"""What people state about custody (`receipts`, `handovers`, `corrections`), and what asks for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fleettrack.domain import errors
from fleettrack.http import handlers
from fleettrack.http.handlers import Asked
from fleettrack.http.routes import EVERYBODY, STAFF
from fleettrack.services import attention, consignments, receipts, statements
from fleettrack.services.forms import facts as forms
from fleettrack.services.forms import words
from fleettrack.storage import facts

_Form = TypeVar("_Form", forms.NewReceipt, forms.NewHandover)


class Done(words.New, frozen=True):
    """A task is done: there is nothing to add."""


def _stated(state: Callable[..., Awaitable[facts.Fact]]) -> Callable[[Asked, _Form], Awaitable[facts.Fact]]:
    """Return the handler of what carriers may state, too."""

    async def handle(asked: Asked, form: _Form) -> facts.Fact:
        await _check_carrier(asked, form)
        editor, ref, actor = asked.services.editor, asked.path("ref"), asked.caller.actor
        return await state(editor, ref, form, actor=actor, now=asked.now, carrier=asked.carrier)

    return handle


async def _check_carrier(asked: Asked, form: forms.NewReceipt | forms.NewHandover) -> None:
    """Let a carrier state only what binds itself: that it took over goods it was to carry, by a scan at most.

    Where, and from whom, is the service's to check, with the consignment locked.

    Raises:
        NotFound: it carries no leg of this consignment.
        Forbidden: it would state something for somebody else.
    """
    if asked.carrier is None:
        return
    plan = await consignments.get(asked.services.database, asked.path("ref"))
    handlers.of_carrier(asked, plan, *(leg.carrier for leg in plan.legs))
    if form.to_party != asked.carrier or form.level not in ("dock_read", "scan"):
        raise errors.Forbidden(
            f"a carrier's key states only what it took over itself: to_party {asked.carrier}, level scan or dock_read"
        )


async def _accept(asked: Asked, _form: Done) -> dict[str, int]:
    visit = asked.number("visit")
    revision = await attention.accept_visit(asked.services.editor, visit, actor=asked.caller.actor, now=asked.now)
    return {"visit": visit, "revision": revision}


ROUTES = [
    handlers.post("/consignments/{ref}/receipts", EVERYBODY, forms.NewReceipt, _stated(receipts.receive)),
    handlers.post("/consignments/{ref}/handovers", EVERYBODY, forms.NewHandover, _stated(statements.hand_over)),
    handlers.post(
        "/consignments/{ref}/corrections",
        STAFF,
        forms.NewCorrection,
        lambda a, f: statements.correct(a.services.editor, a.path("ref"), f, actor=a.caller.actor, now=a.now),
    ),
    handlers.page(
        "/consignments/{ref}/facts",
        STAFF,
        int,
        lambda a, after, n: statements.page(a.services.database, a.path("ref"), after=after or 0, limit=n),
        lambda fact: fact.id,
    ),
    handlers.page(
        "/tasks",
        STAFF,
        int,
        lambda a, after, n: attention.tasks(
            a.services.database, open_only=a.flag("open") is not False, after=after or 0, limit=n
        ),
        lambda task: task.id,
    ),
    handlers.change(
        "POST",
        "/tasks/{task}/done",
        STAFF,
        Done,
        lambda a, _: attention.finish_task(a.services.editor, a.number("task"), actor=a.caller.actor, now=a.now),
    ),
    handlers.page(
        "/exceptions",
        STAFF,
        int,
        lambda a, after, n: attention.exceptions(
            a.services.database,
            consignment=a.word("consignment"),
            open_only=a.flag("open") is not False,
            after=after or 0,
            limit=n,
        ),
        lambda exceptional: exceptional.id,
    ),
    handlers.change("POST", "/visits/{visit}/accept", STAFF, Done, _accept),
]
