"""Members: the people known to a workspace, found again by their e-mail address.

Two people are the same when their address is the same; never because their names are.
A name that was written once is not overwritten by what a file or a form says later.
"""

from datetime import date, datetime
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Boolean, Text, Timestamptz
from piccolo.columns import Date as DateColumn

from server import audit
from server.audit import Actor
from server.database import Record, atomic, find, one, sql, uuid7
from server.errors import Invalid, NotFound
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


class Belonging(Record):
    """That a member is of a community."""

    community_id = UuidColumn()
    member_id = UuidColumn()
    created_at = Timestamptz()


class MemberLine(msgspec.Struct, frozen=True):
    """A member in a list: who she is, how often she came, when she was last active."""

    id: UUID
    name: str
    email: str | None
    joined_on: date | None
    linking_agreed_at: datetime | None
    communities: str
    attended: int
    active_on: date | None


class Moment(msgspec.Struct, frozen=True):
    """One thing that happened with a member, for her timeline."""

    at: datetime
    kind: str
    title: str
    detail: str = ""
    slug: str = ""


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
    """The member of this address, made on first sight; a name is never overwritten."""
    row = await one(
        "INSERT INTO member (id, workspace_id, name, email, language, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, email) DO UPDATE"
        " SET name = coalesce(nullif(member.name, ''), excluded.name)"
        " RETURNING id, created_at = $6 AND id = $1 AS is_new",
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
    if community_id is not None:
        await belong([row["id"]], community_id, by=by, now=now)
    id_: UUID = row["id"]
    return id_


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


# Queries

_LINES = (
    "SELECT m.id, m.name, m.email, m.joined_on, m.linking_agreed_at,"
    " coalesce((SELECT string_agg(c.name, ', ' ORDER BY c.name) FROM belonging b"
    " JOIN community c ON c.workspace_id = b.workspace_id AND c.id = b.community_id"
    " WHERE b.workspace_id = m.workspace_id AND b.member_id = m.id), '') AS communities,"
    " (SELECT count(*) FROM registration r WHERE r.workspace_id = m.workspace_id"
    " AND r.member_id = m.id AND r.attended_at IS NOT NULL) AS attended,"
    " (SELECT max(d.day) FROM identity i JOIN activity_day d"
    " ON d.workspace_id = i.workspace_id AND d.identity_id = i.id"
    " WHERE i.workspace_id = m.workspace_id AND i.member_id = m.id) AS active_on"
    " FROM member m"
)

_WANTED = (
    " m.workspace_id = ANY (apero_scope()) AND m.erased_at IS NULL"
    " AND ($1::uuid IS NULL OR EXISTS (SELECT 1 FROM belonging b"
    " WHERE b.workspace_id = m.workspace_id AND b.community_id = $1"
    " AND b.member_id = m.id))"
    " AND ($2 = '' OR apero_plain(m.name) LIKE '%' || apero_plain($2) || '%'"
    " OR m.email LIKE '%' || lower($2) || '%')"
)


async def member(member_id: UUID) -> Member:
    """The member of this key in the workspace in view, or NotFound."""
    return await find(Member, member_id)


async def members(
    community_id: UUID | None = None,
    search: str = "",
    after: UUID | None = None,
    limit: int = 50,
) -> list[MemberLine]:
    """Members by name, accents and case ignored, paged by the key of the last one seen."""
    return await sql(
        f"{_LINES} WHERE {_WANTED} AND ($3::uuid IS NULL OR (apero_plain(m.name), m.id) >"  # noqa: S608
        " (SELECT apero_plain(l.name), l.id FROM member l"
        " WHERE l.workspace_id = ANY (apero_scope()) AND l.id = $3))"
        " ORDER BY apero_plain(m.name), m.id LIMIT $4",
        community_id,
        _literal(search),
        after,
        limit,
        into=MemberLine,
    )


async def member_count(community_id: UUID | None = None, search: str = "") -> int:
    """How many members such a list has in all."""
    row = await one(
        f"SELECT count(*) AS members FROM member m WHERE {_WANTED}",  # noqa: S608
        community_id,
        _literal(search),
    )
    return int(row["members"]) if row else 0


def _literal(search: str) -> str:
    """What is searched for, with LIKE's own signs taken literally."""
    kept = clean(search)[:LONGEST_NAME]
    return kept.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


async def communities_of(member_id: UUID) -> list[str]:
    """The names of the communities a member is of."""
    rows = await sql(
        "SELECT c.name FROM belonging b JOIN community c ON c.workspace_id = b.workspace_id"
        " AND c.id = b.community_id WHERE b.workspace_id = ANY (apero_scope())"
        " AND b.member_id = $1 ORDER BY c.name",
        member_id,
    )
    return [row["name"] for row in rows]


async def timeline(member_id: UUID, *, limit: int = 200) -> list[Moment]:
    """What happened with a member, latest first; online acts are one line a day."""
    return await sql(
        "WITH hers AS (SELECT r.*, m.title, m.slug, m.starts_at, m.closed_at,"
        " m.cancelled_at AS called_off_at FROM registration r JOIN meetup m"
        " ON m.workspace_id = r.workspace_id AND m.id = r.meetup_id"
        " WHERE r.workspace_id = ANY (apero_scope()) AND r.member_id = $1)"
        " SELECT * FROM ("
        "SELECT registered_at AS at, CASE WHEN source = 'walk_in' THEN 'walked_in'"
        " WHEN status = 'waitlisted' THEN 'waitlisted' ELSE 'registered' END AS kind,"
        " title, source AS detail, slug FROM hers WHERE source <> 'import'"
        " UNION ALL SELECT attended_at, 'came', title, source, slug FROM hers"
        " WHERE attended_at IS NOT NULL"
        " UNION ALL SELECT starts_at, 'did_not_come', title, source, slug FROM hers"
        " WHERE attended_at IS NULL AND status = 'confirmed' AND source <> 'walk_in'"
        " AND closed_at IS NOT NULL AND called_off_at IS NULL"
        " UNION ALL SELECT starts_at, 'lost_draw', title, source, slug FROM hers"
        " WHERE status = 'lost_draw'"
        " UNION ALL SELECT cancelled_at, 'gave_back', title, source, slug FROM hers"
        " WHERE status = 'cancelled' AND cancelled_at IS NOT NULL"
        " UNION ALL SELECT (d.day + time '12:00') AT TIME ZONE w.time_zone, 'active',"
        " c.name, d.acts::text, '' FROM identity i JOIN activity_day d"
        " ON d.workspace_id = i.workspace_id AND d.identity_id = i.id"
        " JOIN channel c ON c.workspace_id = i.workspace_id AND c.id = i.channel_id"
        " JOIN workspace w ON w.id = i.workspace_id"
        " WHERE i.workspace_id = ANY (apero_scope()) AND i.member_id = $1"
        " UNION ALL SELECT i.created_at, CASE i.proof WHEN 'imported' THEN 'imported'"
        " ELSE 'linked' END, c.name, i.handle, '' FROM identity i JOIN channel c"
        " ON c.workspace_id = i.workspace_id AND c.id = i.channel_id"
        " WHERE i.workspace_id = ANY (apero_scope()) AND i.member_id = $1"
        " UNION ALL SELECT s.at, CASE WHEN s.is_given THEN 'agreed' ELSE 'withdrew' END,"
        " s.purpose, s.via, '' FROM consent s"
        " WHERE s.workspace_id = ANY (apero_scope()) AND s.member_id = $1"
        " UNION ALL SELECT m.created_at, 'known', m.name, '', '' FROM member m"
        " WHERE m.workspace_id = ANY (apero_scope()) AND m.id = $1"
        ") AS moment ORDER BY at DESC, kind LIMIT $2",
        member_id,
        limit,
        into=Moment,
    )
