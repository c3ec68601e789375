"""Sponsors: who pays for what, and who of theirs may read the reports.

A contact signs in by magic link and sees her own sponsor's page, nothing else.
"""

import re
from datetime import datetime
from uuid import UUID

import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import Text, Timestamptz

from events.planning.meetups import TAKEN_WORDS
from events.planning.sponsorships import (
    ReportIsFrozen,
    SoldWithMore,
    Sponsorship,
    end_sponsorship,
    sponsor_meetup,
)
from server import audit, workspaces
from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.forms import clean
from server.i18n import lazy
from server.look import Look
from server.workspaces import Role, slug_of

__all__ = [
    "Choice",
    "Contact",
    "ReportIsFrozen",
    "SoldWithMore",
    "Sponsor",
    "SponsorContact",
    "SponsorExists",
    "SponsorLine",
    "Sponsored",
    "Sponsorship",
    "add_contact",
    "change_sponsor",
    "choices",
    "contacts",
    "end_contact",
    "end_sponsorship",
    "make_sponsor",
    "meetups_of",
    "site",
    "sponsor_by_slug",
    "sponsor_line",
    "sponsor_meetup",
    "sponsors",
    "sponsors_of",
    "sponsors_of_account",
]


class Sponsor(Record):
    """Who pays, in money or in kind."""

    slug = Text()
    name = Text()
    website = Text()
    created_at = Timestamptz()


class SponsorContact(Record):
    """Somebody of the sponsor who may read its page."""

    sponsor_id = UuidColumn()
    account_id = UuidColumn()
    created_at = Timestamptz()
    ended_at = Timestamptz(null=True, default=None)


class SponsorLine(msgspec.Struct, frozen=True):
    """A sponsor in a list."""

    id: UUID
    slug: str
    name: str
    website: str
    meetups: int
    contacts: int
    owed: int = 0


class Choice(msgspec.Struct, frozen=True):
    """A sponsor where one is chosen."""

    id: UUID
    name: str


class Contact(msgspec.Struct, frozen=True):
    """A contact as the CM sees her."""

    id: UUID
    email: str
    name: str
    created_at: datetime


class Sponsored(msgspec.Struct, frozen=True):
    """A meetup as its sponsor sees it in a list."""

    id: UUID
    slug: str
    title: str
    starts_at: datetime
    time_zone: str
    closed_at: datetime | None


class SponsorExists(Conflict):
    message = lazy("This sponsor is already there.")


# A name with a dot, a port and a path perhaps; a letter after the colon is no port.
_SITE = re.compile(r"[\w-]+(\.[\w-]+)+(:\d{1,5})?([/?#]\S*)?")
_KNOWN = "SELECT id FROM sponsor WHERE workspace_id = $1 AND id = $2"


# Rules


def site(typed: str) -> str:
    """The address of a site as it is kept: nobody has to type how it begins."""
    if not typed or typed.startswith(("https://", "http://")):
        return typed
    if not _SITE.fullmatch(typed):
        raise Invalid(website=lazy("This is not the address of a site."))
    return f"https://{typed}"


# Commands


@atomic()
async def make_sponsor(
    name: str, *, website: str = "", by: Actor, now: datetime
) -> SponsorLine:
    """Write a sponsor down."""
    slug = slug_of(name)
    if not slug:
        raise Invalid(name=lazy("The name needs at least one letter or figure."))
    slug = f"{slug}-1" if slug in TAKEN_WORDS else slug
    website = site(website)
    row = await one(
        "INSERT INTO sponsor (id, workspace_id, slug, name, website, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (workspace_id, slug) DO NOTHING"
        " RETURNING id",
        uuid7(),
        by.workspace_id,
        slug,
        name,
        website,
        now,
    )
    if row is None:
        raise SponsorExists
    found = await sponsor_by_slug(slug)
    await audit.note(by, "made_sponsor", found, at=now)
    return found


@atomic()
async def change_sponsor(
    sponsor_id: UUID, name: str, *, website: str = "", by: Actor, now: datetime
) -> None:
    """Call a sponsor otherwise, or write its site; its address stays."""
    if not slug_of(name):
        raise Invalid(name=lazy("The name needs at least one letter or figure."))
    row = await one(
        "UPDATE sponsor SET name = $3, website = $4 WHERE workspace_id = $1 AND id = $2"
        " RETURNING id",
        by.workspace_id,
        sponsor_id,
        name,
        site(website),
    )
    if row is None:
        raise NotFound
    await audit.note(by, "changed_sponsor", at=now)


@atomic()
async def add_contact(
    sponsor_id: UUID, email: str, *, workspace: Look, origin: str, by: Actor, now: datetime
) -> None:
    """Let somebody of the sponsor read its page, and tell her by letter."""
    if await one(_KNOWN, by.workspace_id, sponsor_id) is None:
        raise NotFound
    account = await workspaces.invite(
        email, Role.SPONSOR, workspace=workspace, origin=origin, by=by, now=now
    )
    await sql(
        "INSERT INTO sponsor_contact (id, workspace_id, sponsor_id, account_id, created_at)"
        " VALUES ($1, $2, $3, $4, $5)"
        " ON CONFLICT (workspace_id, sponsor_id, account_id) WHERE ended_at IS NULL"
        " DO NOTHING",
        uuid7(),
        by.workspace_id,
        sponsor_id,
        account,
        now,
    )
    await audit.note(by, "added_sponsor_contact", at=now)


