"""A series is one name in one workspace, and its meetups follow in time."""

from datetime import timedelta
from uuid import uuid4

import pytest

from events.planning import meetups, series
from server.database import scoped
from server.errors import Invalid, NotFound
from tests.planning.evenings import a_community, a_meetup


async def test_a_series_named_twice_is_one(cast):
    community = await a_community(cast)
    made = [
        await series.make_series(name, community_id=community, by=cast.as_ana, now=cast.now)
        for name in ("L’apéro des Lunatiques", "L’APÉRO des lunatiques")
    ]
    assert made[0].id == made[1].id
    async with scoped(cast.as_ana):
        (line,) = await series.all_series()
        assert line.name == "L’apéro des Lunatiques"
        assert (await series.series_of(made[0].id)).slug == made[0].slug
        assert await series.series_of(None) is None


async def test_a_series_needs_a_name_and_a_community_of_the_workspace(cast):
    community = await a_community(cast)
    theirs = await a_community(cast, "Ailleurs", cast.as_dov)
    with pytest.raises(Invalid) as no:
        await series.make_series("…", community_id=community, by=cast.as_ana, now=cast.now)
    assert "series" in no.value.fields
    for other in (theirs, uuid4()):
        with pytest.raises(NotFound):
            await series.make_series(
                "Midi", community_id=other, by=cast.as_ana, now=cast.now
            )


async def test_the_meetups_of_a_series_come_in_time_without_those_called_off(
    cast, settings
):
    community = await a_community(cast)
    line = await series.make_series(
        "Midi", community_id=community, by=cast.as_ana, now=cast.now
    )
    made = [
        await a_meetup(
            cast,
            settings,
            community=community,
            title=f"Midi {days}",
            series_id=line.id,
            starts_at=cast.soon + timedelta(days=days),
            ends_at=cast.soon + timedelta(days=days, hours=2),
        )
        for days in (3, 1, 2)
    ]
    await meetups.cancel(made[2], "", by=cast.as_ana, now=cast.now)
    async with scoped(cast.as_ana):
        assert [one.title for one in await meetups.of_series(line.id)] == [
            "Midi 1",
            "Midi 3",
        ]
        assert (await series.series_by_slug("midi")).meetups == 3
    async with scoped(cast.as_dov):
        assert await meetups.of_series(line.id) == []
        with pytest.raises(NotFound):
            await series.series_by_slug("midi")
