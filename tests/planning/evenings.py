"""Meetups to plan with, in Ana's workspace and in Dov's."""

import base64
import json
from datetime import timedelta
from uuid import UUID

from events.admission import registrations, tickets
from events.admission.registrations import Source
from events.engagement import plans
from events.people import communities
from events.planning import meetups
from events.planning.meetups import Meetup, Plan
from server.database import find, scoped
from server.web import SAID_COOKIE
from tests import world


async def a_community(who, name="Les Lunatiques", by=None) -> UUID:
    by = by or who.as_ana
    return (await communities.make_community(name, by=by, now=who.now)).id


async def a_meetup(who, settings, *, published=False, by=None, community=None, **facts):
    """A meetup in two weeks, of 12 places."""
    by = by or who.as_ana
    wanted = {
        "title": "On joue au prototype",
        "community_id": community
        or await a_community(who, f"C {facts.get('title', '')}", by),
        "starts_at": who.soon,
        "ends_at": who.soon + timedelta(hours=3),
        "time_zone": "Europe/Paris",
        "capacity": 12,
        "representative": "Ana",
    } | facts
    key_id = tickets.keys_of(settings).current
    made = await meetups.plan(Plan(**wanted), key_id=key_id, by=by, now=who.now)
    if published:
        await plans.publish(made, by=by, now=who.now)
    async with scoped(by):
        return await find(Meetup, made.id)


async def registers(who, settings, meetup, email):
    return await registrations.register(
        meetup,
        name=email.partition("@")[0].title(),
        email=email,
        language="fr",
        source=Source.PAGE,
        origin=world.ORIGIN,
        workspace=who.orbelune,
        keys=tickets.keys_of(settings),
        by=who.as_ana,
        now=who.now,
    )


def said(answer) -> str:
    """What the next page will say; its cookie is for HTTPS, which tests are not."""
    body = answer.cookies[SAID_COOKIE].partition(".")[0]
    text: str = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["text"]
    return text.replace("\xa0", " ")
