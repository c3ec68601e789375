"""What is owed to sponsors, to be read: the list, and one thing with its proofs."""

from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Stream

from events.planning import dues, owed
from events.planning.deliverables import ProofKind
from events.planning.dues import Progress
from events.planning.owed import DueLine, Filter, Wanted
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.i18n import gettext as _
from server.i18n import lazy, short_date
from server.look import Look
from server.sheets import table
from server.web import Asking, key_of, page
from server.workspaces import ORGANISERS, TEAM, Seat

PAGE = 50
AnyRequest = Request[Any, Any, Any]

FILTERS = {
    Filter.OPEN: lazy("Owed"),
    Filter.LATE: lazy("Late"),
    Filter.DELIVERED: lazy("Delivered"),
    Filter.DROPPED: lazy("Will not be delivered"),
    Filter.ALL: lazy("Everything"),
}
PROGRESS = {
    Progress.DUE: ("wait", lazy("owed")),
    Progress.LATE: ("no", lazy("late, not delivered")),
    Progress.DELIVERED: ("yes", lazy("delivered")),
    Progress.DROPPED: ("no", lazy("will not be delivered")),
}


# Rules


def scope_of(one: Any) -> str:  # noqa: ANN401 - whatever names a meetup, a series or days
    """What a sponsorship is of, in words."""
    if one.meetup or one.series:
        return str(one.meetup or one.series)
    return _(
        "%(first)s to %(last)s",
        first=short_date(one.starts_on),
        last=short_date(one.ends_on),
    )


def told(line: DueLine, today: date) -> dict[str, Any]:
    """A deliverable with its words."""
    state, label = PROGRESS[line.progress(today)]
    return {"line": line, "about": scope_of(line), "state": state, "label": str(label)}


# Reading


def _wanted(request: AnyRequest, by: Actor, today: date) -> tuple[Wanted, dict[str, str]]:
    """What the address asks for, and the same as it is written there."""
    asked = {
        name: request.query_params.get(name, "").strip()[:200]
        for name in ("state", "q", "sponsor", "owner")
    }
    which = asked["state"] if asked["state"] in set(Filter) else Filter.OPEN
    wanted = Wanted(
        which=Filter(which),
        search=asked["q"],
        sponsor=asked["sponsor"],
        owner_id=by.id if asked["owner"] == "me" else None,
        today=today,
    )
    return wanted, {name: value for name, value in asked.items() if value}


@get("/deliverables")
async def list_deliverables(
    request: AnyRequest,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    look = await workspaces.look(seat.slug)
    today = dues.day_of(now, look.time_zone)
    wanted, kept = _wanted(request, by, today)
    after = key_of(request.query_params.get("after"))
    async with scoped(by, readonly=True):
        found = await owed.deliverables(wanted, after=after, limit=PAGE + 1)
        counts = await owed.tally(today)
    base = f"/w/{seat.slug}/deliverables"
    more = {**kept, "after": str(found[PAGE - 1].id)} if len(found) > PAGE else None
    return page(
        asking,
        "organize/deliverables.html",
        workspace=look,
        lines=[told(one, today) for one in found[:PAGE]],
        is_any=bool(counts.open or counts.delivered or counts.dropped),
        kept=kept,
        filters=_filters(base, kept, wanted.which, counts),
        export_href=f"{base}.csv?{urlencode(kept)}",
        next_href=f"{base}?{urlencode(more)}" if more else None,
        mine_href=f"{base}?{urlencode({**kept, 'owner': 'me'})}",
        all_href=f"{base}?{urlencode(kept | {'owner': ''})}",
    )


def _filters(
    base: str, kept: dict[str, str], which: Filter, counts: owed.Tally
) -> list[dict[str, Any]]:
    """One filter a state, with how many things it holds in the workspace."""
    return [
        {
            "href": f"{base}?{urlencode({**kept, 'state': one.value})}",
            "label": str(label),
            "count": getattr(counts, one.value, None),
            "current": one is which,
        }
        for one, label in FILTERS.items()
    ]


@get("/deliverables.csv")
async def deliverables_file(
    request: AnyRequest,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Stream:
    look = await workspaces.look(seat.slug)
    today = dues.day_of(now, look.time_zone)
    wanted, _kept = _wanted(request, by, today)

    async def some(after: UUID | None, limit: int) -> list[DueLine]:
        return await owed.deliverables(wanted, after=after, limit=limit)

    words = {one: str(label) for one, (_state, label) in PROGRESS.items()}

    def cells(one: DueLine) -> list[object]:
        return [
            *(one.title, one.quantity, one.due_on, words[one.progress(today)]),
            *(one.sponsor, scope_of(one), one.package, one.owner, one.proofs),
            one.delivered_at.date() if one.delivered_at else "",
            one.dropped_reason,
        ]

    head = [
        *(_("What is owed"), _("Quantity"), _("Due on"), _("Status"), _("Sponsor")),
        *(_("For"), _("Package"), _("Who sees to it"), _("Proofs"), _("Delivered on")),
        _("Why it will not be delivered"),
    ]
    return table(f"{seat.slug}-deliverables.csv", head, some, cells, by=by)


@get("/deliverables/{deliverable_id:uuid}")
async def deliverable(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    deliverable_id: FromPath[UUID],
) -> Response[Any]:
    look = await workspaces.look(seat.slug)
    return await show(asking, by, now, seat, look, deliverable_id)


async def show(
    asking: Asking,
    by: Actor,
    now: datetime,
    seat: Seat,
    look: Look,
    deliverable_id: UUID,
    *,
    errors: dict[str, Any] | None = None,
    answers: dict[str, Any] | None = None,
) -> Response[Any]:
    today = dues.day_of(now, look.time_zone)
    async with scoped(by, readonly=True):
        line = await owed.deliverable(deliverable_id)
        proofs = (await owed.proofs_of([deliverable_id])).get(deliverable_id, [])
        owners = await team_of()
    return page(
        asking,
        "organize/deliverable.html",
        status=422 if errors else 200,
        workspace=look,
        **told(line, today),
        proofs=proofs,
        owners=owners,
        is_organiser=seat.role in ORGANISERS,
        errors={name: str(text) for name, text in (errors or {}).items()},
        answers=_as_owed(line) | (answers or {}),
    )


def _as_owed(line: DueLine) -> dict[str, Any]:
    """What the forms of a deliverable hold before anybody types."""
    return {
        "title": line.title,
        "due_on": line.due_on.isoformat(),
        "quantity": line.quantity,
        "owner": line.owner_id or "",
        "kind": ProofKind.PHOTO.value,
    }


async def team_of() -> list[tuple[str, str]]:
    """Who may see to something, for a list to choose from."""
    found = {
        str(one.account_id): one.name or one.email
        for one in await workspaces.team()
        if one.role in TEAM
    }
    return sorted(found.items(), key=lambda pair: pair[1].casefold())


READS: list[HTTPRouteHandler] = [list_deliverables, deliverables_file, deliverable]
