"""Editions: what a sponsor may read, frozen, the same for all, and nobody in it."""

import hashlib
import io
import random
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.engagement import editions, reports
from events.engagement.editions import Heads, cells
from events.engagement.effects import Estimate, Finding, Lift, Outcome
from events.engagement.lift import Audience, Comparison, Grade, Reading
from events.engagement.metrics import State
from events.engagement.sentences import said, shown
from events.planning import meetups, sponsors
from server import brand, workspaces
from server.database import scoped, sql
from server.errors import NotFound
from server.i18n import use
from tests import world
from tests.engagement import evenings
from tests.test_brands import a_picture

AT = datetime(2026, 9, 3, 17, 0, tzinfo=UTC)


async def sponsored(cast, *names, came=14, missed=12, walk_ins=0, contact=None):
    """A meetup with sponsors, closed, its editions frozen."""
    by = cast.as_ana
    place = await evenings.ground(by, AT)
    meetup = await evenings.evening(place, AT, by=by)
    people = await evenings.crowd(place, came + missed + walk_ins, by=by, now=AT)
    await evenings.registered(meetup, people[:came], by=by, came=True)
    await evenings.registered(meetup, people[came : came + missed], by=by)
    await evenings.registered(
        meetup, people[came + missed :], by=by, came=True, source="walk_in"
    )
    for name in names:
        line = await sponsors.make_sponsor(name, by=by, now=AT)
        await sponsors.sponsor_meetup(line.id, meetup, by=by, now=AT)
        await sponsors.add_contact(
            line.id,
            (contact or {}).get(name, f"{line.slug}@sponsor.example"),
            workspace=cast.orbelune,
            origin=world.ORIGIN,
            by=by,
            now=AT,
        )
    await editions.close_meetup(
        meetup, workspace=cast.orbelune, origin=world.ORIGIN, by=by, now=meetup.ends_at
    )
    return place, meetup, people


async def kept(by):
    async with scoped(by):
        return await sql(
            "SELECT e.content::text AS content, e.sha256, s.slug FROM report_edition e"
            " JOIN sponsor s ON s.workspace_id = e.workspace_id AND s.id = e.sponsor_id"
            " ORDER BY s.slug"
        )


def values(heads, k=11):
    return {figure.key: figure.value for figure in cells(heads, k)}


# Rules


def test_ten_people_are_not_shown_and_eleven_are():
    assert set(values(Heads(10, 10, 10, 5)).values()) == {None}
    assert values(Heads(11, 11, 11, 11))["attended"] == 10
    assert values(Heads(24, 12, 12, 12))["attended"] == 10
    assert values(Heads(24, 13, 13, 13))["attended"] == 15


def test_counts_are_rounded_to_five_and_the_rate_says_no_more_than_they_do():
    found = values(Heads(registered=61, came_registered=33, attended=33, first_timers=17))
    assert found["registered"] == 60
    assert found["attended"] == 35
    assert found["first_timers"] == 15
    assert found["returning"] == 15
    assert found["show_up_rate"] == round(35 / 60, 4)


@pytest.mark.parametrize(
    ("imported", "state"), [(33, State.IMPORTED), (20, State.MEASURED)]
)
def test_what_was_imported_says_so_to_the_sponsor_too(imported, state):
    heads = Heads(61, 33, 33, 17, imported)
    assert {one.state for one in cells(heads, 11)} == {state}
    with use("fr"):
        told = shown(cells(heads, 11)[0], Audience.SPONSOR).note
    assert told.endswith(", arrondi à 5")


def test_nobody_and_everybody_are_not_told():
    found = values(Heads(registered=40, came_registered=40, attended=40, first_timers=40))
    assert found["first_timers"] is None
    assert found["returning"] is None
    assert found["show_up_rate"] is None
    assert values(Heads(40, 0, 0, 0))["attended"] is None


def test_a_small_part_hides_its_sister():
    found = values(Heads(registered=60, came_registered=45, attended=45, first_timers=40))
    assert found["attended"] == 45
    assert found["first_timers"] is None
    assert found["returning"] is None


def test_few_walk_ins_cannot_be_had_by_subtraction():
    assert values(Heads(60, 40, 43, 20))["show_up_rate"] is None
    assert values(Heads(60, 40, 52, 20))["show_up_rate"] is not None


@given(st.integers(0, 120), st.integers(0, 120), st.integers(0, 40), st.integers(0, 160))
def test_whatever_the_numbers_no_shown_group_is_under_k(came, missed, walk_ins, first):
    attended = came + walk_ins
    first = min(first, attended)
    heads = Heads(came + missed, came, attended, first)
    truth = {
        "registered": came + missed,
        "attended": attended,
        "first_timers": first,
        "returning": attended - first,
    }
    found = values(heads)
    for key, people in truth.items():
        assert found[key] is None or (people >= 11 and found[key] % 5 == 0)
    if found["show_up_rate"] is not None:
        assert min(came, missed) >= 11


