"""The machine interface of the door: what a scanner, ours or a native one, talks to."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import FromQuery, JSONBody
from litestar.types import ControllerRouterHandler
from msgspec import Meta

from checkin import checkins, devices, rosters, sync
from checkin.devices import Station
from checkin.facts import MOST_FACTS, Mode, Result, Taken, handle
from checkin.verdicts import Kind, Verdict
from events.admission import tickets
from server.audit import Actor
from server.database import scoped
from server.errors import Invalid, NotSignedIn
from server.forms import clean
from server.i18n import lazy
from server.web import AnyConnection, Asking, asking_of

LONGEST_NAME = 200
Moment = Annotated[datetime, Meta(tz=True)]


class Batch(msgspec.Struct, forbid_unknown_fields=True):
    """One request's facts, each still unread: a bad one does not stop its neighbours."""

    mode: Mode
    facts: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MOST_FACTS)]


class PairIn(msgspec.Struct, forbid_unknown_fields=True):
    """The one-time code of the QR, and what the phone calls itself."""

    code: Annotated[str, Meta(min_length=1, max_length=100)]
    name: Annotated[str, Meta(max_length=LONGEST_NAME)] | None = None


class Named(msgspec.Struct):
    id: UUID
    name: str


class PairedMeetup(msgspec.Struct):
    id: UUID
    name: str
    slug: str
    starts_at: datetime
    ends_at: datetime
    time_zone: str


class Paired(msgspec.Struct):
    """What a phone knows once it is paired; the token is shown this once."""

    token: str
    device: Named
    gate: Named
    meetup: PairedMeetup
    workspace: Named
    now: datetime


class Status(msgspec.Struct):
    """Who is inside, who came at all, who was expected, is it closed, and the clock."""

    inside: int
    admitted: int
    expected: int
    capacity: int
    is_closed: bool
    now: datetime


class Hit(msgspec.Struct):
    """Somebody found by name; `handle` goes where a fact's `ticket` goes."""

    handle: str
    label: str
    status: str
    is_inside: bool


class Hits(msgspec.Struct):
    items: list[Hit]


class WalkIn(msgspec.Struct, forbid_unknown_fields=True):
    """Somebody without a ticket; the id is made by the device, once."""

    id: UUID
    name: Annotated[str, Meta(max_length=LONGEST_NAME)]
    at: Moment
    override_reason: Annotated[str, Meta(max_length=LONGEST_NAME)] = ""


