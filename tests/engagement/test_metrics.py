"""Metrics: definitions, states and the arithmetic of figures; and the organiser's home."""

import re
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.engagement import definitions, metrics, plans
from events.engagement.metrics import Attendance, Counts, Figure, State, Unit
from events.engagement.sentences import note, shown, signed, written
from events.people import members
from events.planning import meetups, sponsors, sponsorships
from events.planning.sponsorships import Sale
from server.database import scoped, sql, uuid7
from server.i18n import use
from tests import world
from tests.engagement import evenings

ROOT = Path(__file__).parents[2]
AT = datetime(2026, 9, 3, 17, 0, tzinfo=UTC)


def counts(**more):
    fields = dict.fromkeys(Counts.__struct_fields__, 0)
    return Counts(**(fields | {"capacity": 50} | more))


def figures(**more):
    found = metrics.meetup_figures(counts(**more), has_begun=True, is_closed=True)
    return {figure.key: figure for figure in found}


people = st.integers(0, 300)


# Rules


@given(people, people, people, st.booleans(), st.booleans())
def test_a_figure_is_a_value_or_a_reason_and_never_both(came, missed, walk, begun, closed):
    given_counts = counts(
        registered=came + missed,
        came_registered=came,
        attended=came + walk,
        walk_ins=walk,
        first_timers=came,
    )
    for figure in metrics.meetup_figures(given_counts, has_begun=begun, is_closed=closed):
        assert (figure.value is None) == (figure.state is State.MISSING) == bool(figure.why)
        assert figure.key in definitions.DEFINITIONS
        assert not figure.why or figure.why in definitions.WHYS
        for language in ("fr", "en"):
            with use(language):
                told = shown(figure)
                assert told.label
                assert told.meaning
                assert (told.text == "—") == (figure.value is None)


def test_show_up_and_no_show_are_shares_of_the_registered_without_walk_ins():
    found = figures(registered=40, came_registered=30, attended=33, walk_ins=3)
    assert found["show_up_rate"].value == 0.75
    assert found["no_show_rate"].value == 0.25
    assert found["fill_rate"].value == 0.66
    assert found["walk_ins"].value == 3


def test_a_list_that_names_only_who_came_says_nothing_of_who_did_not():
    found = figures(registered=40, came_registered=40, attended=40, imported=40)
    assert found["attended"].state is State.IMPORTED
    assert found["show_up_rate"].why == "list_of_who_came"
    with_absent = figures(registered=50, came_registered=40, attended=40, imported=40)
    assert with_absent["show_up_rate"].value == 0.8


def test_unknown_joining_dates_are_no_newcomers_and_no_zero():
    assert figures(attended=9, came_registered=9, registered=9)["newcomers"].value is None
    known = figures(attended=9, came_registered=9, registered=9, joined_known=4)
    assert known["newcomers"].value == 0
    assert known["newcomers"].n == 4


@given(st.lists(st.lists(st.integers(0, 12), max_size=9, unique=True), max_size=8))
def test_pairs_are_counted_by_the_meetups_both_came_to(evenings_held):
    rooms = {uuid4(): [UUIDS[n] for n in room] for room in evenings_held}
    found = metrics.together(rooms)
    shared = [
        sum(one in room and other in room for room in evenings_held)
        for one, other in combinations(range(13), 2)
    ]
    assert found.met == sum(n >= 1 for n in shared)
    assert found.met_again == sum(n >= 2 for n in shared)
    assert sum(found.shared.values()) == found.met
    assert found.people == len({n for room in evenings_held for n in room})


UUIDS = [uuid4() for _ in range(13)]


def attendance(attended, returning, imported=0):
    return Attendance(
        id=uuid4(),
        slug="a",
        title="A",
        starts_at=AT,
        time_zone="Europe/Paris",
        is_closed=True,
        attended=attended,
        returning=returning,
        imported=imported,
    )


