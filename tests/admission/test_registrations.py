"""Places are never sold twice, the line skips nobody, and every act may be repeated."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest

from events.admission import registrations, tickets
from events.admission.registrations import Linking, Past, Shown, Source, Status
from events.people import channels, communities, consents, identities, members
from events.people.channels import ChannelKind
from events.planning import meetups, venues
from events.planning.meetups import Admission, Meetup, Plan
from server.database import find, one, scoped, sql
from server.errors import Busy, Forbidden, Invalid, NotFound
from server.settings import BadSettings, check
from server.workspaces import Role
from tests import world


@pytest.fixture
def keys(settings):
    return tickets.keys_of(settings)


async def a_meetup(who, keys, capacity=5, *, published=True, **plan):
    """A published meetup of Orbelune's community."""
    by, now = who.as_ana, who.now
    async with scoped(by):
        found = await communities.communities()
        community = (
            found[0].id
            if found
            else (await communities.make_community("Les Lunatiques", by=by, now=now)).id
        )
        wanted = Plan(
            **{
                "title": "On joue au prototype",
                "community_id": community,
                "starts_at": who.soon,
                "ends_at": who.soon + timedelta(hours=3),
                "time_zone": "Europe/Paris",
                "capacity": capacity,
                "representative": "Ana",
            }
            | plan
        )
        meetup = await meetups.plan(wanted, key_id=keys.current, by=by, now=now)
        if published:
            await meetups.publish(meetup, by=by, now=now)
        return await find(Meetup, meetup.id)


async def registers(who, meetup, keys, email, **more):
    """Somebody fills the form in."""
    given = {
        "name": email.partition("@")[0].title(),
        "language": "fr",
        "source": Source.PAGE,
        "origin": world.ORIGIN,
        "workspace": who.orbelune,
        "keys": keys,
        "by": who.as_ana,
        "now": who.now,
    } | more
    return await registrations.register(meetup, email=email, **given)


def acts(who, keys, **more):
    """What every act that writes letters is told."""
    return {
        "origin": world.ORIGIN,
        "workspace": who.orbelune,
        "keys": keys,
        "by": who.as_ana,
        "now": who.now,
    } | more


async def seating(who, meetup):
    async with scoped(who.as_ana):
        return await one(
            "SELECT capacity, taken, next_wait FROM seating WHERE id = $1", meetup.id
        )


async def statuses(who, meetup):
    """Everybody's status and number by address, in order of arrival."""
    async with scoped(who.as_ana):
        rows = await registrations.listing(meetup.id, limit=500)
    return {row.email or row.name: (row.status.value, row.wait_no) for row in rows}


async def kinds_to(email):
    return [letter["kind"] for letter in await world.letters_to(email)]


@pytest.mark.committed
async def test_forty_at_once_for_five_places_get_five(cast: SimpleNamespace, keys):
    meetup = await a_meetup(cast, keys, 5)
    found = await asyncio.gather(
        *(registers(cast, meetup, keys, f"p{n}@example.org") for n in range(40))
    )
    assert sum(one_.status is Status.CONFIRMED for one_ in found) == 5
    waiting = sorted(one_.wait_no for one_ in found if one_.status is Status.WAITLISTED)
    assert waiting == list(range(1, 36))
    row = await seating(cast, meetup)
    assert (row["taken"], row["next_wait"]) == (5, 36)
    assert await _letters_of(cast) == {"confirmed": 5, "waitlisted": 35}


async def _letters_of(who):
    await world.do_jobs("write_letters")
    async with scoped(who.as_ana):
        rows = await sql("SELECT kind, count(*) AS n FROM letter GROUP BY kind")
    return {row["kind"]: row["n"] for row in rows if row["kind"] != "invitation"}


