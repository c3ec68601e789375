"""Plans: what a meetup will be measured by, fixed when it is published.

The outcome, the comparison and the windows are written before anybody has come, so that
nobody chooses the figure that pleases. They are fixed once: publishing again, or changing
the meetup, changes nothing here.
"""

from datetime import datetime
from uuid import UUID

import msgspec
from piccolo.columns import Integer, Text, Timestamptz

from events.admission import followers
from events.engagement.lift import POST
from events.planning import meetups
from events.planning.meetups import Admission, Meetup
from server import audit
from server.audit import Actor
from server.database import Record, atomic, one, sql


class LiftPlan(Record):
    """How the effect of one meetup (same key) is to be read, decided in advance."""

    primary_outcome = Text()
    comparison = Text()
    window_days = Integer()
    fixed_at = Timestamptz()


class Fixed(msgspec.Struct, frozen=True):
    """A plan as a report reads it."""

    primary_outcome: str
    comparison: str
    window_days: int
    fixed_at: datetime | None


# Rules


def comparison_of(admission: str) -> str:
    """Whom those who came are compared with: the lot decides where lots were drawn."""
    return "lottery" if admission == Admission.LOTTERY.value else "no_shows"


# Commands


@atomic()
async def publish(meetup: Meetup, *, by: Actor, now: datetime) -> None:
    """Open the page of a draft to everybody and fix how its effect will be read.

    Whoever follows its series is told by letter.
    """
    await meetups.publish(meetup, by=by, now=now)
    await fix_plan(meetup, by=by, now=now)
    await followers.tell_followers(meetup, by=by)


@atomic()
async def publish_prepared(series_id: UUID, *, by: Actor, now: datetime) -> int:
    """Publish the editions of a series that are prepared; how many there were."""
    ready = await (
        Meetup.objects()
        .where(
            Meetup.series_id == series_id,
            Meetup.recurrence_id.is_not_null(),
            Meetup.published_at.is_null(),
            Meetup.cancelled_at.is_null(),
            Meetup.starts_at > now,
        )
        .order_by(Meetup.starts_at)
    )
    for meetup in ready:
        await publish(meetup, by=by, now=now)
    return len(ready)


@atomic()
async def fix_plan(meetup: Meetup, *, by: Actor, now: datetime) -> None:
    """Write down how the effect of this meetup is to be read; the first time counts."""
    written = await sql(
        "INSERT INTO lift_plan (id, workspace_id, primary_outcome, comparison, window_days,"
        " fixed_at) VALUES ($1, $2, 'active_days', $3, $4, $5)"
        " ON CONFLICT (workspace_id, id) DO NOTHING RETURNING id",
        meetup.id,
        by.workspace_id,
        comparison_of(meetup.admission),
        POST.days,
        now,
    )
    if written:
        await audit.note(by, "fixed_lift_plan", meetup, at=now)


# Queries


async def plan_of(meetup_id: UUID) -> Fixed | None:
    """The plan of a meetup in view, if it was published."""
    return await one(
        "SELECT primary_outcome, comparison, window_days, fixed_at FROM lift_plan"
        " WHERE workspace_id = ANY (apero_scope()) AND id = $1",
        meetup_id,
        into=Fixed,
    )
