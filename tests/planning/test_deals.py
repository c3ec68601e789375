"""What is sold to sponsors, and what is owed for it: the rules and the commands."""

import asyncio
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.engagement import editions, sales
from events.planning import (
    deliverables,
    dues,
    meetups,
    nudges,
    owed,
    packages,
    sold,
    sponsors,
    sponsorships,
)
from events.planning.deliverables import Owed, ProofKind, Shown
from events.planning.dues import Progress
from events.planning.packages import Offer, Promised
from events.planning.sponsorships import Terms
from server import amounts, jobs, workspaces
from server.database import scoped, sql
from server.errors import Conflict, Invalid, NotFound
from server.workspaces import Role
from tests import world
from tests.planning.evenings import a_meetup
from tests.planning.selling import (
    a_package,
    a_series,
    one_owed,
    owed_for,
    proved,
    sold_and_told,
    sold_to,
)
from tests.planning.test_sponsors import a_sponsor, add

DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))


def thing(due_on, delivered=None, dropped=None):
    return SimpleNamespace(due_on=due_on, delivered_at=delivered, dropped_at=dropped)


# Rules


@given(st.integers(0, amounts.LARGEST), st.sampled_from(["EUR", "JPY", "GBP"]))
def test_a_sum_that_is_written_is_read_back(sum_, currency):
    assert amounts.cents(amounts.written(sum_, currency), currency) == sum_


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("1500", 150_000),
        ("1 500,5", 150_050),
        ("1 500,50 €", 150_050),
        ("EUR 12", 1_200),
        ("0", 0),
    ],
)
def test_a_sum_is_read_as_people_write_it(typed, cents):
    assert amounts.cents(typed, "EUR") == cents


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-1",
        "1.500",
        "1,500.00",
        "douze",
        "1e3",
        "∞",
        "9" * 14,
        "1.5.5",
        "12abc34",
        "1000 USD",
        "$5",
    ],
)
def test_what_is_no_sum_or_could_be_two_is_refused(typed):
    with pytest.raises(Invalid) as no:
        amounts.cents(typed, "EUR", field="in_kind")
    assert set(no.value.fields) == {"in_kind"}
    assert amounts.written(None, "EUR") == ""


@given(DAYS, st.integers(-730, 730), DAYS)
def test_nothing_is_owed_before_it_was_promised(anchor, days, today):
    due = dues.due_on(anchor, days, today)
    assert due >= today
    assert due == today or due == anchor - timedelta(days=days)


@given(DAYS, DAYS)
def test_what_is_owed_is_due_or_late_until_it_is_settled(due, today):
    where = dues.progress(thing(due), today)
    assert where is (Progress.LATE if due < today else Progress.DUE)
    settled = datetime(2026, 1, 1)  # noqa: DTZ001
    assert dues.progress(thing(due, settled), today) is Progress.DELIVERED
    assert dues.progress(thing(due, None, settled), today) is Progress.DROPPED


def test_a_day_before_the_first_day_of_all_is_the_anchor():
    assert dues.due_on(date.min, 700, date.min) == date.min


# Packages


async def test_a_sale_copies_the_promises_and_changing_the_package_changes_no_sale(
    cast, settings
):
    by, now = cast.as_ana, cast.now
    sponsor, package = await a_sponsor(cast), await a_package(cast)
    meetup = await a_meetup(cast, settings)
    sale = await sold_to(cast, sponsor, meetup_id=meetup.id, package_id=package.id)
    lines = await owed_for(cast, sale)
    day = cast.soon.date()
    assert [(one.title, one.quantity, one.due_on) for one in lines] == [
        ("Logo sur la page", 1, day - timedelta(days=7)),
        ("Publication", 2, day),
        ("Bilan écrit", 1, day + timedelta(days=10)),
    ]
    assert {one.owner_id for one in lines} == {cast.ana}
    offer = Offer(name="Zinc", price_cents=1)
    await packages.change_package(package.id, offer, by=by, now=now)
    added = await packages.add_promise(package.id, Promised("Stand"), by=by, now=now)
    async with scoped(by):
        first, *_rest, last = await packages.promises_of(package.id)
        assert last.id == added
    await packages.remove_promise(package.id, first.id, by=by, now=now)
    async with scoped(by):
        line = await sold.sale(sale, today=day)
    assert (line.price_cents, line.package, line.deliverables) == (150_050, "Zinc", 3)
    assert await owed_for(cast, sale) != []


