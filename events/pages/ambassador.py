"""An ambassador’s own page; how one becomes one is in `joining`.

Her term is asked for at every request: past its last day, or ended, the page is not there.
She sees counts of the people she brought, never what one of them does.
"""

from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency, Provide
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission import invitations, tickets
from events.engagement import funnels
from events.pages import mandates as pages
from events.pages.joining import PRIVATE, PUBLIC, charter_text
from events.pages.mandates import Refused
from events.people import ambassadors
from events.people.mandates import Mandate, mandate_of, today_in
from events.planning import meetups, missions, stints
from events.planning.missions import Proof
from server import charters, pictures, workspaces
from server.audit import Actor
from server.charters import Kind as CharterKind
from server.database import find, scoped
from server.errors import Conflict, Invalid, NotFound
from server.forms import Email, Form, Line, Minutes, Prose, Tick, read
from server.i18n import gettext as _
from server.i18n import lazy, short_date
from server.look import Look
from server.pages.pictures import PROOF_SIDE, TEAM_LIFE, shown
from server.pictures import Kind as PictureKind
from server.web import Asking, away, page, typed
from server.workspaces import Seat

LARGEST_FORM = 11 * 1024 * 1024  # a photo, and what a form puts around it
LATELY, MOST_MEETUPS = timedelta(days=60), 200  # what hours were given for
__all__ = ["OWN", "PUBLIC"]


class ProofForm(Form, kw_only=True):
    text: Prose | None = None
    link: Line | None = None
    count: int | None = None


class HoursForm(Form, kw_only=True):
    worked_on: date
    minutes: Minutes
    note: Line | None = None
    meetup: UUID | None = None


class RestForm(Form, kw_only=True):
    until: date | None = None


class InviteForm(Form, kw_only=True):
    meetup: UUID
    name: Line
    email: Email


class CharterForm(Form, kw_only=True):
    version: UUID
    agrees: Tick = Tick(0)


# Rules


def may_invite(one: meetups.Line, her: Mandate, now: datetime) -> bool:
    """Can anybody still be asked to this meetup, and is it of her community?"""
    is_open = one.postponed_at is None and one.ends_at > now
    return is_open and one.community_id == her.community_id


def worked_at(around: list[meetups.Line], now: datetime) -> list[tuple[str, str]]:
    """The meetups an hour may have been given for, nearest in time first."""
    near = sorted(around, key=lambda one: abs(one.starts_at - now))
    return [
        (str(one.id), f"{one.title}, {short_date(one.starts_at, one.time_zone)}")
        for one in near
    ]


# Her own page


async def provide_look(seat: NamedDependency[Seat]) -> Look:
    return await workspaces.look_by_id(seat.workspace_id)


async def provide_her(
    look: NamedDependency[Look], by: NamedDependency[Actor], now: NamedDependency[datetime]
) -> Mandate:
    """Whose page this is. Nothing is here for somebody whose term does not run today."""
    if by.id is None:
        raise NotFound
    async with scoped(by, readonly=True):
        return await mandate_of(by.id, today_in(look, now))


HERS = {"look": Provide(provide_look), "her": Provide(provide_her)}


@get("/", dependencies=HERS)
async def home(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    look: NamedDependency[Look],
    her: NamedDependency[Mandate],
) -> Response[Any]:
    return await _home(asking, by, now, look, her, Refused())


async def _home(
    asking: Asking, by: Actor, now: datetime, look: Look, her: Mandate, refused: Refused
) -> Response[Any]:
    today = today_in(look, now)
    async with scoped(by, readonly=True):
        work = await pages.work_of(her.id, today, now, at_least=look.disclosure_k)
        around = await meetups.agenda(now - LATELY, limit=MOST_MEETUPS)
        charter = await charters.current(CharterKind.AMBASSADORS)
        best = await funnels.ranking(today, now, most=10) if look.ranks_ambassadors else []
    link = f"{asking.settings.origin}/a/{look.slug}/{her.code}"
    answer = page(
        asking,
        "ambassador/home.html",
        status=refused.status,
        workspace=look,
        **_frame(look, her),
        her=her,
        charter_text=charter_text(charter, asking, look),
        charter=charter,
        **work,
        coming=[(str(one.id), one.title) for one in around if may_invite(one, her, now)],
        worked_at=worked_at(around, now),
        best=best,
        link=link,
        square=tickets.qr_svg(link, title=_("Your personal link, as a QR code")),
        today=today,
        answers=refused.answers,
        errors=refused.errors,
    )
    answer.headers.update(PRIVATE)
    return answer


def _frame(look: Look, her: Mandate) -> dict[str, Any]:
    """What stands around her page: her name, and the way out."""
    return {
        "portal_name": her.name,
        "nav": [],
        "home_href": f"/ambassador/{look.slug}",
        "signout_href": "/sign-out",
    }


Act = Callable[[dict[str, Any]], Awaitable[None]]


