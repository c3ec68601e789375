"""Packages: what is sold to sponsors, at which price, and what each sale promises.

A sale copies the promises: changing a package later changes nothing that was sold.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec
from piccolo.columns import UUID as UuidColumn
from piccolo.columns import BigInt, Integer, Text, Timestamptz

from server import audit
from server.amounts import LARGEST, TOO_LARGE
from server.audit import Actor
from server.database import Record, atomic, many, one, sql, uuid7
from server.errors import Conflict, Invalid, NotFound
from server.forms import clean
from server.i18n import lazy

MOST_PROMISES = 50
LARGEST_QUANTITY = 10_000
MOST_DAYS = 730


class Package(Record):
    """Something that is sold to sponsors."""

    name = Text()
    description = Text()
    price_cents = BigInt()
    currency = Text()
    created_at = Timestamptz()
    ended_at = Timestamptz(null=True, default=None)


class Promise(Record):
    """One thing a package promises."""

    package_id = UuidColumn()
    position = Integer()
    title = Text()
    quantity = Integer()
    days_before = Integer()


class Promised(msgspec.Struct, frozen=True):
    """What is promised, how many times, and how long before the day (below 0: after)."""

    title: str
    quantity: int = 1
    days_before: int = 0


class PromiseLine(Promised, frozen=True, kw_only=True):
    """A promise as it is kept."""

    id: UUID


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a package says of itself."""

    name: str
    price_cents: int
    description: str = ""


class PackageLine(msgspec.Struct, frozen=True):
    """A package in a list."""

    id: UUID
    name: str
    description: str
    price_cents: int
    currency: str
    promises: int
    sales: int
    ended_at: datetime | None


class PackageExists(Conflict):
    message = lazy("A package has this name already.")


class PackageEnded(Conflict):
    message = lazy("This package is no longer sold.")


class TooManyPromises(Conflict):
    message = lazy("A package makes fifty promises at most.")


# Rules


def check(wanted: Promised) -> None:
    """Refuse what cannot be promised, field by field."""
    wrong = {}
    if not wanted.title:
        wrong["title"] = lazy("This answer is missing.")
    if not 1 <= wanted.quantity <= LARGEST_QUANTITY:
        wrong["quantity"] = lazy("Write a number from 1 to 10000.")
    if not -MOST_DAYS <= wanted.days_before <= MOST_DAYS:
        wrong["days_before"] = lazy("Write a number of days within two years.")
    if wrong:
        raise Invalid(**wrong)


def check_price(price_cents: int) -> None:
    """Refuse a price nobody pays."""
    if not 0 <= price_cents <= LARGEST:
        raise Invalid(price=TOO_LARGE)


# Commands


@atomic()
async def make_package(
    offer: Offer,
    promises: Sequence[Promised] = (),
    *,
    currency: str,
    by: Actor,
    now: datetime,
) -> PackageLine:
    """Write a package down, with its promises."""
    check_price(offer.price_cents)
    package = Package(
        id=uuid7(),
        workspace_id=by.workspace_id,
        name=offer.name,
        description=offer.description,
        price_cents=offer.price_cents,
        currency=currency,
        created_at=now,
    )
    try:
        await package.save()
    except asyncpg.UniqueViolationError as error:
        raise PackageExists from error
    await _promise(package.id, promises, by=by)
    await audit.note(by, "made_package", package, at=now)
    return await package_line(package.id)


@atomic()
async def change_package(
    package_id: UUID, offer: Offer, *, by: Actor, now: datetime
) -> None:
    """Change what is offered from now on; what was sold stays as it was sold."""
    check_price(offer.price_cents)
    try:
        row = await one(
            "UPDATE package SET name = $3, description = $4, price_cents = $5"
            " WHERE workspace_id = $1 AND id = $2 RETURNING id",
            by.workspace_id,
            package_id,
            offer.name,
            offer.description,
            offer.price_cents,
        )
    except asyncpg.UniqueViolationError as error:
        raise PackageExists from error
    if row is None:
        raise NotFound
    await audit.note(by, "changed_package", at=now)


@atomic()
async def end_package(package_id: UUID, *, by: Actor, now: datetime) -> None:
    """Stop selling it; its sales stay."""
    await _set_end(package_id, now, by=by)
    await audit.note(by, "ended_package", at=now)


@atomic()
async def offer_again(package_id: UUID, *, by: Actor, now: datetime) -> None:
    """Sell it again."""
    await _set_end(package_id, None, by=by)
    await audit.note(by, "offered_package_again", at=now)


