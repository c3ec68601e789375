"""Mandates: where an ambassador stands today, and how her term and her code are made."""

import secrets
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Date as DateColumn
from piccolo.columns import Text, Timestamptz

from server.database import Record, one, sql
from server.errors import Invalid, NotFound
from server.forms import clean
from server.i18n import lazy, zone
from server.look import Look

# Said aloud and typed by hand: no letter that looks like a figure, no vowel, no word.
CODE_LETTERS = "23456789BCDFGHJKMNPQRSTVWXZ"
CODE_LENGTH = 7
LONGEST_TERM = 366 * 3


class Stage(StrEnum):
    """Where somebody is with her mandate; derived from its dates, never stored."""

    APPLIED = "applied"
    COMING = "coming"
    ACTIVE = "active"
    RESTING = "resting"
    OVER = "over"
    ENDED = "ended"
    DECLINED = "declined"


IN_TERM = frozenset({Stage.ACTIVE, Stage.RESTING})


class Ambassador(Record):
    """One mandate of one member in one community."""

    member_id = UuidColumn()
    community_id = UuidColumn()
    code = Text()
    area = Text()
    perks = Text()
    motive = Text()
    applied_at = Timestamptz()
    charter_id = UuidColumn(null=True, default=None)
    charter_accepted_at = Timestamptz(null=True, default=None)
    accepted_at = Timestamptz(null=True, default=None)
    declined_at = Timestamptz(null=True, default=None)
    account_id = UuidColumn(null=True, default=None)
    starts_on = DateColumn(null=True, default=None)
    ends_on = DateColumn(null=True, default=None)
    rests_until = DateColumn(null=True, default=None)
    ended_at = Timestamptz(null=True, default=None)
    ended_reason = Text()


class Mandate(msgspec.Struct, frozen=True):
    """An ambassador as her pages and the team's show her."""

    id: UUID
    member_id: UUID
    name: str
    email: str | None
    language: str
    community_id: UUID
    community: str
    code: str
    area: str
    perks: str
    motive: str
    applied_at: datetime
    charter_id: UUID | None
    charter_number: int | None
    charter_latest: int | None
    charter_accepted_at: datetime | None
    accepted_at: datetime | None
    account_id: UUID | None
    starts_on: date | None
    ends_on: date | None
    rests_until: date | None
    ended_at: datetime | None
    ended_reason: str
    stage: Stage

    @property
    def must_agree(self) -> bool:
        """Is there a charter, or a newer one, that she has not accepted?"""
        return (
            self.charter_latest is not None and self.charter_number != self.charter_latest
        )


# Rules


def today_in(look: Look, now: datetime) -> date:
    """The local day of the workspace, by which terms are counted."""
    return now.astimezone(zone(look.time_zone)).date()


def check_term(starts_on: date, ends_on: date, today: date) -> None:
    """A term ends after it starts, is not over yet, and lasts three years at most."""
    if ends_on < starts_on:
        raise Invalid(ends_on=lazy("The last day comes before the first."))
    if ends_on < today:
        raise Invalid(ends_on=lazy("This day is past already."))
    if (ends_on - starts_on).days > LONGEST_TERM:
        raise Invalid(ends_on=lazy("A term lasts three years at most; it can be renewed."))


def new_code() -> str:
    """A personal code that nobody guesses and everybody can type."""
    return "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_LENGTH))


def tidy_code(code: str) -> str:
    """A code as it is kept, however it was typed."""
    return clean(code).upper()[: CODE_LENGTH + 1]


# Queries

# Day `$1` is today, in the workspace's own zone.
_STAGE = (
    "CASE WHEN a.declined_at IS NOT NULL THEN 'declined'"
    " WHEN a.ended_at IS NOT NULL THEN 'ended'"
    " WHEN a.accepted_at IS NULL THEN 'applied'"
    " WHEN $1::date > a.ends_on THEN 'over' WHEN $1::date < a.starts_on THEN 'coming'"
    " WHEN a.rests_until >= $1::date THEN 'resting' ELSE 'active' END"
)
_MANDATE = (
    "SELECT a.id, a.member_id, m.name, m.email, m.language,"  # noqa: S608
    " a.community_id, (SELECT max(l.number) FROM charter l WHERE l.workspace_id ="
    " a.workspace_id AND l.kind = 'ambassadors') AS charter_latest,"
    " c.name AS community, a.code, a.area, a.perks, a.motive, a.applied_at, a.charter_id,"
    " k.number AS charter_number, a.charter_accepted_at, a.accepted_at, a.account_id,"
    " a.starts_on, a.ends_on, a.rests_until, a.ended_at, a.ended_reason,"
    f" {_STAGE} AS stage FROM ambassador a"
    " JOIN member m ON m.workspace_id = a.workspace_id AND m.id = a.member_id"
    " JOIN community c ON c.workspace_id = a.workspace_id AND c.id = a.community_id"
    " LEFT JOIN charter k ON k.workspace_id = a.workspace_id AND k.id = a.charter_id"
    " WHERE a.workspace_id = ANY (apero_scope())"
)


async def mandate(ambassador_id: UUID, today: date) -> Mandate:
    """The mandate of this key in the workspace in view, or NotFound."""
    found = await one(f"{_MANDATE} AND a.id = $2", today, ambassador_id, into=Mandate)
    if found is None:
        raise NotFound
    return found


async def mandate_of(account_id: UUID, today: date) -> Mandate:
    """The mandate that runs today for this account, or NotFound."""
    found = await one(
        f"{_MANDATE} AND a.account_id = $2 AND {_STAGE} IN ('active', 'resting')"
        " ORDER BY a.id DESC LIMIT 1",
        today,
        account_id,
        into=Mandate,
    )
    if found is None:
        raise NotFound
    return found


async def mandate_by_code(code: str, today: date) -> Mandate | None:
    """Whose personal link this is, if her term runs today."""
    return await one(
        f"{_MANDATE} AND a.code = $2 AND {_STAGE} IN ('active', 'resting')",
        today,
        tidy_code(code),
        into=Mandate,
    )


async def mandates(
    today: date,
    *,
    search: str = "",
    stage: Stage | None = None,
    community_id: UUID | None = None,
    after: UUID | None = None,
    limit: int = 50,
) -> list[Mandate]:
    """Ambassadors, latest application first, paged by the key of the last one seen."""
    literal = clean(search).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return await sql(
        f"{_MANDATE} AND ($2 = '' OR apero_plain(m.name) LIKE '%' || apero_plain($2) || '%'"
        " OR m.email LIKE '%' || lower($2) || '%')"
        f" AND ($3 = '' OR {_STAGE} = $3) AND ($4::uuid IS NULL OR a.community_id = $4)"
        " AND ($5::uuid IS NULL OR a.id < $5) ORDER BY a.id DESC LIMIT $6",
        today,
        literal,
        stage.value if stage else "",
        community_id,
        after,
        limit,
        into=Mandate,
    )


async def stages(today: date) -> dict[Stage, int]:
    """How many ambassadors are at each stage."""
    rows = await sql(
        f"SELECT {_STAGE} AS stage, count(*) AS people FROM ambassador a"  # noqa: S608
        " WHERE a.workspace_id = ANY (apero_scope()) GROUP BY 1",
        today,
    )
    return {Stage(row["stage"]): row["people"] for row in rows}