async def _done(
    request: Request[Any, Any, Any],
    asking: Asking,
    by: Actor,
    now: datetime,
    look: Look,
    her: Mandate,
    act: Act,
    said: str,
) -> Response[Any]:
    """Do it and say so, or show her page with what she typed."""
    answers = await typed(request)
    try:
        await act(answers)
    except (Invalid, Conflict) as no:
        fields = no.fields if isinstance(no, Invalid) else {"": str(no)}
        kept = {
            name: value
            for name, value in answers.items()
            if not isinstance(value, UploadFile)
        }
        status = 422 if isinstance(no, Invalid) else 409
        return await _home(asking, by, now, look, her, Refused(status, fields, kept))
    return away(asking, f"/ambassador/{look.slug}", said=said)


@post("/charter", status_code=303, dependencies=HERS)
async def agree(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    look: NamedDependency[Look],
    her: NamedDependency[Mandate],
) -> Response[Any]:
    async def act(answers: dict[str, Any]) -> None:
        form = read(CharterForm, answers)
        if not form.agrees:
            raise Invalid(agrees=lazy("Tick the box once you have read it."))
        async with scoped(by):
            charter = await charters.current(CharterKind.AMBASSADORS)
            if charter is None or charter.id != form.version:
                raise Invalid(agrees=lazy("The charter has changed: read it once more."))
            await ambassadors.accept_charter(her.id, charter.id, by=by, now=now)

    said = _("Your agreement is written down.")
    return await _done(request, asking, by, now, look, her, act, said)


@post(
    "/missions/{mission_id:uuid}/proof",
    status_code=303,
    request_max_body_size=LARGEST_FORM,
    dependencies=HERS,
)
async def prove(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    look: NamedDependency[Look],
    her: NamedDependency[Mandate],
    mission_id: FromPath[UUID],
) -> Response[Any]:
    async def act(answers: dict[str, Any]) -> None:
        photo = answers.pop("picture", None)
        form = read(ProofForm, answers)
        content = await photo.read() if isinstance(photo, UploadFile) else b""
        async with scoped(by):
            await missions.hers(mission_id, her.id)
        fresh = await pictures.draw(PictureKind.PROOF, content) if content else None
        async with scoped(by):
            kept = await pictures.store(fresh, by=by, now=now) if fresh else None
            proof = Proof(form.text or "", form.link or "", form.count, kept)
            await missions.prove(mission_id, her.id, proof, by=by, now=now)

    said = _("Your proof has arrived. Thank you.")
    return await _done(request, asking, by, now, look, her, act, said)


@get("/pictures/{picture_id:uuid}", dependencies=HERS)
async def picture(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    her: NamedDependency[Mandate],
    picture_id: FromPath[UUID],
) -> Response[Any]:
    """A photo she sent as a proof; nobody else’s."""
    async with scoped(by, readonly=True):
        await missions.check_hers(picture_id, her.id)
        found = await pictures.picture(picture_id)
    return await shown(request, found, TEAM_LIFE, PROOF_SIDE)


@post("/hours", status_code=303, dependencies=HERS)
async def log_hours(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    look: NamedDependency[Look],
    her: NamedDependency[Mandate],
) -> Response[Any]:
    async def act(answers: dict[str, Any]) -> None:
        form = read(HoursForm, answers)
        await stints.log(
            her.id,
            worked_on=form.worked_on,
            minutes=form.minutes,
            note=form.note or "",
            meetup_id=form.meetup,
            today=today_in(look, now),
            by=by,
            now=now,
        )

    said = _("Your time is written down.")
    return await _done(request, asking, by, now, look, her, act, said)


@post("/hours/{stint_id:uuid}/remove", status_code=303, dependencies=HERS)
async def remove_hours(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    look: NamedDependency[Look],
    her: NamedDependency[Mandate],
    stint_id: FromPath[UUID],
) -> Response[Any]:
    await stints.remove(stint_id, her.id, by=by, now=now)
    return away(asking, f"/ambassador/{look.slug}", said=_("The line is taken back."))


@post("/rest", status_code=303, dependencies=HERS)
async def rest(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    look: NamedDependency[Look],
    her: NamedDependency[Mandate],
) -> Response[Any]:
    async def act(answers: dict[str, Any]) -> None:
        until = read(RestForm, answers).until
        await ambassadors.rest(her.id, until, workspace=look, by=by, now=now)

    said = _("Your rest is written down: nothing is asked of you meanwhile.")
    return await _done(request, asking, by, now, look, her, act, said)


@post("/invitations", status_code=303, dependencies=HERS)
async def invite(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    look: NamedDependency[Look],
    her: NamedDependency[Mandate],
) -> Response[Any]:
    async def act(answers: dict[str, Any]) -> None:
        form = read(InviteForm, answers)
        async with scoped(by, readonly=True):
            meetup = await find(meetups.Meetup, form.meetup)
        if meetup.community_id != her.community_id:
            raise Invalid(meetup=lazy("Choose a meetup of your community."))
        await invitations.invite(
            meetup,
            name=form.name,
            email=form.email,
            her=her,
            workspace=look,
            settings=asking.settings,
            by=by,
            now=now,
        )

    said = _("Noted. Unless this person has a place or wants no letters, ours leaves now.")
    return await _done(request, asking, by, now, look, her, act, said)


OWN: list[HTTPRouteHandler] = [
    home,
    agree,
    prove,
    picture,
    log_hours,
    remove_hours,
    rest,
    invite,
]
