"""Editions: what a sponsor may read of a meetup, frozen when it is closed.

An edition holds aggregates only, each through `disclosure`: no name, no address, no key,
no moment of anybody. Every sponsor of one meetup holds the same cells, so that two of them
together know no more than one. What was frozen never changes; its fingerprint says so.
"""

import hashlib
import json
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import JSONB, Bytea, Integer, Timestamptz
from piccolo.columns import UUID as UuidColumn

from events.engagement import reports
from events.engagement.disclosure import Cell, Hidden, publish, rounded, threshold
from events.engagement.effects import Finding, Lift
from events.engagement.lift import Audience
from events.engagement.metrics import (
    FULLEST,
    OF_PERSON,
    PERSON,
    Figure,
    State,
    Unit,
    came_before,
    share,
)
from events.planning import meetups, sponsors
from events.planning.meetups import Meetup
from server import audit, mail
from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7
from server.errors import NotFound
from server.look import Look

FIRST = 1
HEADS = ("came", "came_linked", "compared", "compared_linked")
DECIMALS = ("estimate", "low", "high", "standard_error", "detectable", "df")


class ReportEdition(Record):
    """One frozen report of one meetup for one sponsor."""

    meetup_id = UuidColumn()
    sponsor_id = UuidColumn()
    number = Integer()
    content = JSONB()
    sha256 = Bytea()
    frozen_at = Timestamptz()


class Content(msgspec.Struct, frozen=True):
    """All that an edition says; the words are found when it is read."""

    title: str
    on: date
    venue: str
    series: str
    k: int
    figures: list[Figure]
    lift: Lift | None


class Edition(msgspec.Struct, frozen=True):
    """An edition as its sponsor reads it."""

    meetup: str
    sponsor: str
    sponsor_slug: str
    number: int
    content: Content
    sha256: bytes
    frozen_at: datetime

    @property
    def fingerprint(self) -> str:
        """The beginning of the hash, in groups that can be read aloud."""
        text = self.sha256.hex()[:16]
        return " ".join(text[at : at + 4] for at in range(0, 16, 4))


class EditionLine(msgspec.Struct, frozen=True):
    """A sponsored meetup in the sponsor's list, with its report if it is ready."""

    slug: str
    title: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    cancelled_at: datetime | None
    postponed_at: datetime | None
    sponsor: str
    sponsor_slug: str
    frozen_at: datetime | None


class Heads(msgspec.Struct, frozen=True):
    """The people of a meetup without the team: what the cells are made of."""

    registered: int
    came_registered: int
    attended: int
    first_timers: int
    imported: int = 0


# Rules


def cells(heads: Heads, k: int) -> list[Figure]:
    """The figures a sponsor may see: rounded, nothing under k, nothing by subtraction."""
    is_imported = heads.attended and heads.imported == heads.attended
    source = State.IMPORTED if is_imported else State.MEASURED
    came = publish(
        Cell.heads(heads.attended),
        {
            "first_timers": Cell.heads(heads.first_timers),
            "returning": Cell.heads(heads.attended - heads.first_timers),
        },
        k,
    )
    asked = publish(
        Cell.heads(heads.registered),
        {
            "came": Cell.heads(heads.came_registered),
            "no_shows": Cell.heads(heads.registered - heads.came_registered),
        },
        k,
    )
    # Who came without having registered is the difference of two cells.
    walk_ins = heads.attended - heads.came_registered
    betrays = 0 < walk_ins < threshold(k)
    rate = None if betrays else _rate(asked.parts["came"], asked.total, source)
    return [
        _cell("attended", came.total, source),
        _cell("first_timers", came.parts["first_timers"], source),
        _cell("returning", came.parts["returning"], source),
        _cell("registered", asked.total, source),
        rate or Figure("show_up_rate", None, State.MISSING, Unit.SHARE, why="too_few"),
    ]


def _rate(came: int | Hidden, of: int | Hidden, source: State) -> Figure | None:
    """A share of two published counts, which says no more than they do."""
    if isinstance(came, Hidden) or isinstance(of, Hidden) or not came:
        return None
    return Figure("show_up_rate", share(came, of), source, Unit.SHARE, n=of)


def _cell(key: str, shown: int | Hidden, source: State) -> Figure:
    """A count as it is published; every hidden one looks the same."""
    if isinstance(shown, Hidden) or not shown:
        return Figure(key, None, State.MISSING, Unit.PEOPLE, why="too_few")
    return Figure(key, shown, source, Unit.PEOPLE)