def test_the_returning_share_leaves_out_the_first_meetup():
    together = metrics.Togetherness(20, 5, 1, {1: 4, 2: 1})
    series = [attendance(10, 0), attendance(10, 5), attendance(10, 7)]
    found = {f.key: f for f in metrics.series_figures(series, together)}
    assert found["returning_share"].value == 0.6
    assert found["returning_share"].n == 20
    alone = {f.key: f for f in metrics.series_figures(series[:1], together)}
    assert alone["returning_share"].why == "one_meetup"
    none = {f.key: f for f in metrics.series_figures([attendance(0, 0)], together)}
    assert none["attendances"].why == "no_checkin"


def test_numbers_are_written_as_the_reader_writes_them():
    with use("fr"):
        assert (
            written(Figure("registered", 1234, State.MEASURED, Unit.PEOPLE)) == "1\u00a0234"
        )
        assert (
            written(Figure("show_up_rate", 0.5, State.MEASURED, Unit.SHARE)) == "50\u00a0%"
        )
        late = Figure(
            "active_after", None, State.MISSING, Unit.PEOPLE, why="not_before", on=AT.date()
        )
        assert note(late) == "non mesuré\u00a0: pas avant le 3 sept. 2026"
        assert signed(-0.94) == "\N{MINUS SIGN}0,9"
    with use("en"):
        assert signed(0.96) == "+1.0"
        assert signed(0.04) == "0.0"


def test_every_figure_of_the_code_is_in_the_documentation():
    text = (ROOT / "docs/metrics.md").read_text().lower()
    for definition in definitions.DEFINITIONS.values():
        assert str(definition.label).lower() in text, str(definition.label)


# Commands


async def test_publishing_fixes_once_how_the_effect_will_be_read(cast):
    by = cast.as_ana
    place = await evenings.ground(by, AT)
    meetup = await evenings.evening(place, AT, by=by)
    lottery = await evenings.evening(place, AT, by=by, admission="lottery")
    async with scoped(by):
        plan = await plans.plan_of(meetup.id)
        drawn = await plans.plan_of(lottery.id)
    assert (plan.primary_outcome, plan.comparison) == ("active_days", "no_shows")
    assert (drawn.comparison, drawn.window_days) == ("lottery", 28)
    await plans.fix_plan(meetup, by=by, now=AT + timedelta(days=1))
    async with scoped(by):
        assert await plans.plan_of(meetup.id) == plan
    async with scoped(cast.as_dov):
        assert await plans.plan_of(meetup.id) is None


# Pages


async def test_an_empty_home_says_what_to_do_first(app, cast):
    async with world.browsing(app, cast.ana) as client:
        page = (await client.get("/w/orbelune?lang=fr")).text
        assert "Commencez par une communauté" in page
        await evenings.ground(cast.as_ana, AT)
        assert "Qui en fait partie" in (await client.get("/w/orbelune?lang=fr")).text


async def test_home_shows_what_is_next_and_what_waits(app, cast):
    by = cast.as_ana
    place = await evenings.ground(by, AT)
    over = await evenings.evening(place, AT, by=by, title="Finie")
    await evenings.evening(place, AT + timedelta(days=9, hours=5), by=by, title="Ce soir")
    draft = meetups.Plan(
        title="Un projet",
        community_id=place.community,
        starts_at=AT + timedelta(days=40),
        ends_at=AT + timedelta(days=40, hours=2),
        time_zone="Europe/Paris",
        capacity=10,
    )
    await meetups.plan(draft, key_id=1, by=by, now=AT)
    clock = {"x-apero-now": (AT + timedelta(days=9)).isoformat()}
    async with world.browsing(app, cast.ana) as client:
        page = (await client.get("/w/orbelune?lang=en", headers=clock)).text
        tasks = re.findall(r"<li>.*?<strong>(.*?)</strong>", page)
        assert tasks == [
            "No device is paired for the door",
            "The meetup is over, close it",
            "A draft waits to be published",
            "No online activity yet",
        ]
        assert "0 registered of 200" in page
        await meetups.close(over, by=by, now=AT + timedelta(hours=5))
        async with scoped(by):
            await sql("UPDATE meetup SET cancelled_at = $1 WHERE title = 'Ce soir'", AT)
        page = (await client.get("/w/orbelune?lang=en", headers=clock)).text
        assert "After Thursday, September 3, 2026" in page
        assert "The meetup is over" not in page


