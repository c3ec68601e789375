"""Venues: where people meet, how to get in, and the number that may never be passed."""

from datetime import datetime
from uuid import UUID

import msgspec
from piccolo.columns import Integer, Text, Timestamptz

from server import audit
from server.audit import Actor
from server.database import Record, atomic, one, sql, uuid7
from server.errors import Invalid
from server.i18n import lazy


class Venue(Record):
    """One place with its address, its access and its hard limit of people inside."""

    name = Text()
    address = Text()
    access = Text()
    hard_limit = Integer(null=True, default=None)
    created_at = Timestamptz()


class Place(msgspec.Struct, frozen=True):
    """A venue as a page shows it."""

    id: UUID
    name: str
    address: str
    access: str
    hard_limit: int | None


# Commands


@atomic()
async def make_venue(
    name: str,
    *,
    address: str = "",
    access: str = "",
    hard_limit: int | None = None,
    by: Actor,
    now: datetime,
) -> UUID:
    """The venue of this name, made or brought up to date."""
    if hard_limit is not None and hard_limit < 1:
        raise Invalid(hard_limit=lazy("The limit is at least one person."))
    row = await one(
        "INSERT INTO venue"
        " (id, workspace_id, name, address, access, hard_limit, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (workspace_id, name) DO UPDATE SET"
        " address = coalesce(nullif(excluded.address, ''), venue.address),"
        " access = coalesce(nullif(excluded.access, ''), venue.access),"
        " hard_limit = coalesce(excluded.hard_limit, venue.hard_limit) RETURNING id",
        uuid7(),
        by.workspace_id,
        name,
        address,
        access,
        hard_limit,
        now,
    )
    assert row is not None  # noqa: S101 - RETURNING always answers
    await audit.note(by, "kept_venue", at=now)
    id_: UUID = row["id"]
    return id_


# Queries

_PLACE = "SELECT id, name, address, access, hard_limit FROM venue"


async def venues() -> list[Place]:
    """The venues of the workspace in view, by name."""
    return await sql(f"{_PLACE} ORDER BY name LIMIT 500", into=Place)


async def place(venue_id: UUID | None) -> Place | None:
    """The venue of this key, if there is one."""
    if venue_id is None:
        return None
    return await one(
        f"{_PLACE} WHERE workspace_id = ANY (apero_scope()) AND id = $1",
        venue_id,
        into=Place,
    )