async def test_a_package_has_a_name_of_its_own_and_ends_and_comes_back(cast):
    by, now = cast.as_ana, cast.now
    package, sponsor = await a_package(cast), await a_sponsor(cast)
    with pytest.raises(packages.PackageExists):
        await a_package(cast)
    other = await a_package(cast, "Zinc")
    with pytest.raises(packages.PackageExists):
        offer = Offer(name="Comptoir", price_cents=1)
        await packages.change_package(other.id, offer, by=by, now=now)
    await packages.end_package(package.id, by=by, now=now)
    with pytest.raises(NotFound):
        await packages.end_package(package.id, by=by, now=now)
    days = {"starts_on": date(2027, 1, 1), "ends_on": date(2027, 1, 31)}
    with pytest.raises(packages.PackageEnded):
        await sold_to(cast, sponsor, package_id=package.id, **days)
    async with scoped(by):
        assert [one.name for one in await packages.packages(ended=False)] == ["Zinc"]
        assert [one.name for one in await packages.packages("cômp")] == ["Comptoir"]
    await packages.offer_again(package.id, by=by, now=now)
    assert await sold_to(cast, sponsor, package_id=package.id, **days)


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        (Promised(""), "title"),
        (Promised("x", 0), "quantity"),
        (Promised("x", 10_001), "quantity"),
        (Promised("x", 1, 731), "days_before"),
    ],
)
async def test_what_cannot_be_promised_is_refused_by_field(cast, wanted, field):
    package = await a_package(cast)
    with pytest.raises(Invalid) as no:
        await packages.add_promise(package.id, wanted, by=cast.as_ana, now=cast.now)
    assert set(no.value.fields) == {field}


async def test_a_package_makes_fifty_promises_at_most_and_no_price_is_negative(cast):
    with pytest.raises(packages.TooManyPromises):
        await a_package(cast, promises=[Promised("x")] * 51)
    with pytest.raises(Invalid):
        await a_package(cast, price=-1)


# Sales


@pytest.mark.parametrize(
    ("what", "field"),
    [
        ({}, "scope"),
        ({"meetup_id": uuid4(), "series_id": uuid4()}, "scope"),
        ({"starts_on": date(2027, 1, 2)}, "ends_on"),
        ({"ends_on": date(2027, 1, 2)}, "starts_on"),
        ({"starts_on": date(2027, 1, 2), "ends_on": date(2027, 1, 1)}, "ends_on"),
        ({"starts_on": date(1900, 1, 2), "ends_on": date(1900, 1, 3)}, "ends_on"),
        ({"meetup_id": uuid4(), "price_cents": -1}, "price"),
        ({"meetup_id": uuid4(), "in_kind_cents": amounts.LARGEST + 1}, "in_kind"),
    ],
)
async def test_a_sale_of_nothing_or_of_two_things_is_refused(cast, what, field):
    sponsor = await a_sponsor(cast)
    with pytest.raises(Invalid) as no:
        await sold_to(cast, sponsor, **what)
    assert set(no.value.fields) == {field}


