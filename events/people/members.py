"""Members: the people known to a workspace, found again by their e-mail address.

Two people are the same when their address is the same; never because their names are.
A name that was written once is not overwritten by what a file or a form says later.
"""

from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Boolean, Text, Timestamptz
from piccolo.columns import Date as DateColumn

from events.people import moving
from server import audit
from server.audit import Actor
from server.database import Record, atomic, find, one, scoped, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.forms import clean
from server.forms import email as checked_email
from server.i18n import lazy

LONGEST_NAME = 200


class Member(Record):
    """One person known to the workspace."""

    name = Text()
    email = Text(null=True, default=None)
    language = Text()
    joined_on = DateColumn(null=True, default=None)
    is_insider = Boolean()
    linking_agreed_at = Timestamptz(null=True, default=None)
    note = Text()
    created_at = Timestamptz()
    erased_at = Timestamptz(null=True, default=None)
    sought = Text()  # made by the database from the name and the address
    merged_into_id = UuidColumn(null=True, default=None)
    wished_at = Timestamptz(null=True, default=None)  # nobody confirmed the address yet


class Belonging(Record):
    """That a member is of a community."""

    community_id = UuidColumn()
    member_id = UuidColumn()
    created_at = Timestamptz()


class Given(msgspec.Struct, frozen=True):
    """What the team writes of a member: who she is, and where she belongs."""

    name: str
    email: str | None = None
    language: str = ""
    joined_on: date | None = None
    is_insider: bool = False
    community_ids: list[UUID] = []


class AddressIsTaken(Conflict):
    message = lazy("Somebody in this workspace has this address already.")


class CommunityIsGone(Conflict):
    message = lazy("One of these communities is no longer there.")


# Rules


def tidy_name(name: str) -> str:
    """The name on one line, short enough to be shown."""
    return " ".join(clean(name).split())[:LONGEST_NAME].strip()


# Commands


@atomic()
async def known(
    email: str,
    *,
    name: str,
    language: str,
    community_id: UUID | None = None,
    by: Actor,
    now: datetime,
) -> UUID:
    """The member of this address, made on first sight; a name is never overwritten.

    An address of a record that was merged is that of the person who was kept.
    """
    row = await one(
        "INSERT INTO member (id, workspace_id, name, email, language, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, email) DO UPDATE"
        " SET name = CASE WHEN member.wished_at IS NULL"
        " THEN coalesce(nullif(member.name, ''), excluded.name)"
        " ELSE coalesce(nullif(excluded.name, ''), member.name) END"
        " RETURNING coalesce(member.merged_into_id, member.id) AS id,"
        " member.created_at = $6 AND member.id = $1 AS is_new,"
        " member.wished_at IS NOT NULL AS is_wish",
        uuid7(),
        by.workspace_id,
        tidy_name(name),
        checked_email(email),
        language,
        now,
    )
    assert row is not None  # noqa: S101 - RETURNING always answers
    if row["is_new"]:
        await audit.note(by, "made_member", await find(Member, row["id"]), at=now)
    if row["is_wish"]:
        await _admit([row["id"]], by=by, now=now)
    if community_id is not None:
        await belong([row["id"]], community_id, by=by, now=now)
    id_: UUID = row["id"]
    return id_


@atomic()
async def wished(email: str, *, name: str, language: str, by: Actor, now: datetime) -> UUID:
    """The member of an address that anybody may have typed.

    Who was not known stays out of every list until the reader of the address, or the
    team, says yes (`belong`); who was known stays as she is.
    """
    row = await one(
        "INSERT INTO member (id, workspace_id, name, email, language, created_at,"
        " wished_at) VALUES ($1, $2, $3, $4, $5, $6, $6)"
        " ON CONFLICT (workspace_id, email) DO UPDATE SET wished_at ="
        " CASE WHEN member.wished_at IS NULL THEN NULL ELSE excluded.wished_at END"
        " RETURNING coalesce(merged_into_id, id) AS id",
        uuid7(),
        by.workspace_id,
        tidy_name(name),
        checked_email(email),
        language,
        now,
    )
    assert row is not None  # noqa: S101 - RETURNING always answers
    id_: UUID = row["id"]
    return id_


async def _admit(member_ids: list[UUID], *, by: Actor, now: datetime) -> None:
    """Let those into the lists who were only wished for until now."""
    rows = await sql(
        "UPDATE member SET wished_at = NULL WHERE workspace_id = $1"
        " AND id = ANY ($2::uuid[]) AND wished_at IS NOT NULL RETURNING id",
        by.workspace_id,
        member_ids,
    )
    for row in rows:
        await audit.note(by, "made_member", await find(Member, row["id"]), at=now)


async def forget_wished(before: datetime) -> None:
    """Drop the people of unanswered wishes, in every workspace, once nothing names them."""
    named = " ".join(
        f"AND NOT EXISTS (SELECT FROM {link.table} x WHERE"
        f" x.workspace_id = m.workspace_id AND x.{link.column} = m.id)"
        for link in await sql(moving.LINKS, [""], into=moving.Link)
    )
    await sql(
        f"DELETE FROM member m WHERE m.wished_at < $1 {named}",  # noqa: S608 - the catalogue
        before,
    )