async def test_home_counts_what_sponsors_and_ambassadors_wait_for(app, cast):
    places = {}
    for by in (cast.as_ana, cast.as_dov):
        places[by] = await evenings.ground(by, AT)
        await _owes_and_is_offered(
            by, places[by].community, late=2 if by is cast.as_ana else 9
        )
    await evenings.evening(places[cast.as_ana], AT, by=cast.as_ana)
    clock = {"x-apero-now": (AT + timedelta(days=9)).isoformat()}
    async with world.browsing(app, cast.ana) as client:
        async with world.counting_queries() as asked:
            page = (await client.get("/w/orbelune?lang=fr", headers=clock)).text
        quiet = ("SAVEPOINT", "RELEASE", "SELECT set_config")
        assert len([one for one in asked if not one.startswith(quiet)]) <= 10
        for words in (
            "2 livrables en retard",
            "1 candidature d’ambassade à trancher",
            "1 preuve attend vos remerciements",
        ):
            assert words in page
        for link in re.findall(
            r'href="(/w/orbelune/(?:deliverables|ambassadors)[^"]*)"', page
        ):
            assert (await client.get(link, headers=clock)).status_code == 200, link


async def _owes_and_is_offered(by, community, late):
    """Deliverables past their day, an application, and a proof that nobody thanked for."""
    async with scoped(by):
        sponsor = await sponsors.make_sponsor("Sabline", by=by, now=AT)
        sold = await sponsorships.sell(
            Sale(sponsor_id=sponsor.id, starts_on=AT.date(), ends_on=AT.date()),
            by=by,
            now=AT,
        )
        for n in range(late):
            await sql(
                "INSERT INTO deliverable (id, workspace_id, sponsorship_id, title, due_on,"
                " created_at) VALUES ($1, $2, $3, $4, $5, $6)",
                uuid7(), by.workspace_id, sold, f"Logo {n}", AT.date(), AT,
            )  # fmt: skip
        for name in ("Une", "Deux"):
            member = await members.known(
                f"{name}@x.example", name=name, language="fr", by=by, now=AT
            )
            id_ = uuid7()
            await sql(
                "INSERT INTO ambassador (id, workspace_id, member_id, community_id, code,"
                " applied_at, accepted_at, starts_on, ends_on) VALUES ($1, $2, $3, $4, $5,"
                " $6, CASE WHEN $5 = 'Une' THEN $6::timestamptz END, $7, $7)",
                id_, by.workspace_id, member, community, name, AT, AT.date(),
            )  # fmt: skip
            if name == "Une":
                await sql(
                    "INSERT INTO mission (id, workspace_id, ambassador_id, kind, title,"
                    " created_at, proved_at) VALUES ($1, $2, $3, 'test', 'X', $4, $4)",
                    uuid7(), by.workspace_id, id_, AT,
                )  # fmt: skip


@pytest.mark.parametrize("path", ["/w/orbelune", "/w/orbelune/reports"])
async def test_another_workspaces_meetups_are_on_no_page(app, cast, path):
    place = await evenings.ground(cast.as_dov, AT)
    await evenings.evening(place, AT, by=cast.as_dov, title="Chez Dov")
    async with world.browsing(app, cast.ana) as client:
        assert "Chez Dov" not in (await client.get(path)).text


def test_what_is_withheld_is_not_said_to_be_unmeasured():
    hidden = Figure("attended", None, State.MISSING, Unit.PEOPLE, why="too_few")
    with use("fr"):
        assert note(hidden) == "non montré\u00a0: trop peu de personnes"