def shareable(lift: Lift | None) -> Lift | None:
    """The pooled effect, if a sponsor may be told of it: coarse, and of many people."""
    told = [finding for finding in lift.findings if finding.effect] if lift else []
    if lift is None or not told or not told[0].is_primary:
        return None
    return msgspec.structs.replace(
        lift,
        **{name: rounded(getattr(lift, name)) for name in HEADS},
        excluded=[],
        placebo=None,
        gap=None,
        breakdown=None,
        findings=[_coarse(finding) for finding in told],
    )


def _coarse(finding: Finding) -> Finding:
    """A finding with one decimal of its effect and its people rounded."""
    effect = finding.effect
    if effect is None:
        return finding
    coarse = msgspec.structs.replace(
        effect,
        **{name: round(getattr(effect, name), 1) for name in DECIMALS},
        n_treated=rounded(effect.n_treated),
        n_compared=rounded(effect.n_compared),
    )
    return msgspec.structs.replace(finding, effect=coarse, by_coming=None, relative=None)


def sealed(content: Content) -> tuple[str, bytes]:
    """The content as it is kept, and its fingerprint: the same on any machine."""
    known = msgspec.json.decode(msgspec.json.encode(content), type=Content)
    plain = msgspec.json.decode(msgspec.json.encode(known))
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text, hashlib.sha256(text.encode()).digest()


# Commands


@atomic()
async def close_meetup(
    meetup: Meetup, *, workspace: Look, origin: str, by: Actor, now: datetime
) -> None:
    """Close the evening, freeze what its sponsors may read, and tell them."""
    await meetups.close(meetup, by=by, now=now)
    await freeze(meetup, workspace=workspace, origin=origin, by=by, now=now)


@atomic()
async def freeze(
    meetup: Meetup, *, workspace: Look, origin: str, by: Actor, now: datetime
) -> int:
    """Give each sponsor of a closed meetup its edition; who has one keeps it."""
    content = await _first_content(meetup.id) or await _content(meetup, workspace, now)
    text, digest = sealed(content)
    made = 0
    for sponsor in await sponsors.sponsors_of(meetup.id):
        row = await one(
            "INSERT INTO report_edition (id, workspace_id, meetup_id, sponsor_id, number,"
            " content, sha256, frozen_at)"
            " VALUES ($1, $2, $3, $4, $5, $6::text::jsonb, $7, $8)"
            " ON CONFLICT (workspace_id, meetup_id, sponsor_id, number) DO NOTHING"
            " RETURNING id",
            uuid7(),
            by.workspace_id,
            meetup.id,
            sponsor.id,
            FIRST,
            text,
            digest,
            now,
        )
        if row is not None:
            made += 1
            await _tell(meetup, sponsor, workspace=workspace, origin=origin, by=by, now=now)
    if made:
        await audit.note(by, "froze_reports", meetup, at=now)
    return made


async def _first_content(meetup_id: UUID) -> Content | None:
    """What the first sponsor of this meetup was told; the others are told the same."""
    row = await one(
        "SELECT content::text AS content FROM report_edition"
        " WHERE workspace_id = ANY (apero_scope()) AND meetup_id = $1"
        " ORDER BY number, frozen_at, id LIMIT 1",
        meetup_id,
    )
    return msgspec.json.decode(row["content"], type=Content) if row else None


async def _content(meetup: Meetup, workspace: Look, now: datetime) -> Content:
    """The cells of a meetup as they stand now."""
    about = await reports.about(meetup.id)
    pooled = None
    if about.series_id is not None:
        series = await reports.series_report(about.series_id, now, Audience.SPONSOR)
        pooled = shareable(series.lift)
    return Content(
        title=about.title,
        on=about.on,
        venue=about.venue,
        series=about.series or "",
        k=workspace.disclosure_k,
        figures=cells(await heads(meetup.id), workspace.disclosure_k),
        lift=pooled,
    )


async def _tell(
    meetup: Meetup,
    sponsor: sponsors.SponsorLine,
    *,
    workspace: Look,
    origin: str,
    by: Actor,
    now: datetime,
) -> None:
    """Write to the sponsor's contacts that the report is there; once for each."""
    for row in await _contacts(sponsor.id, by=by):
        await mail.post(
            "report_ready",
            to=row["email"],
            language=row["language"],
            workspace=workspace,
            context={
                "title": meetup.title,
                "on": meetup.starts_at,
                "time_zone": meetup.time_zone,
                "sponsor": sponsor.name,
                "url": f"{origin}{address(workspace.slug, sponsor.slug, meetup.slug)}",
            },
            once=f"edition:{meetup.id}:{row['id']}",
            now=now,
        )