async def test_a_series_is_sold_from_then_on_and_a_period_by_the_meetups_own_days(
    cast, settings
):
    by = cast.as_ana
    line = await a_series(cast)
    community = line.community_id
    facts = {"community": community, "series_id": line.id, "published": True}
    before = await a_meetup(cast, settings, title="Avant", **facts)
    await meetups.close(before, by=by, now=before.starts_at)
    after = await a_meetup(
        cast,
        settings,
        title="Après",
        starts_at=cast.soon + timedelta(days=30),
        ends_at=cast.soon + timedelta(days=30, hours=3),
        **facts,
    )
    late = cast.soon + timedelta(days=1)
    whole, monthly = await a_sponsor(cast), await a_sponsor(cast, "Brume")
    package = await a_package(cast)
    sale = await sold_to(cast, whole, series_id=line.id, package_id=package.id, now=late)
    assert (await owed_for(cast, sale))[0].due_on == after.starts_at.date() - timedelta(7)
    day = before.starts_at.date()
    await sold_to(cast, monthly, starts_on=day, ends_on=day)
    async with scoped(by):
        assert [one.title for one in await sponsors.meetups_of(whole.id)] == ["Après"]
        assert [one.title for one in await sponsors.meetups_of(monthly.id)] == ["Avant"]
        assert [one.name for one in await sponsors.sponsors_of(after.id)] == ["Sabline"]
    with pytest.raises(sponsors.SoldWithMore):
        await sponsors.end_sponsorship(whole.id, after, by=by, now=late)
    with pytest.raises(sponsorships.AlreadySold):
        await sold_to(cast, whole, series_id=line.id, package_id=package.id, now=late)
    with pytest.raises(sponsorships.AlreadySold):
        await sold_to(cast, monthly, starts_on=day, ends_on=day)


async def test_a_sponsor_that_was_only_attached_buys_a_package_for_the_same_meetup_once(
    cast, settings
):
    by, now = cast.as_ana, cast.now
    sponsor, meetup = await a_sponsor(cast), await a_meetup(cast, settings, published=True)
    await sponsors.sponsor_meetup(sponsor.id, meetup, by=by, now=now)
    package = await a_package(cast)
    sale = await sold_to(
        cast, sponsor, meetup_id=meetup.id, package_id=package.id, in_kind_cents=900
    )
    async with scoped(by):
        (line,) = await sold.sales(today=now.date(), sponsor="sabline", search="côMPt")
        assert (line.id, line.in_kind_cents, line.late) == (sale, 900, 0)
        (same,) = await sponsors.sponsors_of(meetup.id)
        assert (same.meetups, same.owed) == (1, 3)
    with pytest.raises(sponsorships.AlreadySold):
        await sold_to(cast, sponsor, meetup_id=meetup.id, price_cents=1)
    await sponsorships.change_sale(sale, Terms(price_cents=7, note="n"), by=by, now=now)
    async with scoped(by):
        changed = await sold.sale(sale, today=now.date())
    assert (changed.price_cents, changed.in_kind_cents, changed.note) == (7, None, "n")


async def test_a_sale_is_undone_until_something_was_proved(cast):
    by, now = cast.as_ana, cast.now
    sponsor = await a_sponsor(cast)
    sale, id_ = await one_owed(cast, sponsor)
    proof = await proved(cast, id_)
    await deliverables.withdraw_proof(id_, proof, by=by, now=now)
    with pytest.raises(sponsorships.SomethingWasProved):
        await sponsorships.end_sale(sale, by=by, now=now)
    other = await sold_to(
        cast, sponsor, starts_on=date(2027, 1, 1), ends_on=date(2027, 1, 2)
    )
    await deliverables.owe(other, [Owed("x", date(2027, 1, 1))], by=by, now=now)
    await sponsorships.end_sale(other, by=by, now=now)
    assert await owed_for(cast, other) == []
    with pytest.raises(NotFound):
        await sponsorships.end_sale(other, by=by, now=now)


async def test_a_sale_over_closed_meetups_sends_their_reports_after_a_second_yes(
    cast, settings
):
    by = cast.as_ana
    sponsor, meetup = await a_sponsor(cast), await a_meetup(cast, settings, published=True)
    await add(cast, sponsor.id)
    await editions.close_meetup(
        meetup, workspace=cast.orbelune, origin=world.ORIGIN, by=by, now=meetup.ends_at
    )
    day = meetup.starts_at.date()
    what = {"starts_on": day, "ends_on": day, "now": meetup.ends_at}
    with pytest.raises(sales.ReportsWouldLeave) as no:
        await sold_and_told(cast, sponsor, **what)
    assert [one.title for one in no.value.closed] == [meetup.title]
    async with scoped(by):
        assert await sold.sales(today=day) == []
    sale = await sold_and_told(cast, sponsor, sure=True, **what)
    kinds = [one["kind"] for one in await world.letters_to("eiko@sabline.example")]
    assert kinds.count("report_ready") == 1
    with pytest.raises(sponsors.ReportIsFrozen):
        await sponsorships.end_sale(sale, by=by, now=cast.now)


