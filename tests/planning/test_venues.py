"""Venues keep their name, their way in and the number that may never be passed."""

import pytest

from events.planning import venues
from server.database import scoped
from server.errors import Invalid


async def test_a_venue_named_twice_is_one_and_what_is_left_blank_stays(cast):
    by, now = cast.as_ana, cast.now
    first = await venues.make_venue(
        "Le Comptoir", address="3, rue Basse", hard_limit=60, by=by, now=now
    )
    again = await venues.make_venue(
        "Le Comptoir", access="Au fond de la cour", by=by, now=now
    )
    assert first == again
    async with scoped(by):
        (place,) = await venues.venues()
    assert (place.address, place.access, place.hard_limit) == (
        "3, rue Basse",
        "Au fond de la cour",
        60,
    )


async def test_a_venue_for_nobody_is_refused(cast):
    with pytest.raises(Invalid) as no:
        await venues.make_venue("Le Comptoir", hard_limit=0, by=cast.as_ana, now=cast.now)
    assert "hard_limit" in no.value.fields


async def test_a_venue_of_another_workspace_does_not_exist(cast):
    theirs = await venues.make_venue("Chez Dov", by=cast.as_dov, now=cast.now)
    async with scoped(cast.as_ana):
        assert await venues.place(theirs) is None
        assert await venues.venues() == []
        assert await venues.place(None) is None
