"""Lists of members: filtered by an address, ordered by name, read on by the last one seen.

One question finds who is wanted and how many there are, up to a thousand; what each line
shows is then asked for those of one page only. Order, search and paging read one index
(`member_sought`), so that the first page costs the same with a thousand members and with
a hundred thousand.
"""

from datetime import UTC, date, datetime, time
from uuid import UUID

import msgspec

from events.people.wanted import EVERYBODY, Wanted
from server.database import current_scope, one, sql
from server.errors import NotFound
from server.forms import clean

MOST_COUNTED = 1_000


class MemberLine(msgspec.Struct, frozen=True):
    """A member in a list: who she is, how often she came, when she was last active."""

    id: UUID
    name: str
    email: str | None
    joined_on: date | None
    linking_agreed_at: datetime | None
    communities: str
    tags: str
    attended: int
    active_on: date | None


class Found(msgspec.Struct, frozen=True):
    """One page of a list; `total` is counted on the first page, up to a thousand."""

    lines: list[MemberLine]
    has_more: bool
    total: int | None = None
    is_more_than_counted: bool = False


class Choice(msgspec.Struct, frozen=True):
    """A community, a tag or a segment that a list may be narrowed to."""

    kind: str
    slug: str
    name: str
    query: str = ""


# Rules


class _Clauses:
    """Conditions and their values, numbered as they come; the first is the workspace."""

    def __init__(self, workspace_id: UUID) -> None:
        self.values: list[object] = [workspace_id]
        self.conditions = [
            "m.workspace_id = $1 AND m.erased_at IS NULL AND m.merged_into_id IS NULL",
            "m.wished_at IS NULL",
        ]

    def number(self, value: object) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def add(self, condition: str, *values: object) -> None:
        """One more condition; each `?` stands for the next of its values."""
        for value in values:
            condition = condition.replace("?", self.number(value), 1)
        self.conditions.append(condition)

    @property
    def where(self) -> str:
        return " AND ".join(self.conditions)


# What stayed with a record that was merged, where the kept one has a place too.
_STAYED = (
    " FROM member q JOIN registration r ON r.workspace_id = $1 AND r.member_id = q.id"
    " AND r.attended_at IS NOT NULL WHERE q.workspace_id = $1"
    " AND q.merged_into_id IS NOT NULL"
)
# Whoever came under two names came once.
_VISITS = (
    "SELECT v.member_id FROM (SELECT r.member_id, r.attended_at FROM registration r"  # noqa: S608 - ours
    " WHERE r.workspace_id = $1 AND r.attended_at IS NOT NULL UNION ALL"
    " (SELECT DISTINCT ON (q.merged_into_id, r.meetup_id) q.merged_into_id, r.attended_at"
    f"{_STAYED} AND NOT EXISTS (SELECT FROM registration o WHERE o.workspace_id = $1"
    " AND o.meetup_id = r.meetup_id AND o.member_id = q.merged_into_id"
    " AND o.attended_at IS NOT NULL) ORDER BY q.merged_into_id, r.meetup_id,"
    " r.attended_at DESC)) v GROUP BY v.member_id HAVING count(*) >= ?"
)
CAME = f"m.id IN ({_VISITS})"
AWAY = f"m.id IN ({_VISITS} AND max(v.attended_at) < ?)"
_CAME_ITSELF = (
    "EXISTS (SELECT 1 FROM registration r WHERE r.workspace_id = $1"
    " AND r.member_id = m.id AND r.attended_at IS NOT NULL)"
)
_CAME_OTHERWISE = f"m.id IN (SELECT q.merged_into_id{_STAYED})"
CAME_ONCE = f"({_CAME_ITSELF} OR {_CAME_OTHERWISE})"
NEVER_CAME = f"NOT {_CAME_ITSELF} AND NOT {_CAME_OTHERWISE}"
OF_COMMUNITY = (
    "EXISTS (SELECT 1 FROM belonging b WHERE b.workspace_id = $1"
    " AND b.community_id = ? AND b.member_id = m.id)"
)
TAGGED = (
    "EXISTS (SELECT 1 FROM tagging t WHERE t.workspace_id = $1"
    " AND t.tag_id = ? AND t.member_id = m.id)"
)
ACTIVE = (
    "EXISTS (SELECT 1 FROM identity i JOIN activity_day d"
    " ON d.workspace_id = i.workspace_id AND d.identity_id = i.id"
    " WHERE i.workspace_id = $1 AND i.member_id = m.id AND d.day >= ?)"
)
LINKED = (
    "(m.linking_agreed_at IS NOT NULL AND EXISTS (SELECT 1 FROM identity i"
    " WHERE i.workspace_id = $1 AND i.member_id = m.id))"
)
AMBASSADOR = (
    "EXISTS (SELECT 1 FROM ambassador a WHERE a.workspace_id = $1 AND a.member_id = m.id"
    " AND a.accepted_at IS NOT NULL AND a.ended_at IS NULL"
    " AND coalesce(?, current_date) BETWEEN a.starts_on AND a.ends_on)"
)