async def test_a_series_sponsor_receives_the_report_when_the_edition_is_closed(
    cast, settings
):
    line, sponsor = await a_series(cast), await a_sponsor(cast)
    facts = {"series_id": line.id, "community": line.community_id}
    meetup = await a_meetup(cast, settings, published=True, **facts)
    await add(cast, sponsor.id)
    await sold_and_told(cast, sponsor, series_id=line.id)
    # Twice sponsored is one report.
    await sponsors.sponsor_meetup(sponsor.id, meetup, by=cast.as_ana, now=cast.now)
    await editions.close_meetup(
        meetup,
        workspace=cast.orbelune,
        origin=world.ORIGIN,
        by=cast.as_ana,
        now=meetup.ends_at,
    )
    async with scoped(cast.as_ana):
        (one,) = await editions.editions_of(cast.eiko)
    assert one.frozen_at is not None


# Deliverables


async def test_delivered_takes_a_proof_and_ends_with_the_last_one(cast):
    by, now = cast.as_ana, cast.now
    _sale, id_ = await one_owed(cast, await a_sponsor(cast))
    with pytest.raises(deliverables.NeedsProof):
        await deliverables.deliver(id_, by=by, now=now)
    first, second = await proved(cast, id_), await proved(cast, id_)
    await deliverables.deliver(id_, by=by, now=now)
    with pytest.raises(deliverables.NotOwedAnyMore):
        await deliverables.deliver(id_, by=by, now=now)
    assert await deliverables.withdraw_proof(id_, first, by=by, now=now) is False
    with pytest.raises(NotFound):
        await deliverables.withdraw_proof(id_, first, by=by, now=now)
    assert await deliverables.withdraw_proof(id_, second, by=by, now=now) is True
    async with scoped(by):
        line = await owed.deliverable(id_)
        assert line.progress(date(2026, 11, 21)) is Progress.LATE
        assert await owed.proofs_of([id_]) == {}


async def test_what_is_dropped_keeps_its_reason_and_can_be_taken_up_again(cast):
    by, now = cast.as_ana, cast.now
    _sale, id_ = await one_owed(cast, await a_sponsor(cast))
    with pytest.raises(Invalid):
        await deliverables.drop(id_, "", by=by, now=now)
    with pytest.raises(deliverables.StillOwed):
        await deliverables.reopen(id_, by=by, now=now)
    await deliverables.drop(id_, "Plus de place sur l’affiche", by=by, now=now)
    for again in (
        deliverables.deliver(id_, by=by, now=now),
        deliverables.drop(id_, "x", by=by, now=now),
        deliverables.change(id_, Owed("x", date(2026, 12, 1)), by=by, now=now),
        proved(cast, id_),
    ):
        with pytest.raises(deliverables.NotOwedAnyMore):
            await again
    async with scoped(by):
        assert (await owed.deliverable(id_)).dropped_reason.startswith("Plus de place")
        assert await owed.tally(date(2026, 11, 5)) == owed.Tally(0, 0, 0, 1)
    await deliverables.reopen(id_, by=by, now=now)
    changed = Owed("Logo en grand", date(2026, 12, 1), 2, cast.ana)
    await deliverables.change(id_, changed, by=by, now=now)
    async with scoped(by):
        line = await owed.deliverable(id_)
    assert (line.title, line.quantity, line.owner) == ("Logo en grand", 2, "Ana")


@pytest.mark.parametrize(
    "shown",
    [
        Shown(ProofKind.LINK, link="javascript:alert(1)"),
        Shown(ProofKind.LINK, link="https://[oops"),
        Shown(ProofKind.LINK),
        Shown(ProofKind.COUNT),
        Shown(ProofKind.COUNT, count=-1),
        Shown(ProofKind.PHOTO),
    ],
)
async def test_a_proof_that_shows_nothing_is_refused(cast, shown):
    _sale, id_ = await one_owed(cast, await a_sponsor(cast))
    with pytest.raises(Invalid):
        await deliverables.prove(id_, shown, by=cast.as_ana, now=cast.now)


