"""Invitations: one letter to one person, for one meetup, by an ambassador or by the team.

The letter says who gave the address and stops for good in one click. The answer to whoever
asked for it is the same whether it left or not: who refused letters, who has a place
already and who is in another community stays unknown.
"""

import hmac
from datetime import datetime, timedelta
from uuid import UUID

from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Timestamptz

from events.admission.passes import day_of
from events.admission.touches import is_same_mailbox
from events.people import consents, members
from events.people.consents import Purpose
from events.people.mandates import Mandate
from events.planning import meetups
from events.planning.meetups import Meetup, Stage
from server import audit, limits, mail
from server.audit import Actor
from server.database import Record, atomic, find, one, scoped, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import LANGUAGES, lazy, use
from server.look import Look
from server.settings import Settings

A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)
PER_AMBASSADOR = 20  # a day
PER_ORGANISER = 100  # a day
PER_ADDRESS = 3  # a week, whoever asks
STOP_TEXT = lazy("I want no more letters like this one.")


class Invitation(Record):
    """One person asked to one meetup."""

    meetup_id = UuidColumn()
    member_id = UuidColumn()
    ambassador_id = UuidColumn(null=True, default=None)
    invited_at = Timestamptz()
    hidden_at = Timestamptz(null=True, default=None)


class NotInvitable(Conflict):
    message = lazy("Nobody can register for this meetup any more.")


# Rules


def seal(settings: Settings, invitation_id: UUID) -> str:
    """What proves that a link to stop letters came in this very letter."""
    return hmac.digest(
        settings.secret_key, b"apero invitation v1 " + invitation_id.bytes, "sha256"
    ).hex()[:32]


def check_invitation(
    meetup: Meetup, email: str, her: Mandate | None, now: datetime
) -> None:
    """There is a meetup to be asked to, and somebody else to ask."""
    if meetups.stage(meetup, now) not in {Stage.PUBLISHED, Stage.RUNNING}:
        raise NotInvitable
    if her is not None and is_same_mailbox(email, her.email):
        raise Invalid(email=lazy("This is your own address."))


# Commands


async def invite(
    meetup: Meetup,
    *,
    name: str,
    email: str,
    her: Mandate | None,
    workspace: Look,
    settings: Settings,
    by: Actor,
    now: datetime,
) -> None:
    """Ask somebody by letter, once for each meetup, unless she wants no letters."""
    check_invitation(meetup, email, her, now)
    who, most = (her.id, PER_AMBASSADOR) if her else (by.id, PER_ORGANISER)
    await limits.spend("invitation", str(who), most=most, window=A_DAY, now=now)
    place = f"{workspace.id} {email}"
    await limits.spend("invited", place, most=PER_ADDRESS, window=A_WEEK, now=now)
    await _invite(
        meetup,
        name=name,
        email=email,
        her=her,
        workspace=workspace,
        settings=settings,
        by=by,
        now=now,
    )


@atomic()
async def _invite(
    meetup: Meetup,
    *,
    name: str,
    email: str,
    her: Mandate | None,
    workspace: Look,
    settings: Settings,
    by: Actor,
    now: datetime,
) -> None:
    member_id = await members.known(
        email, name=name, language=workspace.language, by=by, now=now
    )
    row = await one(
        "INSERT INTO invitation (id, workspace_id, meetup_id, member_id, ambassador_id,"
        " invited_at) SELECT $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS ("
        "SELECT FROM registration r WHERE r.workspace_id = $2 AND r.meetup_id = $3"
        " AND r.member_id = $4 AND r.status <> 'cancelled')"
        " AND coalesce((SELECT c.is_given FROM consent c WHERE c.workspace_id = $2"
        " AND c.member_id = $4 AND c.purpose = 'letters' ORDER BY c.at DESC, c.id DESC"
        " LIMIT 1), true)"
        " ON CONFLICT (workspace_id, meetup_id, member_id, ambassador_id) DO NOTHING"
        " RETURNING id",
        uuid7(),
        by.workspace_id,
        meetup.id,
        member_id,
        her.id if her else None,
        now,
    )
    if row is None:
        return
    await audit.note(by, "sent_invitation", await find(Invitation, row["id"]), at=now)
    await _post(
        row["id"], meetup, name, email, her=her, look=workspace, settings=settings, now=now
    )


async def _post(
    id_: UUID,
    meetup: Meetup,
    name: str,
    email: str,
    *,
    her: Mandate | None,
    look: Look,
    settings: Settings,
    now: datetime,
) -> None:
    origin = settings.origin
    lang = look.language if look.language in LANGUAGES else "en"
    via = f"?via={her.code}" if her else ""
    with use(lang):
        day = day_of(meetup.starts_at, meetup.ends_at, meetup.time_zone)
    await mail.post(
        "personal_invitation",
        to=email,
        language=lang,
        workspace=look,
        context={
            "meetup": meetup,
            "day": day,
            "name": next(iter(name.split()), ""),
            "inviter": her.name if her else look.persona or look.name,
            "is_personal": her is not None,
            "url": f"{origin}/m/{look.slug}/{meetup.slug}{via}",
        },
        once=f"invitation:{id_}",
        unsubscribe_href=f"{origin}/i/{look.slug}/{id_}/{seal(settings, id_)}",
        now=now,
    )


@atomic()
async def stop(invitation_id: UUID, *, language: str, by: Actor, now: datetime) -> None:
    """No more letters like this one to whoever got it; saying it twice is once."""
    found = await find(Invitation, invitation_id)
    given = await consents.answers(found.member_id)
    said = next((one_.is_given for one_ in given if one_.purpose is Purpose.LETTERS), True)
    if said:
        await consents.withdraw(
            found.member_id,
            Purpose.LETTERS,
            text=str(STOP_TEXT),
            language=language,
            via="letter",
            by=by,
            now=now,
        )


# Queries


async def by_seal(
    invitation_id: UUID, given: str, *, settings: Settings, by: Actor
) -> Invitation:
    """The invitation whose letter held this link, or NotFound."""
    if not hmac.compare_digest(seal(settings, invitation_id).encode(), given.encode()):
        raise NotFound
    async with scoped(by):
        return await find(Invitation, invitation_id)