@pytest.mark.committed
async def test_the_same_person_at_the_same_instant_is_one_row_and_one_letter(cast, keys):
    meetup = await a_meetup(cast, keys, 5)
    found = await asyncio.gather(
        *(registers(cast, meetup, keys, "chloe@example.org") for _ in range(10))
    )
    assert len({one_.id for one_ in found}) == 1
    assert sum(one_.is_new for one_ in found) == 1
    assert (await seating(cast, meetup))["taken"] == 1
    assert await kinds_to("chloe@example.org") == ["confirmed"]


@pytest.mark.committed
async def test_raising_the_capacity_loses_nobody_who_registers_meanwhile(cast, keys):
    for round_ in range(3):
        meetup = await a_meetup(cast, keys, 3, title=f"Plus grand {round_}")
        wanted = [f"p{n}r{round_}@example.org" for n in range(12)]
        await asyncio.gather(
            *(registers(cast, meetup, keys, email) for email in wanted),
            registrations.resize_meetup(meetup, 5, **acts(cast, keys)),
        )
        found = list((await statuses(cast, meetup)).values())
        assert sum(status == "confirmed" for status, _ in found) == 5
        assert sum(status == "waitlisted" for status, _ in found) == 7


@pytest.mark.committed
async def test_releases_and_registrations_at_once_never_lose_count(cast, keys):
    meetup = await a_meetup(cast, keys, 8)
    first = [await registers(cast, meetup, keys, f"a{n}@example.org") for n in range(16)]
    work = [registrations.release(one_.id, **acts(cast, keys)) for one_ in first[::2]]
    work += [registers(cast, meetup, keys, f"b{n}@example.org") for n in range(22)]
    await asyncio.gather(*work)
    row = await seating(cast, meetup)
    found = list((await statuses(cast, meetup)).values())
    confirmed = sum(status == "confirmed" for status, _ in found)
    assert row["taken"] == confirmed == row["capacity"] == 8
    assert sum(status == "cancelled" for status, _ in found) == 8
    numbers = [number for _, number in found if number is not None]
    assert len(numbers) == len(set(numbers)) == 16 + 22 - 8 - 8


