"""The page behind a personal link where somebody proves her names online."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from events.admission import registrations
from events.people import identities, verifications
from events.people.claims import Proof
from events.people.verifications import Code, Outcome
from server import limits, workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, NotFound
from server.i18n import gettext as _
from server.i18n import lazy, short_date
from server.look import Look
from server.web import Asking, away, in_workspace_frame, page

PRIVATE = {"referrer-policy": "no-referrer", "x-robots-tag": "noindex, nofollow"}
MOST_ASKED, HOUR = 20, timedelta(hours=1)
LOOKING = lazy("We look at the page. Reload this one in a minute.")
OUTCOMES = {
    Outcome.ASKED: ("wait", lazy("Not looked for yet")),
    Outcome.SEEN: ("yes", lazy("The code was seen")),
    Outcome.NOT_SEEN: ("no", lazy("We looked, and the code is not there")),
    Outcome.UNREACHABLE: ("no", lazy("The page could not be read")),
}


# Rules


def shown(code: Code, now: datetime, time_zone: str) -> dict[str, Any]:
    """A code in words: what it is, until when, and what became of it."""
    shape, words = OUTCOMES[code.outcome]
    is_open = code.outcome is not Outcome.SEEN and code.expires_at > now
    return {
        "id": code.id,
        "code": code.code,
        "is_open": is_open,
        "until": short_date(code.expires_at, time_zone),
        "shape": shape,
        "words": str(words),
        "page": code.page,
    }


def state_of(row: identities.IdentityRow, member_id: UUID) -> tuple[str, str]:
    """How sure it is that a handle is hers, as she reads it."""
    if row.disputed_at is not None:
        return "no", _("Somebody else claims it too: it counts for nobody")
    if row.member_id != member_id:
        return "no", _("Somebody else has proved it")
    if row.proof == Proof.VERIFIED:
        return "yes", _("Verified")
    return "ask", _("Said, not proved")


# Her names


@get("/r/{capability:str}/names")
async def names(
    asking: NamedDependency[Asking], capability: FromPath[str]
) -> Response[Any]:
    return await _names(asking, capability)


async def _person(asking: Asking, capability: str) -> tuple[Actor, Look, UUID]:
    """Who holds this link: the person her registration is of."""
    found = await registrations.by_capability(capability)
    look = await workspaces.look_by_id(found.workspace_id)
    by = asking.anyone(look.id)
    async with scoped(by, readonly=True):
        return by, look, await identities.person_of(found.member_id)


async def _names(asking: Asking, capability: str, refusal: str = "") -> Response[Any]:
    by, look, member_id = await _person(asking, capability)
    async with scoped(by, readonly=True):
        hers = await identities.claimed_by(member_id)
        codes = await verifications.codes_of(member_id)
    given = {one_.identity_id: shown(one_, asking.now, look.time_zone) for one_ in codes}
    answer = page(
        asking,
        "public/names.html",
        status=409 if refusal else 200,
        names=[(one_, *state_of(one_, member_id), given.get(one_.id)) for one_ in hers],
        base=f"/r/{capability}",
        refusal=refusal,
        **in_workspace_frame(asking, look),
    )
    answer.headers.update(PRIVATE)
    return answer


@post("/r/{capability:str}/names/{identity_id:uuid}/code", status_code=303)
async def ask_code(
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    capability: FromPath[str],
    identity_id: FromPath[UUID],
) -> Response[Any]:
    by, _look, member_id = await _person(asking, capability)
    await _spend(member_id, now)
    await verifications.ask(identity_id, member_id, by=by, now=now)
    return _back(asking, capability, _("Here is your code."))


@post("/r/{capability:str}/names/{identity_id:uuid}/look", status_code=303)
async def look_now(
    asking: NamedDependency[Asking],
    now: NamedDependency[datetime],
    capability: FromPath[str],
    identity_id: FromPath[UUID],
) -> Response[Any]:
    by, _look, member_id = await _person(asking, capability)
    await _spend(member_id, now)
    async with scoped(by):
        codes = await verifications.codes_of(member_id)
    code = next((one_ for one_ in codes if one_.identity_id == identity_id), None)
    if code is None:
        raise NotFound
    try:
        await verifications.look(code.id, by=by, now=now)
    except Conflict as no:
        return await _names(asking, capability, str(no))
    return _back(asking, capability, str(LOOKING))


async def _spend(member_id: UUID, now: datetime) -> None:
    await limits.spend("prove", str(member_id), most=MOST_ASKED, window=HOUR, now=now)


def _back(asking: Asking, capability: str, said: str) -> Response[Any]:
    answer = away(asking, f"/r/{capability}/names", said=said)
    answer.headers.update(PRIVATE)
    return answer


PUBLIC = [names, ask_code, look_now]
