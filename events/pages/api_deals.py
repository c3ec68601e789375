"""Sponsorships and what is owed for them, for machines."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, JSONBody, Parameter

from events.engagement import sales
from events.pages.api_meetups import one_line
from events.pages.delivering import ProofForm, keep_proof
from events.planning import deliverables, dues, owed, sold, sponsorships
from events.planning.deliverables import Owed
from events.planning.dues import Progress
from events.planning.owed import DueLine, Filter, ProofLine, Wanted
from events.planning.sold import SaleLine
from events.planning.sponsorships import Sale, Terms
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.forms import clean, read
from server.pictures import LARGEST_FORM
from server.web import Asking, typed

PAGE, LONGEST_PAGE = 50, 200
Limit = Annotated[int, Parameter(ge=1, le=LONGEST_PAGE)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Text = Annotated[str, msgspec.Meta(max_length=5000)]
AnyRequest = Request[Any, Any, Any]


class TermsBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a sponsor gives, in cents; null is not known, 0 is nothing."""

    price_cents: int | None = None
    in_kind_cents: int | None = None
    note: Text = ""


class SaleBody(TermsBody, forbid_unknown_fields=True, kw_only=True):
    """Exactly one of `meetup_id`, `series_id`, and the days of a period."""

    sponsor_id: UUID
    meetup_id: UUID | None = None
    series_id: UUID | None = None
    starts_on: date | None = None
    ends_on: date | None = None
    package_id: UUID | None = None
    counted_from: date | None = None
    sure: bool = False


class OwedBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Something owed."""

    title: Name
    due_on: date
    quantity: int = 1
    owner_id: UUID | None = None


class ReasonBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why it will not be delivered, as the sponsor reads it."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=5000)]


class SalePage(msgspec.Struct):
    """Sponsorships, latest first; `next` continues the list."""

    items: list[SaleLine]
    next: UUID | None


class DueItem(msgspec.Struct):
    """A deliverable with where it stands today."""

    deliverable: DueLine
    progress: Progress


class DuePage(msgspec.Struct):
    """Deliverables, soonest first; `next` continues the list."""

    items: list[DueItem]
    next: UUID | None


class DueDetail(msgspec.Struct):
    """A deliverable with its proofs."""

    deliverable: DueLine
    progress: Progress
    proofs: list[ProofLine]


async def _today(by: Actor, now: datetime) -> date:
    """The day it is in the workspace in view."""
    return dues.day_of(now, (await workspaces.look_by_id(by.workspace_id)).time_zone)


async def _due(id_: UUID, by: Actor, now: datetime) -> DueDetail:
    line = await owed.deliverable(id_)
    proofs = (await owed.proofs_of([id_])).get(id_, [])
    return DueDetail(line, line.progress(await _today(by, now)), proofs)


# Sponsorships


@get(
    "/sponsorships",
    summary="List the sponsorships",
    description="Latest first; `sponsor` is a sponsor's slug, `q` searches.",
)
async def list_sales(
    *,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    sponsor: FromQuery[str] = "",
    q: FromQuery[str] = "",
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Limit] = PAGE,
) -> SalePage:
    async with scoped(by, readonly=True):
        today = await _today(by, now)
        found = await sold.sales(
            today=today, sponsor=sponsor, search=q, after=after, limit=limit + 1
        )
    return SalePage(found[:limit], found[limit - 1].id if len(found) > limit else None)


@get(
    "/sponsorships/{sale_id:uuid}",
    summary="Read a sponsorship",
    description="One sale with how much of it is delivered.",
)
async def read_sale(
    by: NamedDependency[Actor], now: NamedDependency[datetime], sale_id: FromPath[UUID]
) -> SaleLine:
    async with scoped(by, readonly=True):
        return await sold.sale(sale_id, today=await _today(by, now))


@post(
    "/sponsorships",
    summary="Note a sponsorship",
    description="The promises of the package are copied, each with its day. Without"
    " `price_cents` the price of the package holds. When it covers closed meetups, their"
    " frozen reports leave by letter: refused with 409 unless `sure` is true.",
)
async def sell(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    data: JSONBody[SaleBody],
) -> SaleLine:
    given = msgspec.structs.asdict(data) | {"note": clean(data.note)}
    sure = given.pop("sure")
    async with scoped(by):
        look = await workspaces.look_by_id(by.workspace_id)
        id_ = await sales.sell(
            Sale(**given),
            sure=sure,
            workspace=look,
            origin=asking.settings.origin,
            by=by,
            now=now,
        )
        return await sold.sale(id_, today=dues.day_of(now, look.time_zone))


@patch(
    "/sponsorships/{sale_id:uuid}",
    summary="Change a sponsorship",
    description="What the sponsor gives, and the note.",
)
async def change_sale(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    sale_id: FromPath[UUID],
    data: JSONBody[TermsBody],
) -> SaleLine:
    terms = Terms(
        price_cents=data.price_cents,
        in_kind_cents=data.in_kind_cents,
        note=clean(data.note),
    )
    async with scoped(by):
        await sponsorships.change_sale(sale_id, terms, by=by, now=now)
        return await sold.sale(sale_id, today=await _today(by, now))


@delete(
    "/sponsorships/{sale_id:uuid}",
    summary="Undo a sponsorship",
    description="With what is owed for it; refused with 409 once something was proved or"
    " one of its meetups is closed.",
)
async def end_sale(
    by: NamedDependency[Actor], now: NamedDependency[datetime], sale_id: FromPath[UUID]
) -> None:
    await sponsorships.end_sale(sale_id, by=by, now=now)


@post(
    "/sponsorships/{sale_id:uuid}/deliverables",
    summary="Owe one thing more",
    description="Besides what the package promises.",
)
async def owe(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    sale_id: FromPath[UUID],
    data: JSONBody[OwedBody],
) -> DueDetail:
    wanted = _owed(data)
    async with scoped(by):
        (id_,) = await deliverables.owe(sale_id, [wanted], by=by, now=now)
        return await _due(id_, by, now)


def _owed(data: OwedBody) -> Owed:
    return Owed(one_line(data.title, "title"), data.due_on, data.quantity, data.owner_id)


# Deliverables


@get(
    "/deliverables",
    summary="List the deliverables",
    description="Soonest first. `which` is open, late, delivered, dropped or all;"
    " `sponsor` is a sponsor's slug; `owner_id` an account of the team.",
)
async def list_deliverables(
    *,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    which: FromQuery[Filter] = Filter.ALL,
    sponsor: FromQuery[str] = "",
    owner_id: FromQuery[UUID | None] = None,
    q: FromQuery[str] = "",
    after: FromQuery[UUID | None] = None,
    limit: FromQuery[Limit] = PAGE,
) -> DuePage:
    async with scoped(by, readonly=True):
        today = await _today(by, now)
        wanted = Wanted(
            which=which, search=q, sponsor=sponsor, owner_id=owner_id, today=today
        )
        found = await owed.deliverables(wanted, after=after, limit=limit + 1)
    items = [DueItem(one, one.progress(today)) for one in found[:limit]]
    return DuePage(items, found[limit - 1].id if len(found) > limit else None)


@get(
    "/deliverables/{deliverable_id:uuid}",
    summary="Read a deliverable",
    description="One thing owed, where it stands, and its proofs.",
)
async def read_deliverable(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    deliverable_id: FromPath[UUID],
) -> DueDetail:
    async with scoped(by, readonly=True):
        return await _due(deliverable_id, by, now)


@patch(
    "/deliverables/{deliverable_id:uuid}",
    summary="Change a deliverable",
    description="What is owed, by when, and who sees to it; only while it is owed.",
)
async def change_deliverable(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    deliverable_id: FromPath[UUID],
    data: JSONBody[OwedBody],
) -> DueDetail:
    async with scoped(by):
        await deliverables.change(deliverable_id, _owed(data), by=by, now=now)
        return await _due(deliverable_id, by, now)


@post(
    "/deliverables/{deliverable_id:uuid}/proofs",
    status_code=201,
    request_max_body_size=LARGEST_FORM,
    summary="Add a proof",
    description="`kind` is photo, link or count. A photo comes as the file `picture` of a"
    " multipart form; the others may come as JSON, with `link` or `count`, and `note`.",
)
async def prove(
    request: AnyRequest,
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    deliverable_id: FromPath[UUID],
) -> DueDetail:
    answers = await typed(request)
    file = answers.pop("picture", None)
    await keep_proof(deliverable_id, read(ProofForm, answers), file, by=by, now=now)
    async with scoped(by, readonly=True):
        return await _due(deliverable_id, by, now)


@delete(
    "/deliverables/{deliverable_id:uuid}/proofs/{proof_id:uuid}",
    summary="Take a proof back",
    description="Without any proof left, the thing is owed again.",
)
async def withdraw_proof(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    deliverable_id: FromPath[UUID],
    proof_id: FromPath[UUID],
) -> None:
    await deliverables.withdraw_proof(deliverable_id, proof_id, by=by, now=now)


@post(
    "/deliverables/{deliverable_id:uuid}/deliver",
    status_code=200,
    summary="Say that it is delivered",
    description="Refused with 409 without a proof.",
)
async def deliver(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    deliverable_id: FromPath[UUID],
) -> DueDetail:
    async with scoped(by):
        await deliverables.deliver(deliverable_id, by=by, now=now)
        return await _due(deliverable_id, by, now)


@post(
    "/deliverables/{deliverable_id:uuid}/drop",
    status_code=200,
    summary="Say that it will not be delivered",
    description="The sponsor reads the reason.",
)
async def drop(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    deliverable_id: FromPath[UUID],
    data: JSONBody[ReasonBody],
) -> DueDetail:
    async with scoped(by):
        await deliverables.drop(deliverable_id, clean(data.reason), by=by, now=now)
        return await _due(deliverable_id, by, now)


@post(
    "/deliverables/{deliverable_id:uuid}/reopen",
    status_code=200,
    summary="Take it up again",
    description="What was delivered or given up is owed again.",
)
async def reopen(
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    deliverable_id: FromPath[UUID],
) -> DueDetail:
    async with scoped(by):
        await deliverables.reopen(deliverable_id, by=by, now=now)
        return await _due(deliverable_id, by, now)


READS: list[HTTPRouteHandler] = [
    *(list_sales, read_sale, list_deliverables, read_deliverable),
]
WRITES: list[HTTPRouteHandler] = [
    *(sell, change_sale, end_sale, owe, change_deliverable, prove, withdraw_proof),
    *(deliver, drop, reopen),
]
