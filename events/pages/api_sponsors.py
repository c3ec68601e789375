"""Sponsors and packages for machines; sponsorships and what is owed are in `api_deals`."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get, patch, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, Parameter

from events.pages import api_deals
from events.pages.api_meetups import one_line
from events.planning import packages, sponsors
from events.planning.packages import Offer, PackageLine, Promised, PromiseLine
from events.planning.sponsors import Contact, SponsorLine
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import NotFound
from server.forms import clean, email
from server.web import Asking

PAGE, LONGEST_PAGE = 50, 200
Limit = Annotated[int, Parameter(ge=1, le=LONGEST_PAGE)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=5000)]


class SponsorBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A sponsor to be written down, or as it is from now on."""

    name: Name
    website: Annotated[str, msgspec.Meta(max_length=200)] = ""


class ContactBody(msgspec.Struct, forbid_unknown_fields=True):
    """Somebody of the sponsor."""

    email: Annotated[str, msgspec.Meta(max_length=254)]


class SponsorPage(msgspec.Struct):
    """Sponsors by name; `next` continues the list."""

    items: list[SponsorLine]
    next: UUID | None


class SponsorDetail(msgspec.Struct):
    """A sponsor with who reads its page."""

    sponsor: SponsorLine
    contacts: list[Contact]


class PromiseBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A promise; `days_before` below 0 is after the day."""

    title: Name
    quantity: int = 1
    days_before: int = 0


class OfferBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a package says of itself."""

    name: Name
    price_cents: int
    description: Text = ""


class PackageBody(OfferBody, forbid_unknown_fields=True, kw_only=True):
    """A package with what it promises."""

    promises: Annotated[list[PromiseBody], msgspec.Meta(max_length=50)] = []


class PackagePage(msgspec.Struct):
    """Packages by name; `next` continues the list."""

    items: list[PackageLine]
    next: UUID | None


class PackageDetail(msgspec.Struct):
    """A package with what it promises."""

    package: PackageLine
    promises: list[PromiseLine]


# Sponsors


@get("/sponsors", summary="List the sponsors", description="By name; `q` searches names.")
async def list_sponsors(
    by: NamedDependency[Actor],
    q: FromQuery[str] = "",
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Limit] = PAGE,
) -> SponsorPage:
    async with scoped(by, readonly=True):
        found = await sponsors.sponsors(q, after=after, limit=limit + 1)
    return SponsorPage(found[:limit], found[limit - 1].id if len(found) > limit else None)


@get(
    "/sponsors/{sponsor_id:uuid}",
    summary="Read a sponsor",
    description="One sponsor with the contacts who may read its page.",
)
async def read_sponsor(
    by: NamedDependency[Actor], sponsor_id: FromPath[UUID]
) -> SponsorDetail:
    async with scoped(by, readonly=True):
        found = await sponsors.sponsor_line(sponsor_id)
        return SponsorDetail(found, await sponsors.contacts(sponsor_id))


@post(
    "/sponsors",
    summary="Write a sponsor down",
    description="Refused with 409 when a sponsor has this name.",
)
async def make_sponsor(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    data: JSONBody[SponsorBody],
) -> SponsorLine:
    name = one_line(data.name, "name")
    website = clean(data.website)
    return await sponsors.make_sponsor(name, website=website, by=by, now=now)


@patch(
    "/sponsors/{sponsor_id:uuid}",
    summary="Change a sponsor",
    description="Its name and its site; its address stays.",
)
async def change_sponsor(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    sponsor_id: FromPath[UUID],
    data: JSONBody[SponsorBody],
) -> SponsorDetail:
    name, website = one_line(data.name, "name"), clean(data.website)
    async with scoped(by):
        await sponsors.change_sponsor(sponsor_id, name, website=website, by=by, now=now)
        found = await sponsors.sponsor_line(sponsor_id)
        return SponsorDetail(found, await sponsors.contacts(sponsor_id))


@post(
    "/sponsors/{sponsor_id:uuid}/contacts",
    summary="Add a contact",
    description="She may read the sponsor's page and is told by letter, once.",
)
async def add_contact(
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    sponsor_id: FromPath[UUID],
    data: JSONBody[ContactBody],
) -> SponsorDetail:
    address = email(data.email)
    async with scoped(by):
        look = await workspaces.look_by_id(by.workspace_id)
        origin = asking.settings.origin
        await sponsors.add_contact(
            sponsor_id, address, workspace=look, origin=origin, by=by, now=now
        )
        found = await sponsors.sponsor_line(sponsor_id)
        return SponsorDetail(found, await sponsors.contacts(sponsor_id))


