"""Evenings for the tests of reports: a meetup, its people, and what they do online."""

import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

from events.people import communities
from events.planning import meetups, series
from server.audit import Actor
from server.database import many, scoped, sql, uuid7


async def ground(by: Actor, now: datetime, name: str = "Lunatiques") -> SimpleNamespace:
    """A community with a channel and a series."""
    async with scoped(by):
        community = await communities.make_community(name, by=by, now=now)
        channel = uuid7()
        await sql(
            "INSERT INTO channel (id, workspace_id, community_id, name, kind, created_at)"
            " VALUES ($1, $2, $3, 'Forum', 'forum', $4)",
            channel,
            by.workspace_id,
            community.id,
            now,
        )
        line = await series.make_series(
            f"Les jeudis, {name}", community_id=community.id, by=by, now=now
        )
    return SimpleNamespace(community=community.id, channel=channel, series=line)


async def evening(
    place: SimpleNamespace,
    at: datetime,
    *,
    by: Actor,
    title: str = "L’apéro",
    capacity: int = 200,
    admission: str = "first_come",
    in_series: bool = True,
) -> meetups.Meetup:
    """A published meetup of one evening."""
    from events.engagement import plans

    before = at - timedelta(days=20)
    wanted = meetups.Plan(
        title=title,
        community_id=place.community,
        starts_at=at,
        ends_at=at + timedelta(hours=4),
        time_zone="Europe/Paris",
        capacity=capacity,
        representative="Ana",
        admission=meetups.Admission(admission),
        series_id=place.series.id if in_series else None,
    )
    meetup = await meetups.plan(wanted, key_id=1, by=by, now=before)
    await plans.publish(meetup, by=by, now=before)
    return meetup


async def crowd(
    place: SimpleNamespace,
    n: int,
    *,
    by: Actor,
    now: datetime,
    joined: date | None = date(2020, 1, 1),
    linked: bool = True,
    insider: bool = False,
    name: str = "Camille Secret",
) -> list[UUID]:
    """So many members, each with an identity in the channel when linked."""
    people = [uuid7() for _ in range(n)]
    async with scoped(by):
        await many(
            "INSERT INTO member (id, workspace_id, name, email, joined_on, is_insider,"
            " linking_agreed_at, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            [
                (
                    *(one, by.workspace_id, name, f"{one.hex}@secret.example", joined),
                    *(insider, now if linked else None, now),
                )
                for one in people
            ],
        )
        if linked:
            await many(
                "INSERT INTO identity (id, workspace_id, channel_id, member_id, handle,"
                " proof, created_at) VALUES ($1, $2, $3, $4, $5, 'declared', $6)",
                [
                    (uuid7(), by.workspace_id, place.channel, one, one.hex, now)
                    for one in people
                ],
            )
    return people


async def registered(
    meetup: meetups.Meetup,
    people: Sequence[UUID],
    *,
    by: Actor,
    came: bool = False,
    status: str = "confirmed",
    source: str = "page",
    drawn: bool | None = None,
    minutes: int = 7,
) -> None:
    """These people's registrations; those who came did so one after another."""
    async with scoped(by):
        await many(
            "INSERT INTO registration (id, workspace_id, meetup_id, member_id, status,"
            " wait_no, is_drawn, source, code_hash, typed_hash, capability_hash,"
            " registered_at, attended_at)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            [
                (
                    *(uuid7(), by.workspace_id, meetup.id, one, status),
                    n + 1 if status == "waitlisted" else None,
                    *(drawn, source, secrets.token_bytes(8), secrets.token_bytes(8)),
                    *(secrets.token_bytes(8), meetup.starts_at - timedelta(days=9)),
                    meetup.starts_at + timedelta(minutes=minutes * (n % 9))
                    if came
                    else None,
                )
                for n, one in enumerate(people)
            ],
        )


async def active(
    place: SimpleNamespace, days: Sequence[tuple[UUID, date, int]], *, by: Actor
) -> None:
    """So many qualified acts by these people on these days."""
    async with scoped(by):
        await many(
            "INSERT INTO activity_day (workspace_id, identity_id, day, acts)"
            " SELECT $1, i.id, $3, $4 FROM identity i WHERE i.workspace_id = $1"
            " AND i.member_id = $2 AND i.channel_id = $5",
            [(by.workspace_id, one, day, acts, place.channel) for one, day, acts in days],
        )
