"""Clashes between meetups, and how often the same people are asked, over several brands."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.people import communities, members, solicitations
from events.planning import clashes as rules
from events.planning import meetups, venues
from events.planning.clashes import Entry, Reason, clashes, plain, reasons
from events.planning.meetups import Plan
from server.database import scoped, sql, uuid7
from server.workspaces import Role
from tests import world

START = datetime(2026, 11, 5, 18, tzinfo=UTC)


def entry(
    hours=0, length=2, number=1, brand=1, venue="Le Comptoir", zone="Europe/Paris", **more
):
    starts = START + timedelta(hours=hours)
    given_ = {"published_at": START, "cancelled_at": None, "postponed_at": None} | more
    return Entry(
        id=UUID(int=number), workspace_id=UUID(int=brand), slug=f"m{number}",
        title=f"Meetup {number}", starts_at=starts, ends_at=starts + timedelta(hours=length),
        time_zone=zone, venue=venue, capacity=10, taken=2, **given_,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (entry(1, number=2), (Reason.OVERLAP, Reason.SAME_VENUE, Reason.SAME_DAY)),
        (entry(1, number=2, venue="Ailleurs"), (Reason.OVERLAP, Reason.SAME_DAY)),
        (entry(-8, number=2), (Reason.SAME_VENUE, Reason.SAME_DAY)),
        (entry(2, number=2, venue="LE  COMPTOIR !"), (Reason.SAME_VENUE, Reason.SAME_DAY)),
        (entry(2, number=2, venue=""), (Reason.SAME_DAY,)),
        (entry(24, number=2), ()),
        (entry(1, number=2, cancelled_at=START), ()),
        (entry(1, number=2, postponed_at=START), ()),
        (entry(1, number=1), ()),
        # 18:00 in Paris is the 5th, six hours later in Auckland it is the 6th.
        (entry(6, number=2, zone="Pacific/Auckland"), ()),
    ],
)
def test_two_meetups_clash_for_a_reason(other, expected):
    assert reasons(entry(), other) == expected
    assert reasons(other, entry()) == expected


def test_a_place_is_recognised_as_people_would():
    assert plain("  Café du Théâtre, (Lyon) ") == plain("CAFE DU THEATRE lyon")


entries = st.lists(
    st.builds(
        entry,
        hours=st.integers(-200, 200),
        length=st.integers(1, 100),
        number=st.integers(1, 10_000),
        brand=st.integers(1, 3),
        venue=st.sampled_from(["", "Le Comptoir", "Ailleurs"]),
        zone=st.sampled_from(["Europe/Paris", "Pacific/Kiritimati", "Pacific/Niue"]),
    ),
    max_size=12,
    unique_by=lambda one: one.id,
)


@given(entries)
def test_every_pair_that_clashes_is_found_once(held):
    found = clashes(held)
    pairs = [frozenset({one.first.id, one.second.id}) for one in found]
    assert len(pairs) == len(set(pairs))
    expected = {
        frozenset({a.id, b.id}) for a in held for b in held if a.id < b.id and reasons(a, b)
    }
    assert set(pairs) == expected
    assert all(one.reasons for one in found)
    assert rules.clashes(reversed(held)) == found


# Two brands of one community manager


@pytest.fixture
async def brands(cast):
    """Ana works for Orbelune and for Tisane; Dov's brand is nobody's business."""
    tisane = await world.a_workspace(cast.ana, "Tisane")
    cast.tisane, cast.as_tisane = tisane, world.acting(cast.ana, tisane)
    for by in (cast.as_ana, cast.as_tisane, cast.as_dov):
        async with scoped(by):
            community = await communities.make_community("Les nôtres", by=by, now=cast.now)
            venue = await venues.make_venue("Le Comptoir", by=by, now=cast.now)
            await meetups.plan(
                Plan(
                    title=f"Apéro {len(community.name)} de {by.workspace_id.hex[-4:]}",
                    community_id=community.id,
                    starts_at=cast.soon,
                    ends_at=cast.soon + timedelta(hours=2),
                    time_zone="Europe/Paris",
                    capacity=30,
                    venue_id=venue,
                ),
                key_id=1,
                by=by,
                now=cast.now,
            )
    return cast


async def test_one_calendar_shows_every_brand_of_one_s_own_and_its_clashes(app, brands):
    async with world.browsing(app, brands.ana) as ana:
        async with world.counting_queries() as asked:
            page = await ana.get("/calendar?month=2026-11")
        assert page.status_code == 200
        said = [
            one
            for one in asked
            if not one.startswith(("SELECT set_config", "SAVEPOINT", "RELEASE"))
        ]
        assert len(said) <= 8, said
        assert "1 conflit" in page.text
        assert "à la même heure, au même endroit, le même jour" in page.text
        assert "/w/orbelune/meetups/" in page.text
        assert "/w/tisane/meetups/" in page.text
        assert "/w/ailleurs/" not in page.text
        assert "Ailleurs" not in page.text
        rows = (await ana.get("/calendar.csv?month=2026-11")).text
        assert rows.count("Le Comptoir") == 2
        assert "à la même heure" in rows
        empty = await ana.get("/calendar?month=2027-01")
        assert "Rien ce mois-ci" in empty.text
        for bad in ("x", "2026-13", "1999-01", "2101-01"):
            assert (await ana.get(f"/calendar?month={bad}")).status_code == 404
        assert (await ana.get("/calendar")).status_code == 200
    async with world.browsing(app, brands.dov) as dov:
        page = await dov.get("/calendar?month=2026-11")
        assert "/w/ailleurs/meetups/" in page.text
        assert "Orbelune" not in page.text
        assert "clash" not in page.text.lower().replace("clashes", "")


async def test_a_calendar_says_how_each_meetup_stands(app, brands):
    for by, change in (
        (brands.as_ana, "cancelled_at = $2"),
        (brands.as_tisane, "postponed_at = $2, published_at = $2, representative = 'Ana'"),
    ):
        async with scoped(by):
            await sql(
                f"UPDATE meetup SET {change} WHERE workspace_id = $1",  # noqa: S608
                by.workspace_id,
                brands.now,
            )
    async with world.browsing(app, brands.ana) as ana:
        page = await ana.get("/calendar?month=2026-11")
        rows = (await ana.get("/calendar.csv?month=2026-11")).text
    assert "conflit" not in page.text
    assert "Reportée" in rows
    assert "Annulée" in rows


async def test_the_calendar_of_somebody_without_a_team_says_what_to_do(
    app, brands, browser
):
    async with world.browsing(app, brands.eiko) as eiko:
        page = await eiko.get("/calendar")
        assert "No workspace yet" in page.text
    async with world.browsing(app, brands.bilal) as bilal:
        page = await bilal.get("/calendar?month=2026-11")
        assert "/w/orbelune/meetups/" not in page.text
    assert (await browser.get("/calendar")).status_code in {302, 303, 401}


async def test_a_program_reads_the_calendar_of_its_workspace(app, brands):
    from server import api_tokens

    token = await api_tokens.issue_token(
        "x", Role.MODERATOR, ["read"], account_id=brands.ana, by=brands.as_ana,
        now=datetime.now(UTC),
    )  # fmt: skip
    async with world.browser_of(app, authorization=f"Bearer {token}") as program:
        answer = await program.get("/api/v1/calendar?since=2026-11-01&until=2026-12-01")
        assert answer.status_code == 200, answer.text
        (item,) = answer.json()["items"]
        assert (item["venue"], item["is_published"], item["clashes"]) == (
            "Le Comptoir",
            False,
            {},
        )
        for bad in (
            "since=2026-11-01&until=2026-11-01",
            "since=2026-11-01&until=2028-01-01",
        ):
            assert (await program.get(f"/api/v1/calendar?{bad}")).status_code == 422


# Asked too often


async def ask(by, email, *, times, now, kind="personal_invitation"):
    async with scoped(by):
        for number in range(times):
            await sql(
                "INSERT INTO letter (id, workspace_id, kind, recipient, language, subject,"
                " body_text, body_html, created_at) VALUES ($1, $2, $3, $4, 'fr', '', '', '', $5)",
                uuid7(), by.workspace_id, kind, email, now - timedelta(days=number),
            )  # fmt: skip


async def known(by, email, now):
    async with scoped(by):
        return await members.known(email, name="Zoé", language="fr", by=by, now=now)


async def agrees(by, member_id, at, *, is_given=True):
    async with scoped(by):
        await sql(
            "INSERT INTO consent (id, workspace_id, member_id, purpose, is_given,"
            " text_sha256, language, via, at) VALUES ($1, $2, $3, 'across', $4, '', 'fr', 'page', $5)",
            uuid7(), by.workspace_id, member_id, is_given, at,
        )  # fmt: skip


async def counted(cast):
    ids = [cast.orbelune.id, cast.tisane.id]
    async with scoped(frozenset(ids)):
        often = await solicitations.asked_too_often(ids, now=cast.now)
        across = await solicitations.asked_across(ids, now=cast.now)
    return {one.workspace_id: one.people for one in often}, across


async def test_people_asked_too_often_are_counted_in_each_brand(brands):
    for by, email, times in (
        (brands.as_ana, "trop@x.example", 3),
        (brands.as_ana, "peu@x.example", 2),
        (brands.as_tisane, "trop@x.example", 2),
        (brands.as_dov, "trop@x.example", 9),
    ):
        await known(by, email, brands.now)
        await ask(by, email, times=times, now=brands.now)
    await ask(brands.as_ana, "peu@x.example", times=5, now=brands.now, kind="confirmed")
    await ask(brands.as_ana, "peu@x.example", times=5, now=brands.now - timedelta(days=28))
    await ask(brands.as_ana, "inconnu@x.example", times=5, now=brands.now)
    assert await counted(brands) == ({brands.orbelune.id: 1}, 0)


async def test_nobody_is_one_across_brands_without_saying_so_in_both(app, brands):
    ids = {}
    for by in (brands.as_ana, brands.as_tisane):
        ids[by.workspace_id] = await known(by, "zoe@x.example", brands.now)
        await ask(by, "zoe@x.example", times=2, now=brands.now)
    here, there = ids[brands.orbelune.id], ids[brands.tisane.id]
    assert await counted(brands) == ({}, 0)
    await agrees(brands.as_ana, here, brands.now - timedelta(days=3))
    assert await counted(brands) == ({}, 0)
    await agrees(brands.as_tisane, there, brands.now - timedelta(days=3))
    assert await counted(brands) == ({}, 1)
    await agrees(brands.as_tisane, there, brands.now - timedelta(days=1), is_given=False)
    assert await counted(brands) == ({}, 0)
    async with world.browsing(app, brands.ana) as ana:
        for path in ("/calendar", "/calendar/asked"):
            page = await ana.get(path)
            assert page.status_code == 200
            assert "zoe@x.example" not in page.text
            assert "Zoé" not in page.text


async def test_the_calendar_does_not_wait_for_who_is_asked_too_often(app, brands):
    now = datetime.now(UTC)
    await known(brands.as_ana, "trop@x.example", now)
    await ask(brands.as_ana, "trop@x.example", times=3, now=now)
    async with world.browsing(app, brands.ana) as ana:
        async with world.counting_queries() as asked:
            page = await ana.get("/calendar")
        assert not any("FROM letter" in one for one in asked)
        assert 'data-hx-get="/calendar/asked"' in page.text
        assert '<a href="/calendar/asked">' in page.text
        async with world.counting_queries() as asked:
            part = await ana.get("/calendar/asked")
    assert len([one for one in asked if "set_config" not in one]) <= 8
    assert re.search(r"<dt>Orbelune</dt>\s*<dd>1</dd>", part.text)
    async with world.browsing(app, brands.eiko) as eiko:
        assert "Nobody." in (await eiko.get("/calendar/asked")).text


async def test_the_rail_of_the_calendar_leads_to_one_s_workspaces(app, brands):
    async with world.browsing(app, brands.ana) as ana:
        for path in ("/calendar", "/calendar/asked"):
            page = (await ana.get(path)).text
            rail = page[page.index('class="rail-list"') :]
            rail = rail[: rail.index("</ul>")]
            assert rail.count("<a ") == 3
            assert '<a href="/w/orbelune">' in rail
            assert '<a href="/calendar" aria-current="page">' in rail


def test_the_letters_that_ask_are_letters_we_write():
    written = Path(__file__).parent.parent.parent / "templates" / "mail"
    for kind in solicitations.ASKING:
        assert (written / f"{kind}.txt").exists()
