"""An evening at the door: Ana's meetup with its gates, its phones and its tickets."""

from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import httpx

from checkin import devices
from events.admission import registrations, tickets
from events.admission.registrations import Source
from events.people import communities
from events.planning import meetups
from events.planning.meetups import Plan
from server.database import find, scoped
from tests import world


async def an_evening(
    cast, settings, *, starts_at=None, by=None, look=None, capacity=50, mark=""
):
    """A published meetup with one gate, on now; its words may carry a mark."""
    by, look = by or cast.as_ana, look or cast.orbelune
    now = cast.now
    keys = tickets.keys_of(settings)
    starts_at = starts_at or now - timedelta(hours=1)
    async with scoped(by):
        community = await communities.make_community(
            f"Le club {mark}".strip(), by=by, now=now
        )
        plan = Plan(
            title=f"On joue {mark}".strip(),
            community_id=community.id,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=4),
            time_zone="Europe/Paris",
            capacity=capacity,
            representative=f"Ana {mark}".strip(),
        )
        meetup = await meetups.plan(plan, key_id=keys.current, by=by, now=now)
        await meetups.publish(meetup, by=by, now=now)
        meetup = await find(meetups.Meetup, meetup.id)
        gate = await devices.make_gate(f"Rue {mark}".strip(), meetup=meetup, by=by, now=now)
    return SimpleNamespace(
        by=by, look=look, meetup=meetup, gate=gate, keys=keys, now=now, settings=settings
    )


async def a_phone(evening, name="Bilal", gate=None):
    """A paired phone: its token and where it stands."""
    pairing = await devices.add_device(
        name,
        gate_id=(gate or evening.gate).id,
        language="fr",
        by=evening.by,
        now=evening.now,
    )
    token, station = await devices.pair(pairing.code, by=evening.by, now=evening.now)
    return SimpleNamespace(token=token, station=station, id=pairing.device_id)


async def a_ticket(evening, name="Chloé Durand", *, email=None):
    """Somebody registered: her registration and what is printed on her ticket."""
    async with scoped(evening.by):
        made = await registrations.register(
            evening.meetup,
            name=name,
            email=email or f"{uuid4().hex[:12]}@membres.example",
            language="fr",
            source=Source.PAGE,
            origin=world.ORIGIN,
            workspace=evening.look,
            keys=evening.keys,
            by=evening.by,
            now=evening.now - timedelta(days=1),
        )
    return printed(evening, made.id)


def printed(evening, registration_id: UUID, rotation: int = 0):
    code = tickets.issue(
        evening.keys,
        meetup_id=evening.meetup.id,
        meetup_number=evening.meetup.number,
        registration_id=registration_id,
        rotation=rotation,
    )
    return SimpleNamespace(
        id=registration_id, url=code.url(world.ORIGIN), typed=code.typed, code=code
    )


def a_fact(evening, ticket="", kind="entry", *, at=None, **more):
    at = at or evening.now
    return {
        "id": str(uuid4()),
        "ticket": getattr(ticket, "url", ticket),
        "kind": kind,
        "at": at.isoformat(),
        **more,
    }


def at_the_door(app, phone, now) -> httpx.AsyncClient:
    """A scanner that talks to the application without a network."""
    return world.browser_of(
        app,
        **{"authorization": f"Bearer {phone.token}", "x-apero-now": now.isoformat()},
    )


async def send(client, mode, *facts):
    answer = await client.post(
        "/api/v1/door/facts", json={"mode": mode, "facts": list(facts)}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


async def ask(client, *facts):
    return await send(client, "ask", *facts)


async def tell(client, *facts):
    return await send(client, "tell", *facts)