# Commands


async def test_closing_freezes_one_edition_for_each_sponsor_with_the_same_cells(cast):
    await sponsored(cast, "Sabline", "Rivemont")
    first, second = await kept(cast.as_ana)
    assert first["content"] == second["content"]
    assert first["sha256"] == second["sha256"]
    plain = msgspec.json.decode(first["content"])
    _, digest = editions.sealed(msgspec.convert(plain, editions.Content))
    assert digest == first["sha256"] != hashlib.sha256(b"").digest()


async def test_an_edition_holds_nobody(cast):
    _, _, people = await sponsored(cast, "Sabline")
    (row,) = await kept(cast.as_ana)
    text = row["content"]
    assert "Secret" not in text
    assert "@" not in text
    assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}", text)
    assert not any(person.hex in text.replace("-", "") for person in people)
    assert not re.search(r"\d\d:\d\d", text)


async def test_the_team_is_not_among_the_heads(cast):
    by = cast.as_ana
    place = await evenings.ground(by, AT)
    meetup = await evenings.evening(place, AT, by=by)
    await evenings.registered(
        meetup, await evenings.crowd(place, 10, by=by, now=AT), by=by, came=True
    )
    team = await evenings.crowd(place, 9, by=by, now=AT, insider=True)
    await evenings.registered(meetup, team, by=by, came=True)
    async with scoped(by):
        assert (await editions.heads(meetup.id)).attended == 10


async def test_what_was_frozen_does_not_move_and_a_late_sponsor_reads_the_same(cast):
    place, meetup, _ = await sponsored(cast, "Sabline")
    by = cast.as_ana
    (before,) = await kept(by)
    more = await evenings.crowd(place, 30, by=by, now=AT)
    await evenings.registered(meetup, more, by=by, came=True)
    late = await sponsors.make_sponsor("Rivemont", by=by, now=AT)
    await sponsors.sponsor_meetup(late.id, meetup, by=by, now=AT)
    freeze = {"workspace": cast.orbelune, "origin": world.ORIGIN, "by": by}
    assert await editions.freeze(meetup, **freeze, now=AT + timedelta(days=9)) == 1
    assert await editions.freeze(meetup, **freeze, now=AT + timedelta(days=9)) == 0
    rows = await kept(by)
    assert {row["content"] for row in rows} == {before["content"]}
    assert len(rows) == 2


@pytest.mark.parametrize(("held", "is_told"), [(4, False), (5, True)])
async def test_an_effect_is_told_over_five_meetups_and_a_hundred_people(
    cast, held, is_told
):
    by = cast.as_ana
    rng = random.Random(held)
    place = await evenings.ground(by, AT - timedelta(days=900))
    for nth in range(held):
        at = AT - timedelta(days=40 * (held - nth))
        meetup = await evenings.evening(place, at, by=by, title=f"Soirée {nth}")
        people = await evenings.crowd(place, 43, by=by, now=AT - timedelta(days=800))
        await evenings.registered(meetup, people[:27], by=by, came=True)
        await evenings.registered(meetup, people[27:], by=by)
        await meetups.close(meetup, by=by, now=meetup.ends_at)
        days = [
            (person, at.date() + timedelta(days=n), 1)
            for person in people
            for n in (*range(-29, -1), *range(2, 30))
            if rng.random() < 0.3
        ]
        await evenings.active(place, days, by=by)
    async with scoped(by):
        series = await reports.series_report(place.series.id, AT, Audience.SPONSOR)
    shared = editions.shareable(series.lift)
    assert (shared is not None) is is_told
    if shared:
        effect = shared.findings[0].effect
        assert (effect.n_treated, effect.n_compared) == (135, 80)
        assert effect.estimate == round(effect.estimate, 1)
        assert shared.excluded == []
        with use("en"):
            assert (
                "135 against 80" in said(shared, shared.findings[0], Audience.SPONSOR).text
            )


def test_a_difference_that_rounds_to_nothing_is_not_said_to_be_more():
    effect = Estimate(0.04, -1, 1.1, 0.5, 50, 40, 40, 1, 1.4)
    for comparison in (Comparison.NO_SHOWS, Comparison.LOTTERY):
        finding = Finding(Outcome.ACTIVE_DAYS, True, Reading.NOT_SHOWN, Grade.C, effect)  # noqa: FBT003
        asked = Lift(comparison, 1, None, AT.date(), "", 40, 40, 40, 40, [], [finding])
        with use("fr"):
            text = said(asked, finding).text
        assert "en ont fait autant que" in text
        assert "de plus" not in text