@atomic()
async def unnamed(name: str, *, community_id: UUID, by: Actor, now: datetime) -> UUID:
    """A new member without an address: a walk-in, or a name in an old list."""
    name = tidy_name(name)
    if not name:
        raise Invalid(name=lazy("This answer is missing."))
    id_ = uuid7()
    await sql(
        "INSERT INTO member (id, workspace_id, name, language, created_at)"
        " VALUES ($1, $2, $3, '', $4)",
        id_,
        by.workspace_id,
        name,
        now,
    )
    await belong([id_], community_id, by=by, now=now)
    await audit.note(by, "made_member", await find(Member, id_), at=now)
    return id_


@atomic()
async def belong(
    member_ids: list[UUID], community_id: UUID, *, by: Actor, now: datetime
) -> None:
    """Make these members part of a community; twice is once."""
    known_community = await one(
        "SELECT 1 FROM community WHERE workspace_id = $1 AND id = $2",
        by.workspace_id,
        community_id,
    )
    if known_community is None:
        raise NotFound
    await sql(
        "INSERT INTO belonging (id, workspace_id, community_id, member_id, created_at)"
        " SELECT id, $1, $2, member_id, $3 FROM unnest($4::uuid[], $5::uuid[])"
        " AS given (id, member_id)"
        " ON CONFLICT (workspace_id, community_id, member_id) DO NOTHING",
        by.workspace_id,
        community_id,
        now,
        [uuid7() for _ in member_ids],
        member_ids,
    )
    await _admit(member_ids, by=by, now=now)


@atomic()
async def add(given: Given, *, by: Actor, now: datetime) -> UUID:
    """A member written down by hand; an address that is known already is refused."""
    name, address = _checked(given)
    row = await one(
        "INSERT INTO member (id, workspace_id, name, email, language, joined_on,"
        " is_insider, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
        " ON CONFLICT (workspace_id, email) DO UPDATE SET name = excluded.name,"
        " language = excluded.language, joined_on = excluded.joined_on,"
        " is_insider = excluded.is_insider, wished_at = NULL"
        " WHERE member.wished_at IS NOT NULL RETURNING id",
        uuid7(),
        by.workspace_id,
        name,
        address,
        given.language,
        given.joined_on,
        given.is_insider,
        now,
    )
    if row is None:
        raise AddressIsTaken
    id_: UUID = row["id"]
    await _belong_exactly(id_, given.community_ids, by=by, now=now)
    await audit.note(by, "made_member", await find(Member, id_), at=now)
    return id_


@atomic()
async def change(member_id: UUID, given: Given, *, by: Actor, now: datetime) -> None:
    """Write a member anew; the audit names what changed, without its values."""
    name, address = _checked(given)
    before = await here(member_id)
    after = {
        "name": name,
        "email": address,
        "language": given.language,
        "joined_on": given.joined_on,
        "is_insider": given.is_insider,
    }
    try:
        async with scoped(by):
            await sql(
                "UPDATE member SET name = $3, email = $4, language = $5, joined_on = $6,"
                " is_insider = $7, wished_at = NULL WHERE workspace_id = $1 AND id = $2",
                by.workspace_id,
                member_id,
                *after.values(),
            )
    except asyncpg.UniqueViolationError as error:
        raise AddressIsTaken from error
    moved = await _belong_exactly(member_id, given.community_ids, by=by, now=now)
    fields = [field for field, value in after.items() if getattr(before, field) != value]
    fields += ["communities"] if moved else []
    await audit.note(by, "changed_member", before, fields=fields, at=now)


def _checked(given: Given) -> tuple[str, str | None]:
    """The name and the address as they are kept; at least one of them is there."""
    name = tidy_name(given.name)
    address = checked_email(given.email) if given.email else None
    if not name and address is None:
        raise Invalid(name=lazy("This answer is missing."))
    return name, address


async def _belong_exactly(
    member_id: UUID, community_ids: list[UUID], *, by: Actor, now: datetime
) -> bool:
    """Make a member part of these communities and of no other; did anything change?"""
    wanted = sorted(set(community_ids))
    await _check_there(wanted, by=by)
    left = await sql(
        "DELETE FROM belonging WHERE workspace_id = $1 AND member_id = $2"
        " AND community_id <> ALL ($3::uuid[]) RETURNING id",
        by.workspace_id,
        member_id,
        wanted,
    )
    joined = await sql(
        "INSERT INTO belonging (id, workspace_id, community_id, member_id, created_at)"
        " SELECT id, $1, community_id, $2, $3 FROM unnest($4::uuid[], $5::uuid[])"
        " AS given (id, community_id)"
        " ON CONFLICT (workspace_id, community_id, member_id) DO NOTHING RETURNING id",
        by.workspace_id,
        member_id,
        now,
        [uuid7() for _ in wanted],
        wanted,
    )
    return bool(left or joined)


async def _check_there(community_ids: list[UUID], *, by: Actor) -> None:
    """Raise CommunityIsGone unless each of these is a community of the workspace."""
    known_ones = await sql(
        "SELECT id FROM community WHERE workspace_id = $1 AND id = ANY ($2::uuid[])",
        by.workspace_id,
        community_ids,
    )
    if len(known_ones) < len(community_ids):
        raise CommunityIsGone


# Queries


async def member(member_id: UUID) -> Member:
    """The member of this key in the workspace in view, or NotFound."""
    return await find(Member, member_id)


async def here(member_id: UUID) -> Member:
    """The same, unless she was erased or is known by another record since a merge."""
    found = await find(Member, member_id)
    if found.erased_at is not None or found.merged_into_id is not None:
        raise NotFound
    return found
