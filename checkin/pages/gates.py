"""The organiser's page about the door: gates, phones, who is inside, and incidents."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from checkin import checkins, devices
from checkin.devices import Pairing
from events.admission import tickets
from events.planning import meetups
from events.planning.meetups import Meetup
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Invalid, Refusal
from server.forms import Form, Line, Tick, read
from server.i18n import gettext as _
from server.i18n import zone
from server.web import Asking, away, page, typed

AnyRequest = Request[Any, Any, Any]
SOON = timedelta(days=1)


class GateForm(Form, kw_only=True):
    name: Line
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    may_reenter: Tick = Tick(0)


class DeviceForm(Form, kw_only=True):
    name: Line
    gate: UUID


def _path(slug: str, meetup_slug: str) -> str:
    return f"/w/{slug}/meetups/{meetup_slug}/door"


@get("/doors")
async def doors(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
) -> Response[Any]:
    look = await workspaces.look(slug)
    async with scoped(by, readonly=True):
        lines = await meetups.upcoming(now)
    open_soon = [
        line
        for line in lines
        if line.published_at is not None and line.starts_at - now < SOON
    ]
    return page(asking, "checkin/doors.html", workspace=look, lines=open_soon)


@get("/meetups/{meetup_slug:str}/door")
async def door(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    return await _door(asking, by, now, slug, meetup_slug)


async def _door(
    asking: Asking,
    by: Actor,
    now: datetime,
    slug: str,
    meetup_slug: str,
    *,
    refusal: Refusal | None = None,
    asked: dict[str, Any] | None = None,
) -> Response[Any]:
    """The page, perhaps with what was typed and why it was refused."""
    errors = dict(refusal.fields) if isinstance(refusal, Invalid) else {}
    if refusal is not None and not errors:
        errors = {"": str(refusal)}
    look = await workspaces.look(slug)
    async with scoped(by):
        meetup = await meetups.meetup_by_slug(meetup_slug)
        gates = await devices.gates(meetup.id)
        context = {
            "devices": await devices.devices(meetup.id),
            "incidents": _told(await checkins.incidents(meetup.id)),
            "counts": await checkins.counts(meetup.id),
            "room": await meetups.room(meetup.id),
        }
    return page(
        asking,
        "checkin/door.html",
        status=422 if errors else 200,
        workspace=look,
        meetup=meetup,
        path=_path(slug, meetup_slug),
        now=now,
        errors=errors,
        typed=asked or {},
        gate_options=[(str(gate.id), gate.name) for gate in gates],
        gates=gates,
        **context,
    )


def _told(lines: list[checkins.IncidentLine]) -> list[dict[str, Any]]:
    return [
        {
            "label": checkins.label(line.name),
            "first_at": line.first_at,
            "first_gate": line.first_gate,
            "second_at": line.second_at,
            "second_gate": line.second_gate,
        }
        for line in lines
    ]


@get("/meetups/{meetup_slug:str}/door/counts")
async def counts(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    slug: FromPath[str],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    """The part of the page that is asked for again every few seconds."""
    async with scoped(by, readonly=True):
        meetup = await meetups.meetup_by_slug(meetup_slug)
        found = await checkins.counts(meetup.id)
        incidents = _told(await checkins.incidents(meetup.id))
        room = await meetups.room(meetup.id)
    return page(
        asking,
        "checkin/counts.html",
        counts=found,
        incidents=incidents,
        meetup=meetup,
        room=room,
        path=_path(slug, meetup_slug),
    )


@post("/meetups/{meetup_slug:str}/door/gates")
async def make_gate(
    request: AnyRequest,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    asked = await typed(request)
    try:
        form = read(GateForm, asked)
        async with scoped(by):
            meetup = await meetups.meetup_by_slug(meetup_slug)
            gate = await devices.make_gate(
                form.name,
                meetup=meetup,
                opens_at=_local(form.opens_at, meetup),
                closes_at=_local(form.closes_at, meetup),
                may_reenter=bool(form.may_reenter),
                by=by,
                now=now,
            )
    except (Invalid, devices.GateNameTaken) as no:
        return await _door(asking, by, now, slug, meetup_slug, refusal=no, asked=asked)
    said = _("The gate “%(name)s” is there.", name=gate.name)
    return away(asking, _path(slug, meetup_slug), said=said)


def _local(at: datetime | None, meetup: Meetup) -> datetime | None:
    """A time typed without a zone is the meetup's own."""
    if at is None or at.tzinfo is not None:
        return at
    return at.replace(tzinfo=zone(meetup.time_zone))


@post("/meetups/{meetup_slug:str}/door/devices")
async def add_device(
    request: AnyRequest,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    meetup_slug: FromPath[str],
) -> Response[Any]:
    asked = await typed(request)
    try:
        form = read(DeviceForm, asked)
        async with scoped(by):
            meetup = await meetups.meetup_by_slug(meetup_slug)
            await _check_gate(form.gate, meetup)
            pairing = await devices.add_device(
                form.name, gate_id=form.gate, language=asking.lang, by=by, now=now
            )
    except Invalid as no:
        asked = {f"device_{name}": value for name, value in asked.items()}
        no = Invalid(**{f"device_{name}": text for name, text in no.fields.items()})
        return await _door(asking, by, now, slug, meetup_slug, refusal=no, asked=asked)
    return await _pairing_page(asking, meetup, slug, pairing)


async def _check_gate(gate_id: UUID, meetup: Meetup) -> None:
    if gate_id not in {gate.id for gate in await devices.gates(meetup.id)}:
        raise Invalid(gate=_("Choose one of the answers offered."))


@post("/meetups/{meetup_slug:str}/door/devices/{device_id:uuid}/code")
async def renew_code(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    meetup_slug: FromPath[str],
    device_id: FromPath[UUID],
) -> Response[Any]:
    async with scoped(by):
        meetup = await meetups.meetup_by_slug(meetup_slug)
        pairing = await devices.renew_code(device_id, meetup_id=meetup.id, by=by, now=now)
    return await _pairing_page(asking, meetup, slug, pairing)


async def _pairing_page(
    asking: Asking, meetup: Meetup, slug: str, pairing: Pairing
) -> Response[Any]:
    """The one time the code is seen, as a QR and as a link; a fragment is never sent."""
    address = f"{asking.settings.origin}/door#pair={pairing.code}"
    return page(
        asking,
        "checkin/pairing.html",
        workspace=await workspaces.look(slug),
        meetup=meetup,
        pairing=pairing,
        path=_path(slug, meetup.slug),
        address=address,
        link=f"/door#pair={pairing.code}",
        code=tickets.qr_svg(address, title=_("Pairing code")),
    )


@post("/meetups/{meetup_slug:str}/door/devices/{device_id:uuid}/revoke")
async def revoke(
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    slug: FromPath[str],
    meetup_slug: FromPath[str],
    device_id: FromPath[UUID],
) -> Response[Any]:
    async with scoped(by):
        meetup = await meetups.meetup_by_slug(meetup_slug)
        await devices.revoke(device_id, meetup_id=meetup.id, by=by, now=now)
    return away(
        asking, _path(slug, meetup_slug), said=_("That phone opens no door any more.")
    )


DOOR_STAFF: list[ControllerRouterHandler] = [
    doors,
    door,
    counts,
    make_gate,
    add_device,
    renew_code,
    revoke,
]