async def test_contacts_are_told_once_by_letter(cast):
    _, meetup, _ = await sponsored(cast, "Sabline")
    letters = [
        one
        for one in await world.letters_to("sabline@sponsor.example")
        if one["kind"] == "report_ready"
    ]
    assert len(letters) == 1
    assert f"/portal/orbelune/sabline/{meetup.slug}" in letters[0]["body_text"]


async def test_the_workspaces_own_threshold_counts(cast):
    async with scoped(cast.as_ana):
        await sql("UPDATE workspace SET disclosure_k = 20 WHERE slug = 'orbelune'")
    cast.orbelune = await workspaces.look("orbelune")
    await sponsored(cast, "Sabline", came=14)
    (row,) = await kept(cast.as_ana)
    content = msgspec.json.decode(row["content"], type=editions.Content)
    assert content.k == 20
    assert content.figures[0].state is State.MISSING


# Pages


async def test_a_contact_reads_her_edition_and_prints_the_same_bytes_twice(app, cast):
    _, meetup, _ = await sponsored(
        cast, "Sabline", contact={"Sabline": "eiko@sabline.example"}
    )
    address = f"/portal/orbelune/sabline/{meetup.slug}"
    async with world.browsing(app, cast.eiko) as client:
        assert meetup.title in (await client.get("/portal/orbelune")).text
        page = await client.get(address)
        assert page.status_code == 200
        assert "15" in page.text
        assert "Secret" not in page.text
        prints = [(await client.get(f"{address}/report.pdf")).content for _ in range(2)]
        await brand.set_logo(a_picture(size=(90, 30)), by=cast.as_ana, now=cast.now)
        prints.append((await client.get(f"{address}/report.pdf")).content)
    assert prints[0].startswith(b"%PDF-")
    assert prints[0] == prints[1]
    images = [len(pypdf.PdfReader(io.BytesIO(one)).pages[0].images) for one in prints]
    assert images == [0, 0, 1]


@pytest.mark.parametrize(
    ("column", "word"), [("cancelled_at", "Annulée"), ("postponed_at", "Reportée")]
)
async def test_a_sponsor_reads_that_a_meetup_is_off_or_put_off(app, cast, column, word):
    by = cast.as_ana
    place = await evenings.ground(by, AT)
    meetup = await evenings.evening(place, AT, by=by)
    line = await sponsors.make_sponsor("Sabline", by=by, now=AT)
    await sponsors.sponsor_meetup(line.id, meetup, by=by, now=AT)
    await sponsors.add_contact(
        line.id,
        "eiko@sabline.example",
        workspace=cast.orbelune,
        origin=world.ORIGIN,
        by=by,
        now=AT,
    )
    async with scoped(by):
        await sql(f"UPDATE meetup SET {column} = $1 WHERE id = $2", AT, meetup.id)  # noqa: S608
    async with world.browsing(app, cast.eiko) as client:
        text = (await client.get("/portal/orbelune?lang=fr")).text
    assert word in text
    assert f'href="/m/orbelune/{meetup.slug}"' in text


async def test_another_sponsors_edition_does_not_exist(app, cast):
    _, meetup, _ = await sponsored(
        cast, "Sabline", "Rivemont", contact={"Sabline": "eiko@sabline.example"}
    )
    async with world.browsing(app, cast.eiko) as client:
        for path in (
            f"/portal/orbelune/rivemont/{meetup.slug}",
            f"/portal/orbelune/rivemont/{meetup.slug}/report.pdf",
            "/portal/orbelune/sabline/unknown",
            f"/portal/ailleurs/sabline/{meetup.slug}",
            f"/w/orbelune/meetups/{meetup.slug}/report",
        ):
            assert (await client.get(path)).status_code == 404, path
    async with world.browsing(app, cast.dov) as client:
        path = f"/portal/orbelune/sabline/{meetup.slug}"
        assert (await client.get(path)).status_code == 404


async def test_a_contact_that_ended_finds_nothing_at_the_next_request(app, cast):
    _, meetup, _ = await sponsored(
        cast, "Sabline", contact={"Sabline": "eiko@sabline.example"}
    )
    address = f"/portal/orbelune/sabline/{meetup.slug}"
    async with world.browsing(app, cast.eiko) as client:
        assert (await client.get(address)).status_code == 200
        async with scoped(cast.as_ana):
            line = await sponsors.sponsor_by_slug("sabline")
            (contact,) = await sponsors.contacts(line.id)
        await sponsors.end_contact(contact.id, by=cast.as_ana, now=world.NOW)
        for path in (address, f"{address}/report.pdf", "/portal/orbelune"):
            assert (await client.get(path)).status_code == 404


async def test_an_edition_is_not_found_outside_its_workspace(cast):
    _, meetup, _ = await sponsored(
        cast, "Sabline", contact={"Sabline": "eiko@sabline.example"}
    )
    async with scoped(cast.as_dov):
        with pytest.raises(NotFound):
            await editions.edition(cast.eiko, "sabline", meetup.slug)