async def _contacts(sponsor_id: UUID, *, by: Actor) -> list[asyncpg.Record]:
    """The people a sponsor reads its reports with today, each in her language."""
    return await sql(
        "SELECT c.id, a.email, a.language FROM sponsor_contact c JOIN account a"
        " ON a.id = c.account_id WHERE c.workspace_id = $1 AND c.sponsor_id = $2"
        " AND c.ended_at IS NULL ORDER BY c.id",
        by.workspace_id,
        sponsor_id,
    )


def address(workspace_slug: str, sponsor_slug: str, meetup_slug: str) -> str:
    """Where a sponsor reads an edition."""
    return f"/portal/{workspace_slug}/{sponsor_slug}/{meetup_slug}"


# Queries


async def heads(meetup_id: UUID) -> Heads:
    """The people of a meetup, those of the team left out."""
    found = await one(
        "SELECT count(*) FILTER (WHERE NOT r.is_walk_in) AS registered,"  # noqa: S608
        " count(*) FILTER (WHERE r.attended_at IS NOT NULL AND NOT r.is_walk_in)"
        " AS came_registered,"
        " count(*) FILTER (WHERE r.attended_at IS NOT NULL) AS attended,"
        " count(*) FILTER (WHERE r.attended_at IS NOT NULL AND NOT"
        f" {came_before('r.person', 'm')}) AS first_timers,"
        " count(*) FILTER (WHERE r.attended_at IS NOT NULL AND r.source = 'import')"
        " AS imported"
        f" FROM (SELECT DISTINCT ON ({PERSON}) r.*, {PERSON} AS person, bool_and(r.source ="
        f" 'walk_in') OVER (PARTITION BY {PERSON}) AS is_walk_in FROM registration r"
        f" {OF_PERSON} WHERE r.workspace_id = ANY (apero_scope()) AND r.meetup_id = $1"
        f" AND r.status = 'confirmed' ORDER BY {PERSON}, {FULLEST}) r"
        " JOIN meetup m ON m.workspace_id = r.workspace_id AND m.id = r.meetup_id"
        " JOIN member p ON p.workspace_id = r.workspace_id AND p.id = r.person"
        " WHERE NOT p.is_insider",
        meetup_id,
        into=Heads,
    )
    assert found is not None  # noqa: S101 - a count always answers
    return found


_MINE = (
    " FROM sponsor_contact c JOIN sponsor s ON s.workspace_id = c.workspace_id"
    " AND s.id = c.sponsor_id CROSS JOIN LATERAL (SELECT DISTINCT p.meetup_id"
    " FROM sponsored p WHERE p.workspace_id = s.workspace_id AND p.sponsor_id = s.id) p"
    " JOIN meetup m ON m.workspace_id = s.workspace_id AND m.id = p.meetup_id"
    " LEFT JOIN report_edition e ON e.workspace_id = m.workspace_id"
    " AND e.meetup_id = m.id AND e.sponsor_id = s.id"
    " WHERE c.workspace_id = ANY (apero_scope()) AND c.account_id = $1"
    " AND c.ended_at IS NULL AND m.published_at IS NOT NULL"
)


async def editions_of(account_id: UUID) -> list[EditionLine]:
    """The meetups this account's sponsors pay for, latest first, those called off too."""
    return await sql(
        "SELECT m.slug, m.title, m.starts_at, m.ends_at, m.time_zone, m.cancelled_at,"
        " m.postponed_at, s.name AS sponsor, s.slug AS sponsor_slug,"
        f" e.frozen_at{_MINE}"
        " ORDER BY m.starts_at DESC, s.slug LIMIT 200",
        account_id,
        into=EditionLine,
    )


async def edition(account_id: UUID, sponsor_slug: str, meetup_slug: str) -> Edition:
    """An edition this account may read; another's does not exist."""
    row = await one(
        "SELECT m.slug AS meetup, s.name AS sponsor, s.slug AS sponsor_slug, e.number,"
        f" e.content::text AS content, e.sha256, e.frozen_at{_MINE}"
        " AND m.cancelled_at IS NULL AND e.id IS NOT NULL AND s.slug = $2 AND m.slug = $3"
        " ORDER BY e.number DESC LIMIT 1",
        account_id,
        sponsor_slug,
        meetup_slug,
    )
    if row is None:
        raise NotFound
    content = msgspec.json.decode(row["content"], type=Content)
    return Edition(**{**row, "content": content})