def _narrow(to: Wanted, clauses: _Clauses, today: date | None) -> None:
    """What the members themselves must be; where they belong is looked up before."""
    if to.q:
        clauses.add("m.sought LIKE (SELECT '%' || apero_plain(?) || '%')", literal(to.q))
    if to.away_since is not None:
        midnight = datetime.combine(to.away_since, time(), UTC)
        clauses.add(AWAY, max(to.came or 1, 1), midnight)
    elif to.came:
        clauses.add(CAME if to.came > 1 else CAME_ONCE, *([to.came] if to.came > 1 else []))
    elif to.came == 0:
        clauses.add(NEVER_CAME)
    if to.active_since is not None:
        clauses.add(ACTIVE, to.active_since)
    if to.linked is not None:
        clauses.add(LINKED if to.linked else f"NOT {LINKED}")
    if to.ambassador is not None:
        clauses.add(AMBASSADOR if to.ambassador else f"NOT {AMBASSADOR}", today)
    if to.email is not None:
        clauses.add("m.email IS NOT NULL" if to.email else "m.email IS NULL")


def literal(search: str) -> str:
    """What is searched for, with LIKE's own signs taken literally."""
    kept = clean(search)
    return kept.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


# Queries

_LINES = (
    "SELECT m.id, m.name, m.email, m.joined_on, m.linking_agreed_at,"
    " coalesce((SELECT string_agg(c.name, ', ' ORDER BY c.name) FROM belonging b"
    " JOIN community c ON c.workspace_id = b.workspace_id AND c.id = b.community_id"
    " WHERE b.workspace_id = $1 AND b.member_id = m.id), '') AS communities,"
    " coalesce((SELECT string_agg(t.name, ', ' ORDER BY t.name) FROM tagging g"
    " JOIN tag t ON t.workspace_id = g.workspace_id AND t.id = g.tag_id"
    " WHERE g.workspace_id = $1 AND g.member_id = m.id), '') AS tags,"
    " (SELECT count(DISTINCT r.meetup_id) FROM (SELECT m.id UNION ALL SELECT q.id"
    " FROM member q WHERE q.workspace_id = $1 AND q.merged_into_id = m.id) k"
    " JOIN registration r ON r.workspace_id = $1 AND r.member_id = k.id"
    " AND r.attended_at IS NOT NULL) AS attended,"
    " (SELECT max(d.day) FROM identity i, LATERAL (SELECT day FROM activity_day d"
    " WHERE d.workspace_id = $1 AND d.identity_id = i.id ORDER BY day DESC LIMIT 1) d"
    " WHERE i.workspace_id = $1 AND i.member_id = m.id) AS active_on"
)


async def members(
    to: Wanted = EVERYBODY,
    *,
    after: UUID | None = None,
    limit: int = 50,
    today: date | None = None,
) -> Found:
    """The members of a list by name, accents and case ignored, after the last one seen."""
    (workspace_id,) = current_scope()
    clauses = _Clauses(workspace_id)
    await _place(to, clauses)
    _narrow(to, clauses, today)
    is_first = after is None
    if after is not None:
        clauses.add(
            "(m.sought, m.id) > (SELECT l.sought, l.id FROM member l"
            " WHERE l.workspace_id = $1 AND l.id = ?)",
            after,
        )
    most = clauses.number(max(limit, MOST_COUNTED) + 1 if is_first else limit + 1)
    page = clauses.number(limit + 1)
    # The index holds all that order and search ask for; disks without arms read it fast.
    await sql("SELECT set_config('random_page_cost', '1.1', true)")
    rows = await sql(
        "WITH found AS MATERIALIZED (SELECT m.id, m.sought FROM member m"  # noqa: S608
        f" WHERE {clauses.where} ORDER BY m.sought, m.id LIMIT {most}),"
        f" shown AS (SELECT * FROM found ORDER BY sought, id LIMIT {page})"
        f" {_LINES}, (SELECT count(*) FROM found) AS total"
        " FROM shown s JOIN member m ON m.workspace_id = $1 AND m.id = s.id"
        " ORDER BY s.sought, s.id",
        *clauses.values,
    )
    total = rows[0]["total"] if rows else 0
    return Found(
        lines=msgspec.convert([dict(row) for row in rows[:limit]], list[MemberLine]),
        has_more=len(rows) > limit,
        total=min(total, max(limit, MOST_COUNTED)) if is_first else None,
        is_more_than_counted=is_first and total > max(limit, MOST_COUNTED),
    )


async def _place(to: Wanted, clauses: _Clauses) -> None:
    """The community and the tag of a list, or NotFound when one of them is not there."""
    if not to.community and not to.tag:
        return
    row = await one(
        "SELECT (SELECT id FROM community WHERE workspace_id = $1 AND slug = $2)"
        " AS community, (SELECT id FROM tag WHERE workspace_id = $1 AND slug = $3) AS tag",
        clauses.values[0],
        to.community,
        to.tag,
    )
    assert row is not None  # noqa: S101 - a row of two answers
    for name, condition in (("community", OF_COMMUNITY), ("tag", TAGGED)):
        if getattr(to, name):
            if row[name] is None:
                raise NotFound
            clauses.add(condition, row[name])


async def choices() -> list[Choice]:
    """What a list may be narrowed to: communities, tags and segments, each by name."""
    return await sql(
        "SELECT kind, slug, name, query FROM ("
        "SELECT 'community' AS kind, slug, name, '' AS query FROM community"
        " WHERE workspace_id = ANY (apero_scope())"
        " UNION ALL SELECT 'tag', slug, name, '' FROM tag"
        " WHERE workspace_id = ANY (apero_scope())"
        " UNION ALL SELECT 'segment', slug, name, query FROM segment"
        " WHERE workspace_id = ANY (apero_scope())) AS choice"
        " ORDER BY kind, apero_plain(name), slug LIMIT 1000",
        into=Choice,
    )
