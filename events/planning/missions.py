"""Missions: one thing asked of an ambassador, with its proof and its thanks.

Asked by letter, proved on her own page by words, a link, a number or a photo, and thanked
by letter. Nothing is asked of somebody who rests.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Date as DateColumn
from piccolo.columns import Integer, Text, Timestamptz

from events.people import notices
from events.people.ambassadors import NotInTerm
from events.people.mandates import IN_TERM, Mandate, Stage, mandate, today_in
from server import audit
from server.audit import Actor
from server.database import Record, atomic, find, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.i18n import lazy
from server.look import Look


class Kind(StrEnum):
    HOST = "host"
    NEWCOMERS = "newcomers"
    TEST = "test"
    OPINIONS = "opinions"
    OTHER = "other"


class State(StrEnum):
    """How far a mission is; derived from its dates, never stored."""

    ASKED = "asked"
    LATE = "late"
    PROVED = "proved"
    THANKED = "thanked"
    DROPPED = "dropped"


class Mission(Record):
    """One thing asked of one ambassador."""

    ambassador_id = UuidColumn()
    meetup_id = UuidColumn(null=True, default=None)
    kind = Text()
    title = Text()
    goal = Integer(null=True, default=None)
    due_on = DateColumn(null=True, default=None)
    created_at = Timestamptz()
    proof_text = Text()
    proof_link = Text()
    proof_count = Integer(null=True, default=None)
    proof_picture_id = UuidColumn(null=True, default=None)
    proved_at = Timestamptz(null=True, default=None)
    thanks = Text()
    thanked_at = Timestamptz(null=True, default=None)
    dropped_at = Timestamptz(null=True, default=None)


class MissionLine(msgspec.Struct, frozen=True):
    """A mission in a list, with its proof."""

    id: UUID
    ambassador_id: UUID
    ambassador: str
    kind: Kind
    title: str
    meetup: str
    meetup_slug: str
    goal: int | None
    due_on: date | None
    created_at: datetime
    proof_text: str
    proof_link: str
    proof_count: int | None
    proof_picture_id: UUID | None
    proved_at: datetime | None
    thanks: str
    thanked_at: datetime | None
    state: State


class Proof(msgspec.Struct, frozen=True):
    """What shows that a mission was done: at least one of these."""

    text: str = ""
    link: str = ""
    count: int | None = None
    picture_id: UUID | None = None


class AtRest(Conflict):
    message = lazy("She rests for now. Ask again when her rest is over.")


class NotOpen(Conflict):
    message = lazy("This mission is no longer open.")


class NotProved(Conflict):
    message = lazy("There is no proof to thank for yet.")


# Rules


def check_proof(proof: Proof) -> None:
    """A proof shows something, and its link leads to a site."""
    if not (proof.text or proof.link or proof.picture_id) and proof.count is None:
        raise Invalid(
            text=lazy("Give at least one: a few words, a link, a number or a photo.")
        )
    if proof.link and not proof.link.startswith(("https://", "http://")):
        raise Invalid(link=lazy("A link begins with https://"))
    if proof.count is not None and proof.count < 0:
        raise Invalid(count=lazy("Write a whole number."))


# Commands


@atomic()
async def ask(
    ambassador_id: UUID,
    *,
    kind: Kind,
    title: str,
    goal: int | None = None,
    due_on: date | None = None,
    meetup_id: UUID | None = None,
    workspace: Look,
    origin: str,
    by: Actor,
    now: datetime,
) -> UUID:
    """Ask an ambassador for one thing, by letter; never while she rests."""
    today = today_in(workspace, now)
    her = await mandate(ambassador_id, today)
    if her.stage is Stage.RESTING:
        raise AtRest
    if her.stage not in IN_TERM:
        raise NotInTerm
    if due_on is not None and due_on < today:
        raise Invalid(due_on=lazy("This day is past already."))
    if goal is not None and goal < 1:
        raise Invalid(goal=lazy("Aim for one at least."))
    made = Mission(
        id=uuid7(),
        workspace_id=by.workspace_id,
        ambassador_id=ambassador_id,
        meetup_id=meetup_id,
        kind=Kind(kind).value,
        title=title,
        goal=goal,
        due_on=due_on,
        created_at=now,
    )
    try:
        await made.save()
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound from error
    await audit.note(by, "asked_mission", made, at=now)
    await _tell_asked(her, made, workspace, origin, now)
    id_: UUID = made.id
    return id_


async def _tell_asked(
    her: Mandate, made: Mission, look: Look, origin: str, now: datetime
) -> None:
    await notices.write(
        her,
        subject=lazy("Would you do this for us?"),
        text=lazy("%(brand)s asks you: %(title)s"),
        more={"title": made.title},
        url=f"{origin}/ambassador/{look.slug}",
        look=look,
        once=f"mission:{made.id}:asked",
        now=now,
    )


@atomic()
async def prove(
    mission_id: UUID, ambassador_id: UUID, proof: Proof, *, by: Actor, now: datetime
) -> None:
    """Show that it was done; until somebody thanks, a proof can be mended."""
    check_proof(proof)
    row = await one(
        "UPDATE mission SET proof_text = $4, proof_link = $5, proof_count = $6,"
        " proof_picture_id = coalesce($7, proof_picture_id), proved_at = $8"
        " WHERE workspace_id = $1 AND id = $2 AND ambassador_id = $3"
        " AND thanked_at IS NULL AND dropped_at IS NULL RETURNING id",
        by.workspace_id,
        mission_id,
        ambassador_id,
        proof.text,
        proof.link,
        proof.count,
        proof.picture_id,
        now,
    )
    if row is None:
        await hers(mission_id, ambassador_id)
        raise NotOpen
    await audit.note(by, "proved_mission", await find(Mission, mission_id), at=now)


@atomic()
async def thank(
    mission_id: UUID, thanks: str, *, workspace: Look, origin: str, by: Actor, now: datetime
) -> None:
    """Thank for a mission that is proved, once, by letter."""
    row = await one(
        "UPDATE mission SET thanks = $3, thanked_at = $4 WHERE workspace_id = $1"
        " AND id = $2 AND proved_at IS NOT NULL AND thanked_at IS NULL"
        " AND dropped_at IS NULL RETURNING ambassador_id, title",
        by.workspace_id,
        mission_id,
        thanks,
        now,
    )
    found = await mission(mission_id)
    if row is None:
        is_closed = found.proved_at is not None or found.dropped_at is not None
        raise NotOpen if is_closed else NotProved
    await audit.note(by, "thanked_mission", found, at=now)
    await notices.write(
        await mandate(row["ambassador_id"], today_in(workspace, now)),
        subject=lazy("Thank you"),
        text=lazy("%(brand)s thanks you for this: %(title)s"),
        more={"title": row["title"]},
        note=thanks,
        url=f"{origin}/ambassador/{workspace.slug}",
        look=workspace,
        once=f"mission:{mission_id}:thanked",
        now=now,
    )


@atomic()
async def drop(mission_id: UUID, *, by: Actor, now: datetime) -> None:
    """No longer ask for this; a mission that was thanked for stays."""
    row = await one(
        "UPDATE mission SET dropped_at = $3 WHERE workspace_id = $1 AND id = $2"
        " AND thanked_at IS NULL AND dropped_at IS NULL RETURNING id",
        by.workspace_id,
        mission_id,
        now,
    )
    found = await mission(mission_id)
    if row is None:
        raise NotOpen
    await audit.note(by, "dropped_mission", found, at=now)


# Queries

_LINE = (
    "SELECT k.id, k.ambassador_id, b.name AS ambassador, k.kind, k.title,"
    " coalesce(m.title, '') AS meetup, coalesce(m.slug, '') AS meetup_slug, k.goal,"
    " k.due_on, k.created_at, k.proof_text, k.proof_link, k.proof_count,"
    " k.proof_picture_id, k.proved_at, k.thanks, k.thanked_at,"
    " CASE WHEN k.dropped_at IS NOT NULL THEN 'dropped'"
    " WHEN k.thanked_at IS NOT NULL THEN 'thanked'"
    " WHEN k.proved_at IS NOT NULL THEN 'proved'"
    " WHEN k.due_on < $1::date THEN 'late' ELSE 'asked' END AS state FROM mission k"
    " JOIN ambassador a ON a.workspace_id = k.workspace_id AND a.id = k.ambassador_id"
    " JOIN member b ON b.workspace_id = a.workspace_id AND b.id = a.member_id"
    " LEFT JOIN meetup m ON m.workspace_id = k.workspace_id AND m.id = k.meetup_id"
    " WHERE k.workspace_id = ANY (apero_scope())"
)


async def mission(mission_id: UUID) -> Mission:
    """The mission of this key in the workspace in view, or NotFound."""
    return await find(Mission, mission_id)


async def hers(mission_id: UUID, ambassador_id: UUID) -> Mission:
    """The mission of this key, if it is this ambassador's, or NotFound."""
    found = await mission(mission_id)
    if found.ambassador_id != ambassador_id:
        raise NotFound
    return found


async def check_hers(picture_id: UUID, ambassador_id: UUID) -> None:
    """NotFound, unless this ambassador sent this photo as a proof."""
    found = await one(
        "SELECT FROM mission WHERE workspace_id = ANY (apero_scope())"
        " AND proof_picture_id = $1 AND ambassador_id = $2 LIMIT 1",
        picture_id,
        ambassador_id,
    )
    if found is None:
        raise NotFound


async def missions_of(
    ambassador_id: UUID, today: date, *, limit: int = 100
) -> list[MissionLine]:
    """What was asked of an ambassador, latest first; what was dropped is left out."""
    return await sql(
        f"{_LINE} AND k.ambassador_id = $2 AND k.dropped_at IS NULL"
        " ORDER BY k.id DESC LIMIT $3",
        today,
        ambassador_id,
        limit,
        into=MissionLine,
    )


async def missions(
    today: date, *, after: UUID | None = None, limit: int = 50
) -> list[MissionLine]:
    """Everything that was asked, latest first, paged by the key of the last one seen."""
    return await sql(
        f"{_LINE} AND ($2::uuid IS NULL OR k.id < $2) ORDER BY k.id DESC LIMIT $3",
        today,
        after,
        limit,
        into=MissionLine,
    )
