"""Surroundings: what the public page of a meetup tells besides the meetup itself.

Its series with the next open edition, for whoever cannot come to this one; and the brands
that pay for it.
"""

from datetime import datetime
from uuid import UUID

import msgspec

from events.planning.meetups import Meetup
from events.planning.shelves import Public
from server.database import one


class Surroundings(msgspec.Struct, frozen=True):
    """The series of a meetup, its next open edition and the sponsors."""

    series_slug: str | None
    series_name: str | None
    series_ended_at: datetime | None
    next_slug: str | None
    next_starts_at: datetime | None
    next_ends_at: datetime | None
    next_time_zone: str | None
    sponsors: list[str]

    @property
    def series(self) -> Public | None:
        """The series this meetup is an edition of."""
        if self.series_slug is None or self.series_name is None:
            return None
        return Public(self.series_slug, self.series_name)


# Queries


async def around(meetup: Meetup, now: datetime) -> Surroundings:
    """What stands around this meetup, in the workspace in view."""
    meetup_id: UUID = meetup.id
    series_id: UUID | None = meetup.series_id
    found = await one(
        "SELECT s.slug AS series_slug, s.name AS series_name,"
        " s.ended_at AS series_ended_at, n.slug AS next_slug,"
        " n.starts_at AS next_starts_at, n.ends_at AS next_ends_at,"
        " n.time_zone AS next_time_zone, ARRAY(SELECT p.name FROM sponsor p"
        " WHERE p.workspace_id = ANY (apero_scope()) AND p.id IN (SELECT d.sponsor_id"
        " FROM sponsored d WHERE d.workspace_id = ANY (apero_scope())"
        " AND d.meetup_id = $1) ORDER BY p.name) AS sponsors"
        " FROM (SELECT 1) here LEFT JOIN series s"
        " ON s.workspace_id = ANY (apero_scope()) AND s.id = $2"
        " LEFT JOIN LATERAL (SELECT m.slug, m.starts_at, m.ends_at, m.time_zone"
        " FROM meetup m WHERE m.workspace_id = s.workspace_id AND m.series_id = s.id"
        " AND m.id <> $1 AND m.published_at IS NOT NULL AND m.cancelled_at IS NULL"
        " AND m.postponed_at IS NULL AND m.starts_at > $3"
        " ORDER BY m.starts_at, m.id LIMIT 1) n ON true",
        meetup_id,
        series_id,
        now,
        into=Surroundings,
    )
    assert found is not None  # noqa: S101 - a row without tables always answers
    return found