@atomic()
async def end_contact(contact_id: UUID, *, by: Actor, now: datetime) -> None:
    """Take the page away from a contact, at her next request."""
    row = await one(
        "UPDATE sponsor_contact SET ended_at = $3 WHERE workspace_id = $1 AND id = $2"
        " AND ended_at IS NULL RETURNING account_id",
        by.workspace_id,
        contact_id,
        now,
    )
    if row is None:
        raise NotFound
    await sql(
        "UPDATE membership SET ended_at = $3 WHERE workspace_id = $1 AND account_id = $2"
        " AND role = 'sponsor' AND ended_at IS NULL AND NOT EXISTS ("
        "SELECT 1 FROM sponsor_contact c WHERE c.workspace_id = $1 AND c.account_id = $2"
        " AND c.ended_at IS NULL)",
        by.workspace_id,
        row["account_id"],
        now,
    )
    await audit.note(by, "ended_sponsor_contact", at=now)


# Queries

_LINE = (
    "SELECT s.id, s.slug, s.name, s.website, (SELECT count(DISTINCT p.meetup_id)"
    " FROM sponsored p WHERE p.workspace_id = s.workspace_id AND p.sponsor_id = s.id)"
    " AS meetups, (SELECT count(*) FROM sponsor_contact c"
    " WHERE c.workspace_id = s.workspace_id AND c.sponsor_id = s.id"
    " AND c.ended_at IS NULL) AS contacts, (SELECT count(*) FROM sponsorship p"
    " JOIN deliverable d ON d.workspace_id = p.workspace_id AND d.sponsorship_id = p.id"
    " WHERE p.workspace_id = s.workspace_id AND p.sponsor_id = s.id"
    " AND d.delivered_at IS NULL AND d.dropped_at IS NULL) AS owed"
    " FROM sponsor s WHERE s.workspace_id = ANY (apero_scope())"
)


async def sponsors(
    search: str = "", *, after: UUID | None = None, limit: int = 500
) -> list[SponsorLine]:
    """The sponsors by name, accents and case ignored; read on after the last one's key."""
    return await sql(
        f"{_LINE} AND ($1 = ''"  # noqa: S608 - our own text
        " OR strpos(apero_plain(s.name), apero_plain($1)) > 0)"
        " AND ($2::uuid IS NULL OR (apero_plain(s.name), s.id) >"
        " (SELECT apero_plain(l.name), l.id FROM sponsor l"
        " WHERE l.workspace_id = ANY (apero_scope()) AND l.id = $2))"
        " ORDER BY apero_plain(s.name), s.id LIMIT $3",
        clean(search)[:200],
        after,
        limit,
        into=SponsorLine,
    )


async def choices() -> list[Choice]:
    """The sponsors one may choose from, by name; nothing is counted for them."""
    return await sql(
        "SELECT s.id, s.name FROM sponsor s WHERE s.workspace_id = ANY (apero_scope())"
        " ORDER BY apero_plain(s.name), s.id LIMIT 500",
        into=Choice,
    )


async def sponsor_by_slug(slug: str) -> SponsorLine:
    """The sponsor of this address, or NotFound."""
    found = await one(f"{_LINE} AND s.slug = $1", slug, into=SponsorLine)
    if found is None:
        raise NotFound
    return found


async def sponsor_line(sponsor_id: UUID) -> SponsorLine:
    """The sponsor of this key, or NotFound."""
    found = await one(f"{_LINE} AND s.id = $1", sponsor_id, into=SponsorLine)
    if found is None:
        raise NotFound
    return found


async def sponsors_of(meetup_id: UUID) -> list[SponsorLine]:
    """Who sponsors this meetup, by itself, through its series or through a period."""
    return await sql(
        f"{_LINE} AND s.id IN (SELECT p.sponsor_id FROM sponsored p"  # noqa: S608 - as above
        " WHERE p.workspace_id = ANY (apero_scope()) AND p.meetup_id = $1)"
        " ORDER BY s.name",
        meetup_id,
        into=SponsorLine,
    )


async def sponsors_of_account(account_id: UUID) -> list[SponsorLine]:
    """The sponsors whose page this account may read, in the workspace in view."""
    return await sql(
        f"{_LINE} AND s.id IN (SELECT k.sponsor_id"  # noqa: S608 - as above
        " FROM sponsor_contact k"
        " WHERE k.workspace_id = ANY (apero_scope()) AND k.account_id = $1"
        " AND k.ended_at IS NULL) ORDER BY s.name",
        account_id,
        into=SponsorLine,
    )


async def contacts(sponsor_id: UUID) -> list[Contact]:
    """Who may read this sponsor's page."""
    return await sql(
        "SELECT c.id, a.email, a.name, c.created_at FROM sponsor_contact c"
        " JOIN account a ON a.id = c.account_id WHERE c.workspace_id = ANY (apero_scope())"
        " AND c.sponsor_id = $1 AND c.ended_at IS NULL ORDER BY c.created_at",
        sponsor_id,
        into=Contact,
    )


async def meetups_of(sponsor_id: UUID, *, limit: int = 200) -> list[Sponsored]:
    """The meetups this sponsor sponsors, latest first; drafts are not shown."""
    return await sql(
        "SELECT m.id, m.slug, m.title, m.starts_at, m.time_zone, m.closed_at FROM meetup m"
        " WHERE m.workspace_id = ANY (apero_scope()) AND m.id IN (SELECT p.meetup_id"
        " FROM sponsored p WHERE p.workspace_id = ANY (apero_scope())"
        " AND p.sponsor_id = $1)"
        " AND m.published_at IS NOT NULL AND m.cancelled_at IS NULL"
        " ORDER BY m.starts_at DESC LIMIT $2",
        sponsor_id,
        limit,
        into=Sponsored,
    )