@pytest.mark.parametrize(
    ("facts", "field"),
    [({"title": ""}, "title"), ({"quantity": 0}, "quantity"), ({"owner_id": 1}, "owner")],
)
async def test_what_cannot_be_owed_is_refused_by_field(cast, facts, field):
    if "owner_id" in facts:
        facts = {"owner_id": cast.dov}
    with pytest.raises(Invalid) as no:
        await one_owed(cast, await a_sponsor(cast), **facts)
    assert set(no.value.fields) == {field}


async def test_nothing_of_another_workspace_can_be_sold_proved_or_changed(cast, settings):
    theirs = await a_sponsor(cast, "Ailleurs et fils", cast.as_dov)
    package = await a_package(cast, by=cast.as_dov)
    sale, id_ = await one_owed(cast, theirs, by=cast.as_dov)
    proof = await proved(cast, id_, by=cast.as_dov)
    mine, meetup = await a_sponsor(cast), await a_meetup(cast, settings)
    by, now = cast.as_ana, cast.now
    for refused in (
        sold_to(cast, theirs, meetup_id=meetup.id),
        sold_to(cast, mine, meetup_id=meetup.id, package_id=package.id),
        sold_to(cast, mine, series_id=uuid4()),
        sponsorships.change_sale(sale, Terms(), by=by, now=now),
        sponsorships.end_sale(sale, by=by, now=now),
        deliverables.owe(sale, [Owed("x", date(2027, 1, 1))], by=by, now=now),
        deliverables.drop(id_, "x", by=by, now=now),
        deliverables.withdraw_proof(id_, proof, by=by, now=now),
        proved(cast, id_),
        packages.change_package(package.id, Offer(name="x", price_cents=1), by=by, now=now),
        packages.add_promise(package.id, Promised("x"), by=by, now=now),
        packages.remove_promise(package.id, uuid4(), by=by, now=now),
        sponsors.change_sponsor(theirs.id, "x", by=by, now=now),
    ):
        with pytest.raises(NotFound):
            await refused
    mine_too = (await one_owed(cast, mine))[1]
    photo = Shown(ProofKind.PHOTO, picture_id=uuid4())
    with pytest.raises(NotFound):
        await deliverables.prove(mine_too, photo, by=by, now=now)


# Reminders


async def told_to(email):
    return [
        one for one in await world.letters_to(email) if one["kind"] == "deliverables_due"
    ]


async def test_a_letter_comes_before_the_day_and_once_it_is_late_each_once(cast):
    sponsor = await a_sponsor(cast)
    _sale, id_ = await one_owed(cast, sponsor, owner_id=cast.ana)
    nobody = await one_owed_too(cast, _sale)

    async def on(day):
        return await nudges.remind(
            cast.orbelune.id,
            origin=world.ORIGIN,
            now=datetime.combine(day, cast.now.timetz()),
        )

    assert await on(date(2026, 11, 16)) == 0
    assert await on(date(2026, 11, 17)) == 1
    assert await on(date(2026, 11, 18)) == 0
    assert await on(date(2026, 11, 21)) == 1
    assert await on(date(2026, 11, 22)) == 0
    soon, late = await told_to("ana@orbelune.example")
    assert f"/w/orbelune/deliverables/{id_}" in soon["body_text"]
    assert str(nobody) in soon["body_text"]
    assert "en retard" in late["subject"]
    # A day that is moved is told anew; what is settled is not.
    moved = Owed("Logo", date(2026, 11, 25), 1, cast.ana)
    await deliverables.change(id_, moved, by=cast.as_ana, now=cast.now)
    await deliverables.drop(nobody, "x", by=cast.as_ana, now=cast.now)
    assert await on(date(2026, 11, 23)) == 1


async def one_owed_too(cast, sale):
    """A thing nobody sees to: the owner of the workspace is told."""
    thing = Owed("Stand", date(2026, 11, 20))
    (id_,) = await deliverables.owe(sale, [thing], by=cast.as_ana, now=cast.now)
    return id_