async def by_device(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """A paired device asks: not revoked, and its meetup not long over."""
    asking = await asking_of(connection)
    kind, _space, token = connection.headers.get("authorization", "").partition(" ")
    bearer = None
    if kind.lower() == "bearer":
        bearer = await devices.device_bearer(token.strip()[:100], now=asking.now)
    if bearer is None:
        raise NotSignedIn
    actor, station = bearer
    connection.scope["state"]["by"] = replace(
        actor, request_id=asking.request_id, address=asking.address
    )
    connection.scope["state"]["station"] = station


def _station(request: Request[Any, Any, Any]) -> Station:
    station: Station = request.scope["state"]["station"]
    return station


def _text(description: str, format_: OpenAPIFormat | None = None) -> Schema:
    return Schema(type=OpenAPIType.STRING, description=description, format=format_)


_UUID = OpenAPIFormat.UUID
_FACT = Schema(
    type=OpenAPIType.OBJECT,
    required=["id", "kind", "at"],
    properties={
        "id": _text("Made by the device (UUIDv7). The same id is the same fact.", _UUID),
        "ticket": _text("What was scanned or typed, as it was, or a handle of a search."),
        "kind": Schema(
            type=OpenAPIType.STRING,
            enum=[Kind.ENTRY.value, Kind.EXIT.value, Kind.UNDO.value],
            description="What the device did.",
        ),
        "at": _text(
            "The device's clock, RFC 3339 with its offset.", OpenAPIFormat.DATE_TIME
        ),
        "seq": Schema(
            type=OpenAPIType.INTEGER, minimum=0, description="Counts up within one start."
        ),
        "boot_id": _text("One start of the device; a hole in its numbers is a gap.", _UUID),
        "offset_ms": Schema(
            type=OpenAPIType.INTEGER,
            description="What to add to the device's clock to get the server's.",
        ),
        "gate": _text("Where the device stands; its own gate unless said.", _UUID),
        "local_verdict": Schema(
            type=OpenAPIType.STRING,
            enum=[one.value for one in Verdict],
            description="What a device that was alone answered. Without it, it happened.",
        ),
        "override_reason": _text("Why a person decided against the verdict."),
        "of": _text("For `undo`: the id of the fact that is taken back.", _UUID),
    },
)
_EXAMPLE = {
    "mode": "ask",
    "facts": [
        {
            "id": "01a1f4e6-c610-7d40-9c1a-3f6d2b7e8a10",
            "ticket": "K7PM-42XD",
            "kind": "entry",
            "at": "2026-11-19T18:42:07.120+01:00",
            "boot_id": "01a1f4bb-f0c0-7f11-8e52-6a1b9d3c5e77",
            "seq": 41,
            "offset_ms": -180,
        }
    ],
}


@dataclass
class FactsOperation(Operation):
    """Describes the body by hand: its facts are read one by one, not all or nothing."""

    def __post_init__(self) -> None:
        batch = Schema(
            type=OpenAPIType.OBJECT,
            required=["mode", "facts"],
            properties={
                "mode": Schema(
                    type=OpenAPIType.STRING,
                    enum=[one.value for one in Mode],
                    description="`ask`: decide now. `tell`: it already happened.",
                ),
                "facts": Schema(
                    type=OpenAPIType.ARRAY, items=_FACT, min_items=1, max_items=MOST_FACTS
                ),
            },
            examples=[_EXAMPLE],
        )
        media = OpenAPIMediaType(schema=batch)
        self.request_body = RequestBody(content={"application/json": media}, required=True)


@post(
    "/devices/pair",
    status_code=200,
    summary="Pair a device",
    description=(
        "Exchanges the one-time code that an organiser shows for the token of one device."
        " A code lives five minutes and works once: of many that try, one gets the token."
        " Send the token as `Authorization: Bearer apero_dev_…` from then on."
    ),
)
async def pair(
    data: JSONBody[PairIn], asking: NamedDependency[Asking], now: NamedDependency[datetime]
) -> Paired:
    name = " ".join(clean(data.name or "").split())
    token, station = await devices.pair(data.code, name=name, by=asking.anyone(), now=now)
    return Paired(
        token=token,
        device=Named(station.device_id, station.device),
        gate=Named(station.gate_id, station.gate),
        meetup=PairedMeetup(
            station.meetup_id,
            station.meetup,
            station.meetup_slug,
            station.starts_at,
            station.ends_at,
            station.time_zone,
        ),
        workspace=Named(station.workspace_id, station.workspace),
        now=now,
    )


@post(
    "/door/facts",
    status_code=200,
    operation_class=FactsOperation,
    summary="Ask about facts, or tell them",
    description=(
        "Takes 1 to 500 facts and answers each, in their order, after the commit."
        " With `ask` the server decides now and one ticket enters once. With `tell` it"
        " already happened: it is kept whatever the rules say. An id that was answered"
        " gets the same answer again, so a request may be sent any number of times."
        " A fact that cannot be kept carries a `problem`; its neighbours are kept."
        " Forget a fact when its id was answered, and not earlier. `first_at` and"
        " `first_gate` say when and where the ticket first came in; `label` is a first"
        " name and an initial; `incident` names both entries of a ticket that was let in"
        " twice; `review` is what the rule would have refused; `gaps` are the numbers of"
        " this device that never arrived."
    ),
)
async def facts(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
) -> Taken:
    try:
        batch = msgspec.json.decode(await request.body(), type=Batch)
    except msgspec.ValidationError as error:
        raise Invalid(body=str(error)[:200]) from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Invalid(body=lazy("This is not JSON.")) from error
    return await sync.take(
        batch.mode,
        batch.facts,
        station=_station(request),
        keys=tickets.keys_of(asking.settings),
        by=by,
        now=now,
    )


@get(
    "/door/roster",
    summary="The list for a device that may be alone",
    description=(
        "The gate's hours and rules, the public keys by key id, and one block in base 64:"
        " nine bytes a code, eight of its SHA-256 and one of status (0 confirmed,"
        " 1 waitlisted, 2 not drawn, 3 cancelled, 4 replaced; plus 16 if inside, plus 32"
        " if ever in). Holds no name. Send the ETag back to hear 304 when nothing changed."
    ),
)
async def roster(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
) -> Response[rosters.Roster | None]:
    async with scoped(by, readonly=True):
        found = await rosters.roster(_station(request), tickets.keys_of(asking.settings))
    headers = {"etag": f'"{found.version}"', "cache-control": "private, no-cache"}
    if request.headers.get("if-none-match") == headers["etag"]:
        return Response(None, status_code=304, headers=headers)
    return Response(found, headers=headers)


@get(
    "/door/status",
    summary="How many are inside",
    description="Inside now, let in at all, expected, the capacity, the server's clock.",
)
async def status(
    request: Request[Any, Any, Any],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
) -> Status:
    station = _station(request)
    async with scoped(by, readonly=True):
        found = await checkins.counts(station.meetup_id)
    return Status(
        found.inside, found.admitted, found.expected, station.capacity, found.is_closed, now
    )


@get(
    "/door/search",
    summary="Find somebody by name",
    description=(
        "At least two letters of a name; accents and case do not matter, twenty answers at"
        " most. Gives a first name, an initial and a `handle` to send as a fact's `ticket`;"
        " never an address. A handle is good on the device that asked."
    ),
)
async def search(
    request: Request[Any, Any, Any],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    q: FromQuery[str] = "",
) -> Hits:
    words = " ".join(clean(q).split())
    if len(words) < checkins.SEARCH_LETTERS:
        raise Invalid(q=lazy("Write two letters or more."))
    station = _station(request)
    keys = tickets.keys_of(asking.settings)
    async with scoped(by, readonly=True):
        found = await checkins.search(station.meetup_id, words[:LONGEST_NAME])
    return Hits(
        [
            Hit(
                handle(keys, station.device_id, one.id),
                checkins.label(one.name),
                one.status,
                one.is_inside,
            )
            for one in found
        ]
    )


@post(
    "/door/walk-ins",
    status_code=200,
    summary="Let in somebody without a ticket",
    description=(
        "Gives a place and writes the entry, once for each id. When every place is taken"
        " the answer is 409, unless `override_reason` says why one more comes in; never"
        " above what the venue holds."
    ),
)
async def walk_in(
    request: Request[Any, Any, Any],
    data: JSONBody[WalkIn],
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
) -> Result:
    return await sync.walk_in(
        data.id,
        data.name,
        data.at,
        override_reason=data.override_reason,
        station=_station(request),
        keys=tickets.keys_of(asking.settings),
        by=by,
        now=now,
    )


PUBLIC: list[ControllerRouterHandler] = [pair]
DEVICES: list[ControllerRouterHandler] = [facts, roster, status, search, walk_in]
