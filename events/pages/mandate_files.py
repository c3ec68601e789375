"""Ambassadors, their missions and their hours as files for a spreadsheet."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Stream

from events.engagement import funnels
from events.engagement.funnels import Counts
from events.pages.mandates import HOUR, KINDS, STATES, credit_of, stage_of, state_of
from events.people import mandates as people
from events.people.mandates import Mandate, today_in
from events.planning import missions, stints
from events.planning.missions import MissionLine
from server import sheets, workspaces
from server.audit import Actor
from server.database import scoped
from server.i18n import gettext as _
from server.i18n import use
from server.web import Asking
from server.workspaces import Seat

MOST_STINTS = 10_000


@get("/ambassadors.csv")
async def ambassadors_file(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Stream:
    look = await workspaces.look_by_id(seat.workspace_id)
    search, stage = request.query_params.get("q", ""), stage_of(request)
    today, credit = today_in(look, now), credit_of(request)

    async def pieces() -> AsyncIterator[list[list[object]]]:
        after: UUID | None = None
        more = True
        while more:
            async with scoped(by, readonly=True):
                found = await people.mandates(
                    today, search=search, stage=stage, after=after, limit=sheets.PIECE
                )
                ids = [one.id for one in found]
                counts = await funnels.counts(ids, now, credit)
                loads = await stints.loads(ids, today)
            with use(asking.lang):
                yield [_cells(one, counts[one.id], loads[one.id]) for one in found]
            more = len(found) == sheets.PIECE
            after = ids[-1] if ids else None

    return sheets.stream(f"{seat.slug}-ambassadors.csv", _head(), pieces())


def _head() -> list[str]:
    return [
        *(_("Name"), _("E-mail address"), _("Community"), _("Area"), _("Status")),
        *(_("First day"), _("Last day"), _("Charter, version"), _("Personal code")),
        *(str(label) for label in funnels.LABELS.values()),
        *(_("Why not measured"), _("Hours, 28 days"), _("Hours"), _("Weeks in a row")),
    ]


def _cells(one: Mandate, counts: Counts, load: stints.Load) -> list[object]:
    steps = funnels.figures(counts)
    return [
        *(one.name, one.email, one.community, one.area, str(state_of(one)[1])),
        *(one.starts_on, one.ends_on, one.charter_number, one.code),
        *("" if step.value is None else int(step.value) for step in steps),
        str(funnels.WHYS[steps[-1].why]) if steps[-1].why else "",
        *(load.lately / HOUR, load.minutes / HOUR, load.weeks),
    ]


@get("/ambassadors/missions.csv")
async def missions_file(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Stream:
    look = await workspaces.look_by_id(seat.workspace_id)
    head = [
        *(_("Ambassador"), _("Kind"), _("Mission"), _("Meetup"), _("Goal"), _("Until")),
        *(_("Status"), _("Proof"), _("Link"), _("Number"), _("Photo"), _("Thanks")),
    ]
    today = today_in(look, now)

    async def pieces() -> AsyncIterator[list[list[object]]]:
        after: UUID | None = None
        more = True
        while more:
            async with scoped(by, readonly=True):
                found = await missions.missions(today, after=after, limit=sheets.PIECE)
            with use(asking.lang):
                yield [_mission_cells(one) for one in found]
            more = len(found) == sheets.PIECE
            after = found[-1].id if found else None

    return sheets.stream(f"{seat.slug}-missions.csv", head, pieces())


def _mission_cells(one: MissionLine) -> list[object]:
    return [
        *(one.ambassador, str(KINDS[one.kind]), one.title, one.meetup, one.goal),
        *(one.due_on, str(STATES[one.state][1]), one.proof_text, one.proof_link),
        *(one.proof_count, _("yes") if one.proof_picture_id else "", one.thanks),
    ]


@get("/ambassadors/{ambassador_id:uuid}/hours.csv")
async def hours_file(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    ambassador_id: FromPath[UUID],
) -> Response[bytes]:
    look = await workspaces.look_by_id(seat.workspace_id)
    async with scoped(by, readonly=True):
        await people.mandate(ambassador_id, today_in(look, now))
        found = await stints.stints_of(ambassador_id, limit=MOST_STINTS)
    head = [_("Day"), _("Minutes"), _("Meetup"), _("Note")]
    rows = [(one.worked_on, one.minutes, one.meetup, one.note) for one in found]
    return sheets.sheet(f"{seat.slug}-hours.csv", head, rows)
