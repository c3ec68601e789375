"""How one becomes an ambassador, and what the people she invites may ask of us.

Anybody may apply; the answer is the same whoever did. A personal link goes on to the next
meetup with its code in the address: no cookie is set. Letters stop in one click and a
button, and whoever was invited may hide by whom.
"""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission import invitations, registrations, touches
from events.pages.mandates import Refused
from events.people import ambassadors, communities
from events.people.mandates import mandate_by_code, today_in
from events.planning import meetups
from server import charters, limits
from server.charters import Kind as CharterKind
from server.charters import Version
from server.database import scoped
from server.errors import Invalid
from server.forms import Email, Form, Line, Prose, Tick, read
from server.i18n import gettext as _
from server.i18n import lazy
from server.look import Look
from server.web import Asking, away, in_workspace_frame, page, public_look, typed

WINDOW = timedelta(minutes=10)
PER_ADDRESS = 60
PER_EMAIL = 5
PRIVATE = {"referrer-policy": "no-referrer", "x-robots-tag": "noindex, nofollow"}


class ApplyForm(Form, kw_only=True):
    """What somebody says to become an ambassador; `website` is for robots only."""

    first_name: Line
    email: Email
    community: UUID
    area: Line | None = None
    motive: Prose
    agrees: Tick = Tick(0)
    version: int | None = None
    website: Line | None = None


# Rules


def charter_text(charter: Version | None, asking: Asking, look: Look) -> str:
    """The charter in the reader's language, or in one that the brand wrote."""
    return charters.text_in(charter, asking.lang, look.language)[0] if charter else ""


# Applying


@get("/m/{workspace:str}/ambassadors/apply")
async def application(
    asking: NamedDependency[Asking], workspace: FromPath[str]
) -> Response[Any]:
    look = await public_look(asking, workspace)
    return await _application(asking, look, Refused())


async def _application(asking: Asking, look: Look, refused: Refused) -> Response[Any]:
    async with scoped(asking.anyone(look.id), readonly=True):
        charter = await charters.current(CharterKind.AMBASSADORS)
        every = await communities.names()
    return page(
        asking,
        "public/ambassador_apply.html",
        status=refused.status,
        charter=charter,
        charter_text=charter_text(charter, asking, look),
        communities=[(str(one.id), one.name) for one in every],
        answers=refused.answers,
        errors={name: str(text) for name, text in refused.errors.items()},
        **in_workspace_frame(asking, look),
    )


@post("/m/{workspace:str}/ambassadors/apply", status_code=200)
async def apply(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
) -> Response[Any]:
    look = await public_look(asking, workspace)
    answers = await typed(request)
    try:
        form = read(ApplyForm, answers)
        await limits.spend(
            "apply", asking.address, most=PER_ADDRESS, window=WINDOW, now=now
        )
        await limits.spend(
            "apply_email", form.email, most=PER_EMAIL, window=WINDOW, now=now
        )
        if not form.website:
            await _apply(form, look, asking, now)
    except Invalid as no:
        return await _application(asking, look, Refused(422, no.fields, answers))
    return page(
        asking,
        "public/ambassador_applied.html",
        email=form.email,
        **in_workspace_frame(asking, look),
    )


async def _apply(form: ApplyForm, look: Look, asking: Asking, now: datetime) -> None:
    """The same for everybody; only a new application is answered by letter."""
    by = asking.anyone(look.id)
    async with scoped(by):
        charter = await charters.current(CharterKind.AMBASSADORS)
        if charter and (not form.agrees or form.version != charter.number):
            raise Invalid(agrees=lazy("Read the charter, and tick the box."))
        if form.community not in {one.id for one in await communities.names()}:
            raise Invalid(community=lazy("Choose one of the answers offered."))
        await ambassadors.apply(
            form.email,
            name=form.first_name,
            language=asking.lang,
            community_id=form.community,
            area=form.area or "",
            motive=form.motive,
            charter_id=charter.id if charter else None,
            tells=True,
            is_wish=True,
            workspace=look,
            by=by,
            now=now,
        )


# Personal links and letters


@get("/a/{workspace:str}/{code:str}", status_code=303)
async def follow(
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    code: FromPath[str],
) -> Response[Any]:
    """On to her next open meetup, or to the agenda, by the address alone; no cookie."""
    look = await public_look(asking, workspace)
    async with scoped(asking.anyone(look.id), readonly=True):
        her = await mandate_by_code(code, today_in(look, now))
        hers = her.community_id if her else None
        coming = await meetups.agenda(now, community_id=hers)
    open_ = next((one.slug for one in coming if one.postponed_at is None), "")
    path = f"/m/{look.slug}" + (f"/{open_}" if open_ else "")
    return away(asking, f"{path}?{urlencode({'via': her.code})}" if her else path)


STOP = "/i/{workspace:str}/{invitation_id:uuid}/{given:str}"


@get(STOP)
async def ask_stop(
    asking: NamedDependency[Asking],
    workspace: FromPath[str],
    invitation_id: FromPath[UUID],
    given: FromPath[str],
) -> Response[Any]:
    return await _stop(asking, workspace, invitation_id, given, is_done=False)


@post(STOP, status_code=200)
async def stop(
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    workspace: FromPath[str],
    invitation_id: FromPath[UUID],
    given: FromPath[str],
) -> Response[Any]:
    look = await public_look(asking, workspace)
    by = asking.anyone(look.id)
    await invitations.by_seal(invitation_id, given, settings=asking.settings, by=by)
    await invitations.stop(invitation_id, language=asking.lang, by=by, now=now)
    return await _stop(asking, workspace, invitation_id, given, is_done=True)


async def _stop(
    asking: Asking, workspace: str, invitation_id: UUID, given: str, *, is_done: bool
) -> Response[Any]:
    """Asked by a click in a letter, done by a button: a mail scanner presses none."""
    look = await public_look(asking, workspace)
    by = asking.anyone(look.id)
    await invitations.by_seal(invitation_id, given, settings=asking.settings, by=by)
    answer = page(
        asking,
        "public/ambassador_stop.html",
        is_done=is_done,
        here=f"/i/{look.slug}/{invitation_id}/{given}",
        **in_workspace_frame(asking, look),
    )
    answer.headers.update(PRIVATE)
    return answer


@post("/r/{capability:str}/hide", status_code=303)
async def hide(
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    capability: FromPath[str],
) -> Response[Any]:
    """Nobody sees any more who invited her; doing it twice is once."""
    found = await registrations.by_capability(capability)
    by = asking.anyone(found.workspace_id)
    await touches.hide(found.member_id, by=by, now=now)
    answer = away(asking, f"/r/{capability}", said=_("Who invited you is hidden."))
    answer.headers.update(PRIVATE)
    return answer


PUBLIC: list[HTTPRouteHandler] = [application, apply, follow, ask_stop, stop, hide]
