"""Mandates, for the team: who acts for it, what was asked, and what became of it."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery

from events.engagement import funnels
from events.engagement.funnels import Counts, Credit
from events.engagement.metrics import Figure
from events.people import communities, dossiers
from events.people import mandates as people
from events.people.mandates import IN_TERM, Mandate, Stage, today_in
from events.planning import meetups, missions, stints
from events.planning.missions import Kind, MissionLine
from events.planning.missions import State as MissionState
from server import charts, workspaces
from server.audit import Actor
from server.charts import Chart, Palette, Words
from server.database import scoped
from server.i18n import Lazy, duration, lazy, ngettext, number, percent
from server.i18n import gettext as _
from server.web import Asking, key_of, page
from server.workspaces import ORGANISERS, Seat

PAGE = 20
HOUR = 60

STAGES = {
    Stage.APPLIED: ("ask", lazy("To be answered")),
    Stage.COMING: ("wait", lazy("Begins soon")),
    Stage.ACTIVE: ("in", lazy("In term")),
    Stage.RESTING: ("wait", lazy("Rests")),
    Stage.OVER: ("no", lazy("Term over")),
    Stage.ENDED: ("no", lazy("Ended")),
    Stage.DECLINED: ("no", lazy("Declined")),
}
KINDS = {
    Kind.HOST: lazy("Host a table"),
    Kind.NEWCOMERS: lazy("Bring newcomers"),
    Kind.TEST: lazy("Test something"),
    Kind.OPINIONS: lazy("Collect opinions"),
    Kind.OTHER: lazy("Something else"),
}
UNITS = {
    Kind.HOST: lazy("people at the table"),
    Kind.NEWCOMERS: lazy("newcomers"),
    Kind.TEST: lazy("tests"),
    Kind.OPINIONS: lazy("opinions"),
}
STATES = {
    MissionState.ASKED: ("ask", lazy("Asked")),
    MissionState.LATE: ("wait", lazy("Late")),
    MissionState.PROVED: ("in", lazy("Proved")),
    MissionState.THANKED: ("yes", lazy("Thanked")),
    MissionState.DROPPED: ("no", lazy("Dropped")),
}


class Refused(msgspec.Struct, frozen=True):
    """A form that could not be taken: what was typed, and a sentence by field."""

    status: int = 200
    errors: Mapping[str, object] = {}
    answers: Mapping[str, Any] = {}


INVITED = ("ask", lazy("Invited, charter to accept"))

# Rules


def state_of(her: Mandate) -> tuple[str, Lazy]:
    """The shape and the words of where she is; in term only once she accepted a charter."""
    is_asked = her.must_agree and her.charter_accepted_at is None
    if is_asked and her.stage in {Stage.COMING, Stage.ACTIVE}:
        return INVITED
    return STAGES[her.stage]


def funnel(counts: Counts, *, at_least: int = 1) -> tuple[Chart, list[Figure]]:
    """The steps as a drawing with its table, and as figures with their reasons."""
    steps = funnels.figures(counts, at_least=at_least)
    rows, before = [], None
    for one in steps:
        whole = before if one.n is None else one.n
        note = percent(one.value / whole) if whole and one.value is not None else ""
        rows.append(charts.Step(str(funnels.LABELS[one.key]), one.value, note))
        before = one.value
    words = Words(
        title=_("From inviting to taking part"),
        description=", ".join(
            f"{row.name} {'—' if row.value is None else number(row.value)}" for row in rows
        ),
        columns=(_("Step"), _("People"), _("Share of the step before")),
        number=number,
    )
    return charts.funnel(rows, words, Palette.page()), steps


def online(steps: Sequence[Figure]) -> str:
    """What the last step is a share of, or why it is not known."""
    last = steps[-1]
    if last.why:
        return _("Active online: not measured, %(why)s.", why=funnels.WHYS[last.why])
    return ngettext(
        "Active online: measured on %(num)s person who came and is linked.",
        "Active online: measured on %(num)s people who came and are linked.",
        last.n or 0,
    )


def shown_mission(one: MissionLine) -> dict[str, Any]:
    """A mission with its words."""
    state, label = STATES[one.state]
    return {
        "one": one,
        "kind": str(KINDS[one.kind]),
        "unit": str(UNITS.get(one.kind, "")),
        "is_": state,
        "label": str(label),
    }


def credit_of(request: Request[Any, Any, Any]) -> Credit:
    asked = request.query_params.get("credit", "")
    return Credit.FIRST if asked == Credit.FIRST.value else Credit.LAST


def stage_of(request: Request[Any, Any, Any]) -> Stage | None:
    asked = request.query_params.get("stage", "")
    return Stage(asked) if asked in set(Stage) else None


def _href(seat: Seat, leaf: str = "ambassadors", **kept: str) -> str:
    query = urlencode({name: value for name, value in kept.items() if value})
    return f"/w/{seat.slug}/{leaf}" + (f"?{query}" if query else "")


# The list


@get("/ambassadors")
async def listing(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    search = request.query_params.get("q", "").strip()
    stage, credit = stage_of(request), credit_of(request)
    after = key_of(request.query_params.get("after"))
    async with scoped(by, readonly=True):
        look = await workspaces.look_by_id(seat.workspace_id)
        today = today_in(look, now)
        found = await people.mandates(
            today, search=search, stage=stage, after=after, limit=PAGE + 1
        )
        ids = [one.id for one in found[:PAGE]]
        counts = await funnels.counts(ids, now, credit)
        loads = await stints.loads(ids, today)
        stages = await people.stages(today)
        best = await funnels.ranking(today, now, most=10) if look.ranks_ambassadors else []
    kept = {"q": search, "stage": stage.value if stage else "", "credit": credit.value}
    more = len(found) > PAGE
    return page(
        asking,
        "organize/ambassadors.html",
        workspace=look,
        lines=[
            (one, *state_of(one), counts[one.id], loads[one.id]) for one in found[:PAGE]
        ],
        search=search,
        credit=credit.value,
        kept=kept,
        filters=_filters(seat, stages, kept),
        credits=_credits(seat, kept),
        best=best,
        duration=duration,
        is_organiser=seat.role in ORGANISERS,
        apply_href=f"{asking.settings.origin}/m/{look.slug}/ambassadors/apply",
        next_href=_href(seat, **kept, after=str(ids[-1])) if more else None,
        export_href=_href(seat, "ambassadors.csv", **kept),
    )


def _filters(
    seat: Seat, stages: dict[Stage, int], kept: dict[str, str]
) -> list[dict[str, Any]]:
    """Everybody, then each stage somebody is at."""
    q, credit = kept["q"], kept["credit"]
    everybody = {
        "href": _href(seat, q=q, credit=credit),
        "label": _("Everybody"),
        "count": number(sum(stages.values())),
        "current": not kept["stage"],
    }
    return [everybody] + [
        {
            "href": _href(seat, q=q, credit=credit, stage=stage.value),
            "label": str(STAGES[stage][1]),
            "count": number(stages[stage]),
            "current": kept["stage"] == stage.value,
        }
        for stage in Stage
        if stages.get(stage) or kept["stage"] == stage.value
    ]


def _credits(
    seat: Seat, kept: dict[str, str], leaf: str = "ambassadors"
) -> list[dict[str, Any]]:
    """To whom a registration goes when several links led there."""
    words = {
        Credit.LAST: _("By the last link"),
        Credit.FIRST: _("By the first link"),
    }
    return [
        {
            "href": _href(seat, leaf, **{**kept, "credit": credit.value}),
            "label": text,
            "current": kept["credit"] == credit.value,
        }
        for credit, text in words.items()
    ]


# One ambassador


@get("/ambassadors/new")
async def new(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    member: FromQuery[UUID | None] = None,
) -> Response[Any]:
    """The form, with who she is when it is opened from her own page."""
    answers: dict[str, Any] = {}
    if member is not None:
        async with scoped(by, readonly=True):
            her = await dossiers.here(member)
            hers = {one.slug for one in her.communities}
            known = [one for one in await communities.names() if one.slug in hers]
        answers = {"name": her.name, "email": her.email or ""}
        if known:
            answers["community"] = str(known[0].id)
    return await blank(asking, by, now, seat, Refused(answers=answers))


async def blank(
    asking: Asking, by: Actor, now: datetime, seat: Seat, refused: Refused
) -> Response[Any]:
    """The form for an ambassador whom the team names itself."""
    async with scoped(by, readonly=True):
        look = await workspaces.look_by_id(seat.workspace_id)
        every = await communities.names()
    return page(
        asking,
        "organize/ambassador_new.html",
        status=refused.status,
        workspace=look,
        communities=[(str(one.id), one.name) for one in every],
        today=today_in(look, now),
        answers=refused.answers,
        errors=refused.errors,
    )


@get("/ambassadors/{ambassador_id:uuid}")
async def ambassador(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    ambassador_id: FromPath[UUID],
) -> Response[Any]:
    refused = Refused()
    return await shown(asking, by, now, seat, ambassador_id, refused, credit_of(request))


async def work_of(
    ambassador_id: UUID,
    today: date,
    now: datetime,
    *,
    credit: Credit = Credit.LAST,
    at_least: int = 1,
) -> dict[str, Any]:
    """What she was asked, gave and brought about, for her own page and the team's."""
    asked = await missions.missions_of(ambassador_id, today)
    counts = (await funnels.counts([ambassador_id], now, credit))[ambassador_id]
    chart, steps = funnel(counts, at_least=at_least)
    return {
        "missions": [shown_mission(one) for one in asked],
        "stints": await stints.stints_of(ambassador_id),
        "load": (await stints.loads([ambassador_id], today))[ambassador_id],
        "duration": duration,
        "chart": chart,
        "online": online(steps),
        "meanings": [(funnels.LABELS[s.key], funnels.MEANINGS[s.key]) for s in steps],
    }


