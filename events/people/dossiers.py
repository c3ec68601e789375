"""Dossiers: all that is known of one member, and what happened with her, day by day.

The page of a member asks for her whole dossier in one question, however much it holds.
"""

from datetime import date, datetime
from uuid import UUID

import msgspec

from events.people.consents import Answer
from events.people.notes import NoteLine
from server.database import one, sql
from server.errors import NotFound

MOST_NOTES = 100
MOST_ANSWERS = 100


class Named(msgspec.Struct, frozen=True):
    """A community or a tag of a member."""

    slug: str
    name: str


class Dossier(msgspec.Struct, frozen=True):
    """A member with her communities, tags, notes and answers, the latest first."""

    id: UUID
    name: str
    email: str | None
    language: str
    joined_on: date | None
    is_insider: bool
    linking_agreed_at: datetime | None
    created_at: datetime
    erased_at: datetime | None
    merged_into_id: UUID | None
    communities: list[Named]
    tags: list[Named]
    notes: list[NoteLine]
    answers: list[Answer]


class Moment(msgspec.Struct, frozen=True):
    """One thing that happened with a member, for her timeline."""

    at: datetime
    kind: str
    title: str
    detail: str = ""
    slug: str = ""


# Queries

_HELD = ("communities", "tags", "notes", "answers")


async def dossier(member_id: UUID) -> Dossier:
    """All that is known of the member of this key, or NotFound."""
    row = await one(
        "SELECT m.id, m.name, m.email, m.language, m.joined_on, m.is_insider,"
        " m.linking_agreed_at, m.created_at, m.erased_at, m.merged_into_id,"
        " (SELECT coalesce(jsonb_agg(jsonb_build_object('slug', c.slug, 'name', c.name)"
        " ORDER BY c.name), '[]') FROM belonging b JOIN community c"
        " ON c.workspace_id = b.workspace_id AND c.id = b.community_id"
        " WHERE b.workspace_id = m.workspace_id AND b.member_id = m.id) AS communities,"
        " (SELECT coalesce(jsonb_agg(jsonb_build_object('slug', t.slug, 'name', t.name)"
        " ORDER BY t.name), '[]') FROM tagging g JOIN tag t"
        " ON t.workspace_id = g.workspace_id AND t.id = g.tag_id"
        " WHERE g.workspace_id = m.workspace_id AND g.member_id = m.id) AS tags,"
        " (SELECT coalesce(jsonb_agg(n), '[]') FROM (SELECT n.id, n.text,"
        " coalesce(nullif(a.name, ''), a.email, '') AS author, n.created_at FROM note n"
        " LEFT JOIN account a ON a.id = n.account_id WHERE n.workspace_id = m.workspace_id"
        " AND n.member_id = m.id AND n.removed_at IS NULL ORDER BY n.id DESC LIMIT $2) n)"
        " AS notes,"
        " (SELECT coalesce(jsonb_agg(s), '[]') FROM (SELECT s.purpose, s.is_given, s.via,"
        " s.at FROM consent s WHERE s.workspace_id = m.workspace_id AND s.member_id = m.id"
        " ORDER BY s.at DESC, s.id DESC LIMIT $3) s) AS answers"
        " FROM member m WHERE m.workspace_id = ANY (apero_scope()) AND m.id = $1",
        member_id,
        MOST_NOTES,
        MOST_ANSWERS,
    )
    if row is None:
        raise NotFound
    held = {name: msgspec.json.decode(row[name]) for name in _HELD}
    return msgspec.convert({**dict(row), **held}, Dossier)


async def here(member_id: UUID) -> Dossier:
    """The same, unless she was erased or is known by another record since a merge."""
    found = await dossier(member_id)
    if found.erased_at is not None or found.merged_into_id is not None:
        raise NotFound
    return found


# Who has two places at one meetup since a merge came once, or did not come once.
_HERS = (
    "WITH known_as AS (SELECT $1::uuid AS id UNION ALL SELECT q.id FROM member q"
    " WHERE q.workspace_id = ANY (apero_scope()) AND q.merged_into_id = $1),"
    " hers AS (SELECT r.*, m.title, m.slug, m.starts_at, m.closed_at,"
    " m.cancelled_at AS called_off_at, row_number() OVER (PARTITION BY r.meetup_id"
    " ORDER BY r.attended_at IS NULL, r.status <> 'confirmed', r.attended_at, r.id)"
    " AS nth FROM known_as k JOIN registration r ON r.member_id = k.id JOIN meetup m"
    " ON m.workspace_id = r.workspace_id AND m.id = r.meetup_id"
    " WHERE r.workspace_id = ANY (apero_scope()))"
)


async def timeline(member_id: UUID, *, limit: int = 200) -> list[Moment]:
    """What happened with a member, latest first; online acts are one line a day."""
    return await sql(
        f"{_HERS} SELECT * FROM ("  # noqa: S608 - our own text
        "SELECT registered_at AS at, CASE WHEN source = 'walk_in' THEN 'walked_in'"
        " WHEN status = 'waitlisted' THEN 'waitlisted' ELSE 'registered' END AS kind,"
        " title, source AS detail, slug FROM hers WHERE source <> 'import'"
        " UNION ALL SELECT attended_at, 'came', title, source, slug FROM hers"
        " WHERE attended_at IS NOT NULL AND nth = 1"
        " UNION ALL SELECT starts_at, 'did_not_come', title, source, slug FROM hers"
        " WHERE attended_at IS NULL AND status = 'confirmed' AND source <> 'walk_in'"
        " AND closed_at IS NOT NULL AND called_off_at IS NULL AND nth = 1"
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
        " UNION ALL SELECT v.invited_at, 'invited', m.title, '', m.slug FROM known_as k"
        " JOIN invitation v ON v.member_id = k.id"
        " JOIN meetup m ON m.workspace_id = v.workspace_id AND m.id = v.meetup_id"
        " WHERE v.workspace_id = ANY (apero_scope())"
        " UNION ALL SELECT n.created_at, 'note', n.text,"
        " coalesce(nullif(a.name, ''), a.email, ''), '' FROM note n"
        " LEFT JOIN account a ON a.id = n.account_id"
        " WHERE n.workspace_id = ANY (apero_scope()) AND n.member_id = $1"
        " AND n.removed_at IS NULL"
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