async def test_whoever_left_the_team_is_not_told_and_every_workspace_is_looked_through(
    cast, settings
):
    async with scoped(cast.as_ana):
        lou = await workspaces.invite(
            "lou@orbelune.example",
            Role.MANAGER,
            workspace=cast.orbelune,
            origin=world.ORIGIN,
            by=cast.as_ana,
            now=cast.now,
        )
        await one_owed(cast, await a_sponsor(cast), owner_id=lou)
        await sql("UPDATE membership SET ended_at = now() WHERE account_id = $1", lou)
    theirs = await a_sponsor(cast, "Ailleurs et fils", cast.as_dov)
    await one_owed(cast, theirs, by=cast.as_dov, title="Leur affiche")
    robot = nudges.Nudges(settings)
    await robot.remind_of_deliverables(
        datetime.combine(date(2026, 11, 19), cast.now.timetz())
    )
    assert "remind_of_deliverables" in jobs._schedule
    assert await told_to("lou@orbelune.example") == []
    (mine,) = await told_to("ana@orbelune.example")
    (his,) = await told_to("dov@ailleurs.example")
    assert "Leur affiche" in his["body_text"]
    assert "Leur affiche" not in mine["body_text"] + mine["body_html"]


async def test_an_archived_workspace_writes_nothing(cast):
    async with scoped(cast.as_ana):
        await one_owed(cast, await a_sponsor(cast))
        await sql(
            "UPDATE workspace SET archived_at = now() WHERE id = $1", cast.orbelune.id
        )
    at = datetime.combine(date(2026, 11, 19), cast.now.timetz())
    assert await nudges.remind(cast.orbelune.id, origin=world.ORIGIN, now=at) == 0


# Races


@pytest.mark.committed
async def test_the_same_thing_is_sold_once_to_whoever_asks_twice_at_once(cast, settings):
    sponsor, meetup = await a_sponsor(cast), await a_meetup(cast, settings)
    package = await a_package(cast)
    asked = [
        sold_to(cast, sponsor, meetup_id=meetup.id, package_id=package.id) for _ in range(6)
    ]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, sponsorships.AlreadySold) for one in done) == 5
    async with scoped(cast.as_ana):
        assert (await owed.tally(cast.now.date())).open == 3


@pytest.mark.committed
async def test_a_thing_is_never_delivered_without_a_proof(cast):
    by, now = cast.as_ana, cast.now
    sponsor = await a_sponsor(cast)
    sale, _first = await one_owed(cast, sponsor)
    for _ in range(8):
        (id_,) = await deliverables.owe(sale, [Owed("x", date(2027, 1, 1))], by=by, now=now)
        proof = await proved(cast, id_)
        await asyncio.gather(
            deliverables.deliver(id_, by=by, now=now),
            deliverables.withdraw_proof(id_, proof, by=by, now=now),
            return_exceptions=True,
        )
        async with scoped(by):
            line = await owed.deliverable(id_)
        assert (line.delivered_at, line.proofs) == (None, 0)


@pytest.mark.committed
async def test_one_morning_two_workers_write_one_letter(cast):
    await one_owed(cast, await a_sponsor(cast))
    at = datetime.combine(date(2026, 11, 19), cast.now.timetz())
    asked = [nudges.remind(cast.orbelune.id, origin=world.ORIGIN, now=at) for _ in range(4)]
    assert sum(await asyncio.gather(*asked)) == 1


@pytest.mark.committed
async def test_a_report_is_never_forgotten_when_the_sale_and_the_closing_meet(
    cast, settings
):
    by = cast.as_ana
    for turn in range(4):
        sponsor = await a_sponsor(cast, f"Sabline {turn}")
        meetup = await a_meetup(cast, settings, published=True, title=f"Soirée {turn}")
        closing = editions.close_meetup(
            meetup, workspace=cast.orbelune, origin=world.ORIGIN, by=by, now=meetup.ends_at
        )
        selling = sold_and_told(
            cast, sponsor, sure=True, meetup_id=meetup.id, now=meetup.ends_at
        )
        done = await asyncio.gather(closing, selling, return_exceptions=True)
        assert not [one for one in done if isinstance(one, Conflict)], done
        async with scoped(by):
            rows = await sql(
                "SELECT 1 FROM report_edition WHERE sponsor_id = $1", sponsor.id
            )
        assert len(rows) == 1