async def shown(
    asking: Asking,
    by: Actor,
    now: datetime,
    seat: Seat,
    ambassador_id: UUID,
    refused: Refused,
    credit: Credit = Credit.LAST,
) -> Response[Any]:
    """Everything about one ambassador; a refused form comes back with its answers."""
    async with scoped(by, readonly=True):
        look = await workspaces.look_by_id(seat.workspace_id)
        today = today_in(look, now)
        her = await people.mandate(ambassador_id, today)
        work = await work_of(ambassador_id, today, now, credit=credit)
        coming = await meetups.agenda(now)
    return page(
        asking,
        "organize/ambassador.html",
        status=refused.status,
        workspace=look,
        her=her,
        state=state_of(her),
        **work,
        credits=_credits(seat, {"credit": credit.value}, f"ambassadors/{ambassador_id}"),
        kinds=[(kind.value, str(text)) for kind, text in KINDS.items()],
        coming=[("", "—"), *((str(one.id), one.title) for one in coming)],
        may_ask=her.stage is Stage.ACTIVE,
        is_in_term=her.stage in IN_TERM,
        is_organiser=seat.role in ORGANISERS,
        link=f"{asking.settings.origin}/a/{look.slug}/{her.code}",
        today=today,
        answers=refused.answers,
        errors=refused.errors,
    )
