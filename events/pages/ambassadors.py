"""What organisers do with ambassadors; what the team reads of them is in `mandates`."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from litestar import Request, Response, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.pages import mandate_files
from events.pages import mandates as pages
from events.pages.mandates import Refused
from events.people import ambassadors
from events.people.mandates import mandate, today_in
from events.planning import missions
from events.planning.missions import Kind
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid, NotFound
from server.forms import Email, Form, Line, Prose, read
from server.i18n import gettext as _
from server.look import Look
from server.web import Asking, away, typed
from server.workspaces import Seat

READS: list[HTTPRouteHandler] = [
    pages.listing,
    pages.ambassador,
    mandate_files.ambassadors_file,
    mandate_files.missions_file,
    mandate_files.hours_file,
]

Act = Callable[[Look, dict[str, Any]], Awaitable[None]]


class NameForm(Form, kw_only=True):
    email: Email
    name: Line
    community: UUID
    area: Line | None = None
    perks: Prose | None = None
    starts_on: date
    ends_on: date


class TermForm(Form, kw_only=True):
    area: Line | None = None
    perks: Prose | None = None
    starts_on: date
    ends_on: date


class ChangeForm(Form, kw_only=True):
    area: Line | None = None
    perks: Prose | None = None
    ends_on: date


class ReasonForm(Form, kw_only=True):
    reason: Prose | None = None


class RestForm(Form, kw_only=True):
    until: date | None = None


class MissionForm(Form, kw_only=True):
    kind: Kind
    title: Line
    goal: int | None = None
    due_on: date | None = None
    meetup: UUID | None = None


class ThanksForm(Form, kw_only=True):
    thanks: Prose


@post("/ambassadors/new", status_code=303)
async def name_one(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
) -> Response[Any]:
    answers = await typed(request)
    try:
        made = await _name(read(NameForm, answers), asking, by=by, now=now)
    except Invalid as no:
        refused = Refused(422, no.fields, answers)
        return await pages.blank(asking, by, now, seat, refused)
    except Conflict as no:
        refused = Refused(409, {"": str(no)}, answers)
        return await pages.blank(asking, by, now, seat, refused)
    path = f"/w/{seat.slug}/ambassadors/{made}"
    return away(asking, path, said=_("The letter with her invitation is on its way."))


async def _name(form: NameForm, asking: Asking, *, by: Actor, now: datetime) -> UUID:
    """An application and its yes, in one."""
    async with scoped(by):
        look = await workspaces.look_by_id(by.workspace_id)
        made = await ambassadors.apply(
            form.email,
            name=form.name,
            language=look.language,
            community_id=form.community,
            area=form.area or "",
            workspace=look,
            by=by,
            now=now,
        )
        await ambassadors.accept(
            made.id,
            starts_on=form.starts_on,
            ends_on=form.ends_on,
            area=form.area or "",
            perks=form.perks or "",
            workspace=look,
            origin=asking.settings.origin,
            by=by,
            now=now,
        )
    return made.id


@post("/ambassadors/{ambassador_id:uuid}/accept", status_code=303)
async def accept(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    ambassador_id: FromPath[UUID],
) -> Response[Any]:
    async def act(look: Look, answers: dict[str, Any]) -> None:
        form = read(TermForm, answers)
        await ambassadors.accept(
            ambassador_id,
            starts_on=form.starts_on,
            ends_on=form.ends_on,
            area=form.area or "",
            perks=form.perks or "",
            workspace=look,
            origin=asking.settings.origin,
            by=by,
            now=now,
        )

    said = _("The letter with her invitation is on its way.")
    return await _done(request, asking, by, now, seat, ambassador_id, act, said)


@post("/ambassadors/{ambassador_id:uuid}/decline", status_code=303)
async def decline(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    ambassador_id: FromPath[UUID],
) -> Response[Any]:
    async def act(look: Look, answers: dict[str, Any]) -> None:
        reason = read(ReasonForm, answers).reason or ""
        await ambassadors.decline(ambassador_id, reason, workspace=look, by=by, now=now)

    said = _("The application is declined, a letter says so.")
    return await _done(request, asking, by, now, seat, ambassador_id, act, said)


@post("/ambassadors/{ambassador_id:uuid}/change", status_code=303)
async def change(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    ambassador_id: FromPath[UUID],
) -> Response[Any]:
    async def act(look: Look, answers: dict[str, Any]) -> None:
        form = read(ChangeForm, answers)
        await ambassadors.change(
            ambassador_id,
            area=form.area or "",
            perks=form.perks or "",
            ends_on=form.ends_on,
            workspace=look,
            by=by,
            now=now,
        )

    said = _("The mandate is changed.")
    return await _done(request, asking, by, now, seat, ambassador_id, act, said)


@post("/ambassadors/{ambassador_id:uuid}/rest", status_code=303)
async def rest(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    ambassador_id: FromPath[UUID],
) -> Response[Any]:
    async def act(look: Look, answers: dict[str, Any]) -> None:
        until = read(RestForm, answers).until
        await ambassadors.rest(ambassador_id, until, workspace=look, by=by, now=now)

    said = _("The rest is written down: nothing is asked of her meanwhile.")
    return await _done(request, asking, by, now, seat, ambassador_id, act, said)


@post("/ambassadors/{ambassador_id:uuid}/end", status_code=303)
async def end(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    ambassador_id: FromPath[UUID],
) -> Response[Any]:
    async def act(look: Look, answers: dict[str, Any]) -> None:
        reason = read(ReasonForm, answers).reason or ""
        await ambassadors.end(ambassador_id, reason, workspace=look, by=by, now=now)

    said = _("The term is ended, and her page is closed.")
    return await _done(request, asking, by, now, seat, ambassador_id, act, said)


@post("/ambassadors/{ambassador_id:uuid}/missions", status_code=303)
async def ask_mission(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    ambassador_id: FromPath[UUID],
) -> Response[Any]:
    async def act(look: Look, answers: dict[str, Any]) -> None:
        form = read(MissionForm, answers)
        await missions.ask(
            ambassador_id,
            kind=form.kind,
            title=form.title,
            goal=form.goal,
            due_on=form.due_on,
            meetup_id=form.meetup,
            workspace=look,
            origin=asking.settings.origin,
            by=by,
            now=now,
        )

    said = _("The mission is asked, a letter says so.")
    return await _done(request, asking, by, now, seat, ambassador_id, act, said)


MISSION = "/ambassadors/{ambassador_id:uuid}/missions/{mission_id:uuid}"


@post(f"{MISSION}/thank", status_code=303)
async def thank(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    ambassador_id: FromPath[UUID],
    mission_id: FromPath[UUID],
) -> Response[Any]:
    async def act(look: Look, answers: dict[str, Any]) -> None:
        await missions.hers(mission_id, ambassador_id)
        thanks = read(ThanksForm, answers).thanks
        origin = asking.settings.origin
        await missions.thank(
            mission_id, thanks, workspace=look, origin=origin, by=by, now=now
        )

    said = _("Your thanks are on their way.")
    return await _done(request, asking, by, now, seat, ambassador_id, act, said)


@post(f"{MISSION}/drop", status_code=303)
async def drop(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    ambassador_id: FromPath[UUID],
    mission_id: FromPath[UUID],
) -> Response[Any]:
    async def act(_look: Look, _answers: dict[str, Any]) -> None:
        await missions.hers(mission_id, ambassador_id)
        await missions.drop(mission_id, by=by, now=now)

    said = _("The mission is no longer asked.")
    return await _done(request, asking, by, now, seat, ambassador_id, act, said)


async def _done(
    request: Request[Any, Any, Any],
    asking: Asking,
    by: Actor,
    now: datetime,
    seat: Seat,
    ambassador_id: UUID,
    act: Act,
    said: str,
) -> Response[Any]:
    """Do it in one transaction and say so, or show the page with what was typed."""
    answers = await typed(request)
    try:
        async with scoped(by):
            look = await workspaces.look_by_id(seat.workspace_id)
            await mandate(ambassador_id, today_in(look, now))
            await act(look, answers)
    except NotFound:
        raise
    except Invalid as no:
        refused = Refused(422, no.fields, answers)
        return await pages.shown(asking, by, now, seat, ambassador_id, refused)
    except Conflict as no:
        refused = Refused(409, {"": str(no)}, answers)
        return await pages.shown(asking, by, now, seat, ambassador_id, refused)
    return away(asking, f"/w/{seat.slug}/ambassadors/{ambassador_id}", said=said)


WRITES: list[HTTPRouteHandler] = [
    pages.new,
    name_one,
    accept,
    decline,
    change,
    rest,
    end,
    ask_mission,
    thank,
    drop,
]
