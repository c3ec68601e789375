"""Seeds: workspaces for checks from outside, with the keys a black-box client needs."""

from datetime import datetime, timedelta
from typing import Any

from rich.console import Console

from events.planning.meetups import Meetup, Plan
from server import api_tokens, workspaces
from server.clock import utc_now
from server.demo.making import Maker, open_workspace, owner_of
from server.demo.showing import NotHere
from server.demo.story import Story
from server.settings import Settings
from server.workspaces import Role

PROFILES = ("small", "door", "rush", "engagement")
SCOPES = ["read", "write", "door"]
MOST_LETTERS = 200


async def seed(
    settings: Settings, profile: str, people: int, screen: Console
) -> dict[str, Any]:
    """Two workspaces of the same make; says all that is needed to use them."""
    if not settings.may_seed:
        message = "Seeds are for APERO_ENV=test or demo."
        raise NotHere(message)
    now = utc_now()
    stamp = f"{now:%Y%m%d%H%M%S%f}"
    with screen.status("Making two workspaces"):
        first = await _one(settings, f"Seed {stamp}", profile, people, now)
        first["other"] = await _one(settings, f"Other {stamp}", profile, people, now)
    return first


async def _one(
    settings: Settings, name: str, profile: str, people: int, now: datetime
) -> dict[str, Any]:
    """One workspace with a published meetup, filled as the profile says."""
    slug = workspaces.slug_of(name)
    owner = await owner_of(f"owner@{slug}.example", "Owner", language="en", now=now)
    maker = await open_workspace(
        settings, owner, name, color="#1d3a8a", language="en", now=now
    )
    await maker.community("Everybody", "Invented people.", "Forum", now=now)
    story = Story(people, today=now.date())
    if profile == "engagement":
        await _past(maker, story, now)
    meetup = await _meetup(maker, profile, people, now)
    if profile in {"small", "engagement"}:
        for person in story.people[:MOST_LETTERS]:
            await maker.register(meetup, person.name, person.email, now=now)
    if profile == "door":
        await maker.expect(meetup, story.people, now=now)
    return await _said(maker, meetup, now)


async def _past(maker: Maker, story: Story, now: datetime) -> None:
    """Five evenings behind, and what everybody did online."""
    held = [
        story.evening(
            (now - timedelta(days=back)).date(), wanted=min(len(story.people), 90)
        )
        for back in (150, 120, 90, 60, 35)
    ]
    await maker.people(story.people, now=now - timedelta(days=300))
    await maker.evenings(story.people, held, capacity=len(story.people), now=now)
    await maker.online(story.online(days=180, time_zone="Europe/Paris"), now=now)


async def _meetup(maker: Maker, profile: str, people: int, now: datetime) -> Meetup:
    """A rush is for next week and empty; everything else is tonight and has begun."""
    is_rush = profile == "rush"
    starts = now + timedelta(days=7) if is_rush else now - timedelta(minutes=30)
    wanted = Plan(
        title="Next week" if is_rush else "Tonight",
        community_id=maker.community_id,
        starts_at=starts,
        ends_at=starts + timedelta(hours=8),
        time_zone="Europe/Paris",
        capacity=people if is_rush else max(people, 5),
        representative="The owner",
    )
    return await maker.meetup(wanted, now=now - timedelta(days=1))


async def _said(maker: Maker, meetup: Meetup, now: datetime) -> dict[str, Any]:
    """Everything a black-box client needs to know of this workspace."""
    token, gate = await maker.phone(meetup, "Main", now=now)
    codes = await maker.codes(meetup)
    return {
        "base": maker.settings.origin,
        "workspace": {"id": str(maker.look.id), "slug": maker.look.slug},
        "community": {"id": str(maker.community_id)},
        "channel": {"id": str(maker.channel_id)},
        "meetup": {
            "id": str(meetup.id),
            "slug": meetup.slug,
            "path": f"/m/{maker.look.slug}/{meetup.slug}",
        },
        "gate": {"id": str(gate)},
        "tokens": await _tokens(maker, now),
        "device_token": token,
        "tickets": [{"code": code, "registration": str(id_)} for id_, code in codes],
    }


async def _tokens(maker: Maker, now: datetime) -> dict[str, str]:
    """One token for each role, each of an account of that role."""
    slug = maker.look.slug
    tokens = {}
    for role in Role:
        account = await workspaces.invite(
            f"{role.value}@{slug}.example",
            role,
            workspace=maker.look,
            origin=maker.settings.origin,
            by=maker.by,
            now=now,
        )
        tokens[role.value] = await api_tokens.issue_token(
            role.value, role, SCOPES, account_id=account, by=maker.by, now=now
        )
    return tokens
