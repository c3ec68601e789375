"""Examples: a value for each parameter of the site map, out of a filled workspace."""

import re

# What is not a page about rows, stands behind a secret, or is measured by another scenario.
SKIPPED = re.compile(
    r"^/(healthz|readyz|static|favicon|robots|mailbox|sign-in|door|account|new|[tT]/|r/|my/|a/|i/)"
    r"|^/api/v1/(door|verifications)|^/$|/following/|/logo$|picture_id|run_id|/photo$|/new$"
)

_FIRST = "SELECT id::text FROM {} WHERE workspace_id = $1 ORDER BY id LIMIT 1"
_SECOND = "SELECT slug FROM {} WHERE workspace_id = $1 AND slug LIKE '%-2' LIMIT 1"

# An evening of the past that was paid for by the sponsor whose contact signs in.
OF_THE_CLOSED = (
    "SELECT m.id::text, m.slug FROM meetup m JOIN sponsorship p"
    " ON p.workspace_id = m.workspace_id AND p.meetup_id = m.id"
    " JOIN sponsor_contact c ON c.workspace_id = p.workspace_id"
    " AND c.sponsor_id = p.sponsor_id WHERE m.workspace_id = $1"
    " AND m.closed_at IS NOT NULL ORDER BY m.starts_at DESC LIMIT 1"
)
AHEAD = (
    "SELECT slug FROM meetup WHERE workspace_id = $1 AND starts_at > now()"
    " AND published_at IS NOT NULL ORDER BY starts_at LIMIT 1"
)
_MOST_PRESENT = (
    "SELECT r.member_id::text FROM registration r WHERE r.workspace_id = $1"
    " AND r.attended_at IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"
)
_THE_SALE = (
    "SELECT p.id::text FROM sponsorship p WHERE p.workspace_id = $1"
    " AND p.meetup_id IS NOT NULL ORDER BY p.id LIMIT 1"
)

EXAMPLES = {
    "meetup_id": OF_THE_CLOSED,
    "meetup_slug": OF_THE_CLOSED.replace("m.id::text, m.slug", "m.slug"),
    "meetup": AHEAD,
    "member_id": _MOST_PRESENT,
    "one_id": "SELECT one_id::text FROM likeness WHERE workspace_id = $1"
    " ORDER BY id LIMIT 1",
    "other_id": "SELECT other_id::text FROM likeness WHERE workspace_id = $1"
    " ORDER BY id LIMIT 1",
    "sale_id": _THE_SALE,
    "series_slug": "SELECT slug FROM series WHERE workspace_id = $1 AND slug LIKE 'serie-%'"
    " ORDER BY id LIMIT 1",
    "sponsor_slug": "SELECT s.slug FROM sponsor s JOIN sponsor_contact c"
    " ON c.workspace_id = s.workspace_id AND c.sponsor_id = s.id"
    " WHERE s.workspace_id = $1 ORDER BY c.id LIMIT 1",
    "venue_slug": _SECOND.format("venue"),
    "community_slug": _SECOND.format("community"),
    "community": _SECOND.format("community"),
    "kind": "SELECT 'community' WHERE $1::uuid IS NOT NULL",
    "number": "SELECT '1' WHERE $1::uuid IS NOT NULL",
    **{
        f"{table}_id": _FIRST.format(table)
        for table in (
            "ambassador",
            "channel",
            "deliverable",
            "department",
            "identity",
            "merge",
            "package",
            "series",
            "sponsor",
            "venue",
        )
    },
}

# What is asked for a stretch of time is asked for a year of it.
DATED = frozenset(
    {"/api/v1/calendar", "/api/v1/budgets", "/api/v1/series/{series_id}/editions"}
)