@delete(
    "/sponsors/{sponsor_id:uuid}/contacts/{contact_id:uuid}",
    summary="End a contact",
    description="She reads nothing of this sponsor any more, from her next request on.",
)
async def end_contact(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    sponsor_id: FromPath[UUID],
    contact_id: FromPath[UUID],
) -> None:
    async with scoped(by):
        if contact_id not in {one.id for one in await sponsors.contacts(sponsor_id)}:
            raise NotFound
        await sponsors.end_contact(contact_id, by=by, now=now)


# Packages


@get("/packages", summary="List the packages", description="By name, ended ones included.")
async def list_packages(
    by: NamedDependency[Actor],
    q: FromQuery[str] = "",
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Limit] = PAGE,
) -> PackagePage:
    async with scoped(by, readonly=True):
        found = await packages.packages(q, after=after, limit=limit + 1)
    return PackagePage(found[:limit], found[limit - 1].id if len(found) > limit else None)


@get(
    "/packages/{package_id:uuid}",
    summary="Read a package",
    description="One package with what it promises.",
)
async def read_package(
    by: NamedDependency[Actor], package_id: FromPath[UUID]
) -> PackageDetail:
    async with scoped(by, readonly=True):
        return await _package(package_id)


async def _package(package_id: UUID) -> PackageDetail:
    found = await packages.package_line(package_id)
    return PackageDetail(found, await packages.promises_of(package_id))


@post(
    "/packages",
    summary="Write a package down",
    description="In the workspace's currency. Refused with 409 when a package has this"
    " name.",
)
async def make_package(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    data: JSONBody[PackageBody],
) -> PackageDetail:
    promised = [_promised(one) for one in data.promises]
    async with scoped(by):
        look = await workspaces.look_by_id(by.workspace_id)
        made = await packages.make_package(
            _offer(data), promised, currency=look.currency, by=by, now=now
        )
        return await _package(made.id)


@patch(
    "/packages/{package_id:uuid}",
    summary="Change a package",
    description="What is offered from now on; what was sold stays as it was sold.",
)
async def change_package(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    package_id: FromPath[UUID],
    data: JSONBody[OfferBody],
) -> PackageDetail:
    async with scoped(by):
        await packages.change_package(package_id, _offer(data), by=by, now=now)
        return await _package(package_id)


def _offer(data: OfferBody) -> Offer:
    return Offer(
        name=one_line(data.name, "name"),
        price_cents=data.price_cents,
        description=clean(data.description),
    )


def _promised(data: PromiseBody) -> Promised:
    return Promised(one_line(data.title, "title"), data.quantity, data.days_before)


@post(
    "/packages/{package_id:uuid}/promises",
    summary="Add a promise",
    description="To whoever buys the package from now on.",
)
async def add_promise(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    package_id: FromPath[UUID],
    data: JSONBody[PromiseBody],
) -> PackageDetail:
    async with scoped(by):
        await packages.add_promise(package_id, _promised(data), by=by, now=now)
        return await _package(package_id)


@delete(
    "/packages/{package_id:uuid}/promises/{promise_id:uuid}",
    summary="Remove a promise",
    description="From now on; what was sold stays owed.",
)
async def remove_promise(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    package_id: FromPath[UUID],
    promise_id: FromPath[UUID],
) -> None:
    await packages.remove_promise(package_id, promise_id, by=by, now=now)


@post(
    "/packages/{package_id:uuid}/end",
    status_code=200,
    summary="Stop selling a package",
    description="Its sales stay.",
)
async def end_package(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    package_id: FromPath[UUID],
) -> PackageDetail:
    async with scoped(by):
        await packages.end_package(package_id, by=by, now=now)
        return await _package(package_id)


@post(
    "/packages/{package_id:uuid}/offer",
    status_code=200,
    summary="Sell a package again",
    description="After it was ended.",
)
async def offer_again(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    package_id: FromPath[UUID],
) -> PackageDetail:
    async with scoped(by):
        await packages.offer_again(package_id, by=by, now=now)
        return await _package(package_id)


READS: list[HTTPRouteHandler] = [
    *(list_sponsors, read_sponsor, list_packages, read_package),
    *api_deals.READS,
]
WRITES: list[HTTPRouteHandler] = [
    *(make_sponsor, change_sponsor, add_contact, end_contact),
    *(make_package, change_package, add_promise, remove_promise, end_package, offer_again),
    *api_deals.WRITES,
]