@atomic()
async def add_promise(
    package_id: UUID, wanted: Promised, *, by: Actor, now: datetime
) -> UUID:
    """Promise one thing more to whoever buys it from now on."""
    made = await _promise(package_id, [wanted], by=by)
    await audit.note(by, "changed_package", at=now)
    return made[0]


@atomic()
async def remove_promise(
    package_id: UUID, promise_id: UUID, *, by: Actor, now: datetime
) -> None:
    """Promise one thing less from now on."""
    row = await one(
        "DELETE FROM promise WHERE workspace_id = $1 AND package_id = $2 AND id = $3"
        " RETURNING id",
        by.workspace_id,
        package_id,
        promise_id,
    )
    if row is None:
        raise NotFound
    await audit.note(by, "changed_package", at=now)


async def _set_end(package_id: UUID, ended_at: datetime | None, *, by: Actor) -> None:
    row = await one(
        "UPDATE package SET ended_at = $3 WHERE workspace_id = $1 AND id = $2"
        " AND (ended_at IS NULL) <> ($3::timestamptz IS NULL) RETURNING id",
        by.workspace_id,
        package_id,
        ended_at,
    )
    if row is None:
        raise NotFound


async def _promise(
    package_id: UUID, wanted: Sequence[Promised], *, by: Actor
) -> list[UUID]:
    """Write promises after those that are there; two at once wait in line."""
    for one_ in wanted:
        check(one_)
    last = await _last_position(package_id, len(wanted), by=by)
    made = [uuid7() for _ in wanted]
    await many(
        "INSERT INTO promise (id, workspace_id, package_id, position, title, quantity,"
        " days_before) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            (
                id_,
                by.workspace_id,
                package_id,
                at,
                one_.title,
                one_.quantity,
                one_.days_before,
            )
            for at, (id_, one_) in enumerate(zip(made, wanted, strict=True), last + 1)
        ],
    )
    return made


async def _last_position(package_id: UUID, more: int, *, by: Actor) -> int:
    """Where the promises of a package end, which is held until others are written."""
    found = await one(
        "SELECT id FROM package WHERE workspace_id = $1 AND id = $2 FOR UPDATE",
        by.workspace_id,
        package_id,
    )
    if found is None:
        raise NotFound
    row = await one(
        "SELECT count(*) AS many, coalesce(max(position), 0) AS last FROM promise"
        " WHERE workspace_id = $1 AND package_id = $2",
        by.workspace_id,
        package_id,
    )
    assert row is not None  # noqa: S101 - a count always answers
    if row["many"] + more > MOST_PROMISES:
        raise TooManyPromises
    last: int = row["last"]
    return last


# Queries

_LINE = (
    "SELECT p.id, p.name, p.description, p.price_cents, p.currency, p.ended_at,"
    " (SELECT count(*) FROM promise o WHERE o.workspace_id = p.workspace_id"
    " AND o.package_id = p.id) AS promises, (SELECT count(*) FROM sponsorship s"
    " WHERE s.workspace_id = p.workspace_id AND s.package_id = p.id) AS sales"
    " FROM package p WHERE p.workspace_id = ANY (apero_scope())"
)


async def packages(
    search: str = "",
    *,
    ended: bool | None = None,
    after: UUID | None = None,
    limit: int = 500,
) -> list[PackageLine]:
    """The packages by name, accents and case ignored; `ended` None for both kinds."""
    return await sql(
        f"{_LINE} AND ($1 = ''"  # noqa: S608 - our own text
        " OR strpos(apero_plain(p.name), apero_plain($1)) > 0)"
        " AND ($2::boolean IS NULL OR (p.ended_at IS NOT NULL) = $2)"
        " AND ($3::uuid IS NULL OR (apero_plain(p.name), p.id) >"
        " (SELECT apero_plain(l.name), l.id FROM package l"
        " WHERE l.workspace_id = ANY (apero_scope()) AND l.id = $3))"
        " ORDER BY apero_plain(p.name), p.id LIMIT $4",
        clean(search)[:200],
        ended,
        after,
        limit,
        into=PackageLine,
    )


async def package_line(package_id: UUID) -> PackageLine:
    """The package of this key, or NotFound."""
    found = await one(f"{_LINE} AND p.id = $1", package_id, into=PackageLine)
    if found is None:
        raise NotFound
    return found


async def promises_of(package_id: UUID) -> list[PromiseLine]:
    """What a package promises, in order."""
    return await sql(
        "SELECT id, title, quantity, days_before FROM promise"
        " WHERE workspace_id = ANY (apero_scope()) AND package_id = $1"
        " ORDER BY position, id",
        package_id,
        into=PromiseLine,
    )