async def test_a_second_registration_changes_nothing(cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    first = await registers(cast, meetup, keys, "chloe@example.org")
    again = await registers(cast, meetup, keys, "chloe@example.org", name="Autre nom")
    assert (again.id, again.status, again.is_new) == (first.id, Status.CONFIRMED, False)
    assert await kinds_to("chloe@example.org") == ["confirmed"]


async def test_a_released_place_goes_to_the_first_in_line_once(cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    chloe = await registers(cast, meetup, keys, "chloe@example.org")
    await registers(cast, meetup, keys, "theo@example.org")
    await registers(cast, meetup, keys, "ines@example.org")
    await world.do_jobs("write_letters")
    assert await registrations.release(chloe.id, **acts(cast, keys)) is Status.CONFIRMED
    assert await registrations.release(chloe.id, **acts(cast, keys)) is Status.CANCELLED
    assert await statuses(cast, meetup) == {
        "chloe@example.org": ("cancelled", None),
        "theo@example.org": ("confirmed", None),
        "ines@example.org": ("waitlisted", 2),
    }
    assert await kinds_to("theo@example.org") == ["waitlisted", "promoted"]
    assert await kinds_to("chloe@example.org") == ["confirmed", "released"]
    assert (await seating(cast, meetup))["taken"] == 1


async def test_who_left_the_line_frees_nothing_and_comes_back_at_its_end(cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    await registers(cast, meetup, keys, "chloe@example.org")
    theo = await registers(cast, meetup, keys, "theo@example.org")
    await registers(cast, meetup, keys, "ines@example.org")
    await world.do_jobs("write_letters")
    await registrations.release(theo.id, **acts(cast, keys))
    await world.do_jobs("write_letters")
    later = cast.now + timedelta(minutes=5)
    back = await registers(cast, meetup, keys, "theo@example.org", now=later)
    assert (back.id, back.status, back.wait_no) == (theo.id, Status.WAITLISTED, 3)
    assert await kinds_to("theo@example.org") == ["waitlisted", "released", "waitlisted"]
    async with scoped(cast.as_ana):
        lines = await registrations.listing(meetup.id, status=Shown.WAITLISTED)
    assert [(line.email, line.rank) for line in lines] == [
        ("theo@example.org", 2),
        ("ines@example.org", 1),
    ]


async def test_nobody_registers_before_publication_after_the_end_or_once_cancelled(
    cast, keys
):
    draft = await a_meetup(cast, keys, published=False)
    with pytest.raises(NotFound):
        await registers(cast, draft, keys, "chloe@example.org")
    meetup = await a_meetup(cast, keys)
    await registers(
        cast, meetup, keys, "late@example.org", now=cast.soon + timedelta(hours=1)
    )
    with pytest.raises(registrations.RegistrationClosed):
        await registers(
            cast, meetup, keys, "chloe@example.org", now=cast.soon + timedelta(hours=3)
        )
    await registrations.cancel_meetup(meetup, "", by=cast.as_ana, now=cast.now)
    with pytest.raises(registrations.MeetupCancelled):  # the row in hand is older than that
        await registers(cast, meetup, keys, "chloe@example.org")
    assert (await seating(cast, meetup))["taken"] == 1


async def test_a_lottery_keeps_everybody_waiting_until_the_draw(cast, keys):
    meetup = await a_meetup(cast, keys, 2, admission=Admission.LOTTERY)
    made = [await registers(cast, meetup, keys, f"p{n}@example.org") for n in range(3)]
    assert {one_.status for one_ in made} == {Status.WAITLISTED}
    await registrations.release(made[0].id, **acts(cast, keys))
    async with scoped(cast.as_ana):
        rows = await sql("SELECT id, member_id FROM registration ORDER BY id")
    drawn = [
        Past(rows[1]["member_id"], attended_at=cast.soon, is_drawn=True),
        Past(rows[2]["member_id"], Status.LOST_DRAW, is_drawn=False),
    ]
    done = await registrations.import_attendance(
        meetup, drawn, keys=keys, by=cast.as_ana, now=cast.now
    )
    assert (done.added, done.attended, done.unchanged) == (0, 2, 0)
    async with scoped(cast.as_ana):
        rows = await sql(
            "SELECT status, is_drawn, attended_at FROM registration ORDER BY id"
        )
    assert [(row["status"], row["is_drawn"]) for row in rows] == [
        ("cancelled", None),
        ("confirmed", True),
        ("lost_draw", False),
    ]
    assert rows[1]["attended_at"] == cast.soon
    assert (await seating(cast, meetup))["taken"] == 1


async def test_the_team_gives_a_free_place_by_hand(cast, keys):
    meetup = await a_meetup(cast, keys, 1, admission=Admission.LOTTERY)
    made = [await registers(cast, meetup, keys, f"p{n}@example.org") for n in range(3)]
    await world.do_jobs("write_letters")
    await registrations.admit(made[1].id, **acts(cast, keys))
    await registrations.admit(made[1].id, **acts(cast, keys))
    assert await kinds_to("p1@example.org") == ["waitlisted", "promoted"]
    with pytest.raises(registrations.MeetupFull):
        await registrations.admit(made[0].id, **acts(cast, keys))
    await registrations.release(made[2].id, **acts(cast, keys))
    with pytest.raises(registrations.NotWaiting):
        await registrations.admit(made[2].id, **acts(cast, keys))


async def test_walk_ins_take_places_and_the_staff_may_stretch_to_the_limit(cast, keys):
    async with scoped(cast.as_ana):
        bar = await venues.make_venue(
            "Le Comptoir", hard_limit=2, by=cast.as_ana, now=cast.now
        )
    meetup = await a_meetup(cast, keys, 1, venue_id=bar)
    door = {"keys": keys, "by": cast.as_ana, "now": cast.soon + timedelta(hours=4)}
    id_ = uuid4()
    first = await registrations.walk_in(meetup, name="Soraya", id_=id_, **door)
    again = await registrations.walk_in(meetup, name="Soraya", id_=id_, **door)
    assert first.id == again.id == id_
    assert (first.source, first.status) == ("walk_in", "confirmed")
    with pytest.raises(registrations.MeetupFull):
        await registrations.walk_in(meetup, name="Malo", **door)
    sponsor = world.acting(cast.eiko, cast.orbelune, role=Role.SPONSOR)
    with pytest.raises(Forbidden):
        await registrations.walk_in(
            meetup, name="Malo", override_reason="Ami", **door | {"by": sponsor}
        )
    at_door = world.acting(cast.bilal, cast.orbelune, role=Role.DOOR)
    await registrations.walk_in(
        meetup, name="Malo", override_reason="Ambassadeur", **door | {"by": at_door}
    )
    assert dict(await seating(cast, meetup)) == {"capacity": 2, "taken": 2, "next_wait": 1}
    with pytest.raises(registrations.AtHardLimit):
        await registrations.walk_in(
            meetup, name="Jules", override_reason="Encore", **door | {"by": at_door}
        )
    async with scoped(cast.as_ana):
        reasons = await sql("SELECT reason FROM audit_entry WHERE action = 'walked_in'")
    assert sorted(row["reason"] for row in reasons) == ["", "Ambassadeur"]


async def test_a_venue_without_limit_stretches(cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    await registers(cast, meetup, keys, "chloe@example.org")
    await registrations.walk_in(
        meetup, name="Malo", override_reason="Ami", keys=keys, by=cast.as_ana, now=cast.now
    )
    assert dict(await seating(cast, meetup)) == {"capacity": 2, "taken": 2, "next_wait": 1}


async def test_who_came_cannot_give_the_place_back_and_nobody_can_afterwards(cast, keys):
    meetup = await a_meetup(cast, keys, 2)
    chloe = await registers(cast, meetup, keys, "chloe@example.org")
    theo = await registers(cast, meetup, keys, "theo@example.org")
    await registrations.mark_attended(chloe.id, cast.soon, by=cast.as_ana, now=cast.soon)
    with pytest.raises(registrations.AlreadyCame):
        await registrations.release(chloe.id, **acts(cast, keys))
    with pytest.raises(registrations.TooLateToRelease):
        await registrations.release(
            theo.id, **acts(cast, keys, now=cast.soon + timedelta(hours=3))
        )
    assert (await seating(cast, meetup))["taken"] == 2
    await registrations.mark_attended(chloe.id, None, by=cast.as_ana, now=cast.soon)
    await registrations.release(chloe.id, **acts(cast, keys))
    with pytest.raises(NotFound):
        await registrations.mark_attended(uuid4(), cast.soon, by=cast.as_ana, now=cast.soon)


async def test_a_larger_meetup_takes_the_line_in_and_a_smaller_one_refuses(cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    for n in range(4):
        await registers(cast, meetup, keys, f"p{n}@example.org")
    assert await registrations.resize_meetup(meetup, 3, **acts(cast, keys)) == 2
    assert [status for status, _ in (await statuses(cast, meetup)).values()] == [
        "confirmed",
        "confirmed",
        "confirmed",
        "waitlisted",
    ]
    with pytest.raises(meetups.BelowTaken):
        await registrations.resize_meetup(meetup, 2, **acts(cast, keys))
    over = acts(cast, keys, now=cast.soon + timedelta(hours=4))
    assert await registrations.resize_meetup(meetup, 9, **over) == 0


async def test_counts_and_filters_agree(cast, keys):
    meetup = await a_meetup(cast, keys, 3)
    made = [await registers(cast, meetup, keys, f"p{n}@example.org") for n in range(5)]
    await registrations.release(made[0].id, **acts(cast, keys))
    await registrations.mark_attended(made[1].id, cast.soon, by=cast.as_ana, now=cast.soon)
    door = {"keys": keys, "by": cast.as_ana, "now": cast.soon}
    guest = await registrations.walk_in(meetup, name="Malo", override_reason="Ami", **door)
    await registrations.mark_attended(guest.id, cast.soon, by=cast.as_ana, now=cast.soon)
    async with scoped(cast.as_ana):
        before = await registrations.counts(meetup.id)
        await meetups.close(meetup, by=cast.as_ana, now=cast.soon + timedelta(hours=4))
        after = await registrations.counts(meetup.id)
        seen = {
            shown: len(await registrations.listing(meetup.id, status=shown))
            for shown in Shown
        }
    assert (before.no_show, after.no_show) == (0, 2)
    assert (after.registered, after.walk_in, after.attended) == (3, 1, 2)
    assert (after.waitlisted, after.cancelled, after.lost_draw) == (1, 1, 0)
    for shown, number in seen.items():
        name = "registered" if shown is Shown.CONFIRMED else shown.value
        assert getattr(after, name) == number


async def test_search_ignores_accents_and_takes_signs_as_they_are(cast, keys):
    meetup = await a_meetup(cast, keys, 9)
    await registers(cast, meetup, keys, "un@example.org", name="Inès Élouard")
    await registers(cast, meetup, keys, "deux@example.org", name="100 %")
    async with scoped(cast.as_ana):
        found = [
            [line.name for line in await registrations.listing(meetup.id, search=text)]
            for text in ("ines elou", "%", "_", "DEUX@", "\\")
        ]
    assert found == [["Inès Élouard"], ["100 %"], [], ["100 %"], []]


async def test_lists_are_read_on_by_key(cast, keys):
    meetup = await a_meetup(cast, keys, 9)
    made = [await registers(cast, meetup, keys, f"p{n}@example.org") for n in range(5)]
    async with scoped(cast.as_ana):
        first = await registrations.listing(meetup.id, limit=2)
        rest = await registrations.listing(meetup.id, after=first[-1].id)
    assert [line.id for line in first + rest] == [one_.id for one_ in made]


async def test_a_replaced_code_is_told_apart_from_an_unknown_one(cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    old = _code(meetup, made.id, keys, 0)
    await registrations.replace_code(made.id, **acts(cast, keys))
    new = _code(meetup, made.id, keys, 1)
    async with scoped(cast.as_ana):
        assert (await registrations.by_code(new.signed)).id == made.id
        typed = tickets.read(new.typed)
        assert (await registrations.by_code(typed, meetup, keys)).id == made.id
        with pytest.raises(registrations.CodeReplaced):
            await registrations.by_code(old.signed)
        for unknown in (_code(meetup, uuid4(), keys, 0).signed, typed):
            with pytest.raises(NotFound) as no:
                await registrations.by_code(unknown)
            assert not isinstance(no.value, registrations.CodeReplaced)
    assert (await registrations.by_ticket(new.text)).id == made.id
    with pytest.raises(registrations.CodeReplaced):
        await registrations.by_ticket(old.text)
    for nothing in ("", "K7PM-42XD", "x" * 5000):
        with pytest.raises(NotFound):
            await registrations.by_ticket(nothing)
    # The first letter was not yet written when its code was replaced: one tells it all.
    assert await kinds_to("chloe@example.org") == ["confirmed"]
    await registrations.release(made.id, **acts(cast, keys))
    with pytest.raises(registrations.RegistrationClosed):
        await registrations.replace_code(made.id, **acts(cast, keys))


def _code(meetup, id_, keys, rotation):
    return tickets.issue(
        keys,
        meetup_id=meetup.id,
        meetup_number=meetup.number,
        registration_id=id_,
        rotation=rotation,
    )


async def test_a_link_opens_its_registration_whatever_its_case(cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    link = tickets.capability(keys, meetup.id, made.id, 0)
    assert (await registrations.by_capability(link.upper())).id == made.id
    with pytest.raises(NotFound):
        await registrations.by_capability("nothing")


async def test_spoken_codes_that_collide_are_drawn_again(cast, keys, monkeypatch):
    meetup = await a_meetup(cast, keys)
    await registers(cast, meetup, keys, "one@example.org")
    async with scoped(cast.as_ana):
        taken = (await one("SELECT typed_hash FROM registration"))["typed_hash"]
    issue, drawn = tickets.issue, []

    def unlucky(keys, **about):
        drawn.append(about["rotation"])
        code = issue(keys, **about)
        if about["rotation"] < unlucky.until:
            object.__setattr__(code, "typed_hash", taken)
        return code

    unlucky.until = 1
    monkeypatch.setattr(tickets, "issue", unlucky)
    made = await registers(cast, meetup, keys, "two@example.org")
    async with scoped(cast.as_ana):
        assert (await find(registrations.Registration, made.id)).rotation == 1
    member = await _member(cast, "three@example.org")
    await registrations.import_attendance(
        meetup, [Past(member)], keys=keys, by=cast.as_ana, now=cast.now
    )
    unlucky.until = 99
    with pytest.raises(Busy):
        await registers(cast, meetup, keys, "four@example.org")
    assert (await seating(cast, meetup))["taken"] == 3


async def _member(who, email):
    async with scoped(who.as_ana):
        return await members.known(
            email, name="", language="fr", by=who.as_ana, now=who.now
        )


async def test_an_attendance_from_elsewhere_is_taken_over_once(cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    came = [await _member(cast, f"p{n}@example.org") for n in range(3)]
    rows = [
        Past(came[0], attended_at=cast.soon),
        Past(came[1], attended_at=cast.soon, registered_at=cast.now),
        Past(came[2], Status.CANCELLED),
    ]
    given = {"keys": keys, "by": cast.as_ana, "now": cast.soon}
    first = await registrations.import_attendance(meetup, rows, **given)
    again = await registrations.import_attendance(meetup, rows, **given)
    assert (first.added, first.attended, first.unchanged) == (3, 0, 0)
    assert (again.added, again.attended, again.unchanged) == (0, 0, 3)
    assert dict(await seating(cast, meetup)) == {"capacity": 2, "taken": 2, "next_wait": 1}
    absent = await _member(cast, "absent@example.org")
    await registrations.import_attendance(meetup, [Past(absent)], **given)
    late = await registrations.import_attendance(
        meetup, [Past(absent, attended_at=cast.soon)], **given
    )
    assert late.attended == 1
    with pytest.raises(Invalid):
        await registrations.import_attendance(
            meetup, [Past(absent, Status.WAITLISTED)], **given
        )


async def test_linking_is_a_yes_of_its_own(cast, keys):
    meetup = await a_meetup(cast, keys)
    by, now = cast.as_ana, cast.now
    async with scoped(by):
        forum = await channels.make_channel(
            meetup.community_id, "Forum", ChannelKind.DISCOURSE, by=by, now=now
        )
    linking = Linking("@Chloe", forum.id, "Relier ma venue")
    await registers(cast, meetup, keys, "chloe@example.org", linking=linking)
    await registers(cast, meetup, keys, "theo@example.org")
    async with scoped(by):
        rows = await sql("SELECT email, id, linking_agreed_at FROM member ORDER BY email")
        said = await consents.answers(rows[0]["id"])
        names = await identities.identities_of(rows[0]["id"])
    assert [row["linking_agreed_at"] for row in rows] == [now, None]
    assert [(answer.purpose.value, answer.is_given) for answer in said] == [
        ("linking", True)
    ]
    assert [name.handle for name in names] == ["chloe"]


async def test_nothing_of_another_workspace_can_be_touched(cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    theirs = acts(cast, keys, by=cast.as_dov, workspace=cast.elsewhere)
    dov = {"by": cast.as_dov, "now": cast.now}
    for attempt in (
        lambda: registrations.release(made.id, **theirs),
        lambda: registrations.admit(made.id, **theirs),
        lambda: registrations.replace_code(made.id, **theirs),
        lambda: registrations.mark_attended(made.id, cast.now, **dov),
        lambda: registrations.walk_in(meetup, name="Malo", keys=keys, **dov),
        lambda: registrations.cancel_meetup(meetup, "", **dov),
        lambda: registrations.resize_meetup(meetup, 9, **theirs),
        lambda: registrations.import_attendance(meetup, [], keys=keys, **dov),
        lambda: registers(cast, meetup, keys, "eve@example.org", by=cast.as_dov),
    ):
        with pytest.raises(NotFound):
            await attempt()
    async with scoped(cast.as_dov):
        assert await registrations.listing(meetup.id) == []
        assert (await registrations.counts(meetup.id)).registered == 0
        with pytest.raises(NotFound):
            await registrations.by_code(_code(meetup, made.id, keys, 0).signed)


@pytest.mark.usefixtures("app")
async def test_moving_a_meetup_tells_and_resizing_it_promotes(cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    await registers(cast, meetup, keys, "chloe@example.org")
    await registers(cast, meetup, keys, "theo@example.org")
    await world.do_jobs()
    wanted = Plan(
        title="On joue",
        community_id=meetup.community_id,
        starts_at=meetup.starts_at,
        ends_at=meetup.ends_at,
        time_zone="Europe/Paris",
        capacity=2,
        representative="Ana",
    )
    await registrations.change_meetup(meetup, wanted, **acts(cast, keys))
    assert "tell_registered" not in await world.do_jobs()
    assert await kinds_to("theo@example.org") == ["waitlisted", "promoted"]
    moved = Plan(
        **{
            name: getattr(wanted, name)
            for name in wanted.__struct_fields__
            if name != "ends_at"
        },
        ends_at=meetup.ends_at + timedelta(hours=1),
    )
    await registrations.change_meetup(meetup, moved, **acts(cast, keys))
    await world.do_jobs()
    assert (await kinds_to("theo@example.org"))[-1] == "meetup_changed"
    over = acts(cast, keys, now=cast.soon + timedelta(days=2))
    await registrations.change_meetup(meetup, wanted, **over)
    assert await world.do_jobs() == []


async def test_a_walk_in_who_leaves_frees_her_place_and_gets_no_letter(cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    guest = await registrations.walk_in(
        meetup, name="Soraya", keys=keys, by=cast.as_ana, now=cast.now
    )
    await registers(cast, meetup, keys, "theo@example.org")
    await registrations.release(guest.id, **acts(cast, keys))
    assert await statuses(cast, meetup) == {
        "Soraya": ("cancelled", None),
        "theo@example.org": ("confirmed", None),
    }


@pytest.mark.pure
def test_an_older_key_still_prints_what_it_printed(settings):
    older = replace(settings, secret_key=b"an older secret of this very installation")
    both = replace(settings, previous_secret_key=older.secret_key)
    now, then = tickets.keys_of(both), tickets.keys_of(older)
    assert now.current == tickets.keys_of(settings).current
    about = {
        "meetup_id": uuid4(),
        "meetup_number": 7,
        "registration_id": uuid4(),
        "rotation": 0,
    }
    assert tickets.issue(now.at(then.current), **about) == tickets.issue(then, **about)


@pytest.mark.pure
def test_two_keys_that_tickets_could_not_tell_apart_are_refused(settings):
    twin = next(
        secret
        for secret in (b"a secret of 32 bytes or even more %d" % n for n in range(10_000))
        if tickets.key_id(secret) == tickets.key_id(settings.secret_key)
    )
    with pytest.raises(BadSettings, match="PREVIOUS"):
        check(replace(settings, previous_secret_key=twin))
