"""A series has its dates; one, the following ones or all of them change."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta

import msgspec
import pytest

from events.admission import followers, registrations, tickets, timetables
from events.admission.followers import Herald, News
from events.admission.timetables import Reach
from events.engagement import plans
from events.people import members
from events.planning import drafts, meetups, rearrangements, recurrences, series
from events.planning.meetups import Meetup
from events.planning.postponements import NewDate
from events.planning.recurrences import Rhythm
from events.planning.series import Template
from server.database import find, scoped, sql
from server.demo import evenings_to_come
from server.demo.making import Maker
from server.errors import Invalid, NotFound
from server.mail import Postman
from tests import world
from tests.planning.evenings import a_community, registers

FIRST_THURSDAY = Rhythm(
    rule="FREQ=MONTHLY;BYDAY=1TH",
    starts_on=date(2026, 12, 3),
    starts_time=time(19),
    minutes=180,
    time_zone="Europe/Paris",
)
EVERY = {"since": date(2026, 1, 1), "until": date(2027, 12, 31)}


async def a_series(who, name="L’apéro", rhythm=FIRST_THURSDAY, by=None, **facts):
    by = by or who.as_ana
    community = await a_community(who, f"C {name}", by)
    template = Template(name=name, capacity=12, representative="Ana", **facts)
    made = await series.make_new(template, community_id=community, by=by, now=who.now)
    if rhythm:
        await recurrences.begin(made.id, rhythm, by=by, now=who.now)
    return made


@pytest.fixture
def key_id(settings):
    return tickets.keys_of(settings).current


@pytest.fixture
def desk(cast, settings):
    return timetables.Desk(cast.orbelune, world.ORIGIN, tickets.keys_of(settings))


async def prepared(who, line, key_id, ahead=3, by=None):
    return await drafts.prepare(
        line.id, ahead=ahead, key_id=key_id, by=by or who.as_ana, now=who.now
    )


async def dates_of(who, line, count=4, **facts):
    async with scoped(who.as_ana):
        found = await recurrences.editions(line.id, **(EVERY | facts))
    return [f"{one.occurs_on:%m-%d}" for one in found][:count]


async def kept(who, id_):
    async with scoped(who.as_ana):
        return await find(Meetup, id_)


# Dates


async def test_the_dates_of_a_rule_are_editions_without_a_meetup(cast):
    line = await a_series(cast)
    async with scoped(cast.as_ana):
        found = await recurrences.editions(line.id, **EVERY)
    assert len(found) == 13
    assert found[0].starts_at == datetime(2026, 12, 3, 18, tzinfo=UTC)
    assert found[6].starts_at == datetime(2027, 6, 3, 17, tzinfo=UTC)
    assert found[0].meetup_id is None
    assert not found[0].is_moved


async def test_wrong_dates_are_each_told(cast):
    line = await a_series(cast, rhythm=None)
    replaced = msgspec.structs.replace
    wrong = [
        ({"minutes": 0}, "minutes"),
        ({"starts_on": date(1999, 1, 7)}, "starts_on"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"rule": "FREQ=NEVER"}, "rule"),
        ({"starts_on": date(2026, 12, 4)}, "starts_on"),
    ]
    for change, name in wrong:
        with pytest.raises(Invalid) as no:
            await recurrences.begin(
                line.id, replaced(FIRST_THURSDAY, **change), by=cast.as_ana, now=cast.now
            )
        assert name in no.value.fields
    with pytest.raises(NotFound):
        await recurrences.begin(line.id, FIRST_THURSDAY, by=cast.as_dov, now=cast.now)


async def test_a_series_has_its_dates_once(cast):
    line = await a_series(cast)
    with pytest.raises(recurrences.HasItsDates):
        await recurrences.begin(line.id, FIRST_THURSDAY, by=cast.as_ana, now=cast.now)


# Drafts


async def test_the_next_dates_become_drafts_once(cast, key_id):
    line = await a_series(cast)
    made = await prepared(cast, line, key_id)
    assert [one.occurs_on for one in made] == [
        *(date(2026, 12, 3), date(2027, 1, 7), date(2027, 2, 4)),
    ]
    assert await prepared(cast, line, key_id) == []
    one = await drafts.prepare_one(
        line.id, date(2027, 1, 7), key_id=key_id, by=cast.as_ana, now=cast.now
    )
    assert one.id == made[1].id
    later = await drafts.prepare_one(
        line.id, date(2027, 4, 1), key_id=key_id, by=cast.as_ana, now=cast.now
    )
    assert (later.title, later.published_at) == ("L’apéro", None)
    with pytest.raises(NotFound):
        await drafts.prepare_one(
            line.id, date(2027, 4, 2), key_id=key_id, by=cast.as_ana, now=cast.now
        )


async def test_a_series_without_a_number_of_places_prepares_nothing(cast, key_id):
    line = await a_series(cast)
    await series.reshape(line.id, Template(name="L’apéro"), by=cast.as_ana, now=cast.now)
    with pytest.raises(drafts.NeedsCapacity):
        await prepared(cast, line, key_id)


async def test_every_night_the_next_editions_are_prepared(cast, settings, key_id):
    line = await a_series(cast)
    blocked = await a_series(cast, "Sans fin", by=cast.as_dov)
    await rearrangements.stop(blocked.id, by=cast.as_dov, now=cast.now)
    await Herald(settings).prepare_editions(cast.now)
    async with scoped(cast.as_ana):
        assert (await series.series_by_slug(line.slug)).meetups == 3
    async with scoped(cast.as_dov):
        assert (await series.series_by_slug(blocked.slug)).meetups == 0


# One date


async def test_a_date_taken_out_takes_its_draft_along_and_may_come_back(cast, key_id):
    line = await a_series(cast)
    made = await prepared(cast, line, key_id)
    await recurrences.skip(line.id, date(2027, 1, 7), by=cast.as_ana, now=cast.now)
    assert await dates_of(cast, line, 3) == ["12-03", "02-04", "03-04"]
    gone = await kept(cast, made[1].id)
    assert gone.cancelled_at is not None
    assert gone.recurrence_id is None
    with pytest.raises(NotFound):
        await recurrences.skip(line.id, date(2027, 1, 7), by=cast.as_ana, now=cast.now)
    await recurrences.restore(line.id, date(2027, 1, 7), by=cast.as_ana, now=cast.now)
    assert await dates_of(cast, line, 2) == ["12-03", "01-07"]
    with pytest.raises(NotFound):
        await recurrences.restore(line.id, date(2027, 1, 7), by=cast.as_ana, now=cast.now)
    async with scoped(cast.as_ana):
        (rule,) = await recurrences.rules_of(line.id)
    assert rule.sequence == 2


async def test_a_published_edition_is_cancelled_not_taken_out(cast, key_id):
    line = await a_series(cast)
    made = await prepared(cast, line, key_id)
    await plans.publish(made[0], by=cast.as_ana, now=cast.now)
    with pytest.raises(recurrences.EditionPublished):
        await recurrences.skip(line.id, date(2026, 12, 3), by=cast.as_ana, now=cast.now)


async def test_one_edition_that_moves_keeps_its_date_and_stands_apart(cast, key_id, desk):
    line = await a_series(cast)
    made = await prepared(cast, line, key_id)
    wanted = timetables.plan_of(made[0], 12)
    day = timedelta(days=1)
    await meetups.change(
        made[0],
        msgspec.structs.replace(
            wanted, starts_at=wanted.starts_at + day, ends_at=wanted.ends_at + day
        ),
        by=cast.as_ana,
        now=cast.now,
    )
    async with scoped(cast.as_ana):
        first = (await recurrences.editions(line.id, **EVERY))[0]
    assert first.is_moved
    assert first.is_apart
    assert first.occurs_on == date(2026, 12, 3)


# This and the following ones, or all


async def changed(who, line, desk, since=None, *, include_apart=False, **facts):
    return await timetables.rearrange(
        line.id,
        since,
        msgspec.structs.replace(FIRST_THURSDAY, **facts),
        include_apart=include_apart,
        desk=desk,
        by=who.as_ana,
        now=who.now,
    )


TUESDAYS = {"rule": "FREQ=MONTHLY;BYDAY=1TU", "starts_on": date(2027, 1, 5)}


async def test_from_a_date_on_the_following_ones_move_and_people_are_told(
    cast, settings, key_id, desk
):
    line = await a_series(cast)
    made = await prepared(cast, line, key_id)
    for one in made:
        await plans.publish(one, by=cast.as_ana, now=cast.now)
    await registers(cast, settings, made[1], "chloe@example.org")
    done = await changed(cast, line, desk, date(2027, 1, 7), **TUESDAYS)
    assert (done.moved, done.told, done.left) == (2, 1, 0)
    assert await dates_of(cast, line, 4) == ["12-03", "01-05", "02-02", "03-02"]
    async with scoped(cast.as_ana):
        old, new = await recurrences.rules_of(line.id)
    assert old.rule == "FREQ=MONTHLY;BYDAY=1TH;UNTIL=20261203"
    assert (old.sequence, new.sequence) == (1, 0)
    second = await kept(cast, made[1].id)
    assert second.occurs_on == date(2027, 1, 5)
    assert second.recurrence_id == new.id
    assert not second.is_apart
    await world.do_jobs("tell_registered")
    kinds = [row["kind"] for row in await world.letters_to("chloe@example.org")]
    assert set(kinds) == {"confirmed", "meetup_changed"}


async def test_all_to_come_change_in_place_when_none_has_taken_place(cast, key_id, desk):
    line = await a_series(cast)
    await prepared(cast, line, key_id)
    done = await changed(cast, line, desk, starts_time=time(20), minutes=120)
    assert done.moved == 3
    async with scoped(cast.as_ana):
        (rule,) = await recurrences.rules_of(line.id)
        found = await recurrences.editions(line.id, **EVERY)
    assert rule.sequence == 1
    assert found[0].starts_at.hour == 19
    assert not any(one.is_moved for one in found)


async def test_one_changed_by_itself_stays_unless_asked(cast, key_id, desk):
    line = await a_series(cast)
    made = await prepared(cast, line, key_id)
    wanted = msgspec.structs.replace(timetables.plan_of(made[1], 12), title="Spéciale")
    await meetups.change(made[1], wanted, by=cast.as_ana, now=cast.now)
    done = await changed(cast, line, desk, starts_time=time(20))
    assert (done.moved, done.apart) == (2, 1)
    assert (await kept(cast, made[1].id)).starts_at == made[1].starts_at
    done = await changed(cast, line, desk, starts_time=time(21), include_apart=True)
    assert (done.moved, done.apart) == (3, 0)
    last = await kept(cast, made[1].id)
    assert (last.starts_at.hour, last.title, last.is_apart) == (20, "Spéciale", False)


async def test_another_rhythm_keeps_what_it_names_and_lets_go_of_the_rest(
    cast, key_id, desk
):
    line = await a_series(cast)
    made = await prepared(cast, line, key_id)
    await plans.publish(made[1], by=cast.as_ana, now=cast.now)
    done = await changed(
        cast, line, desk, rule="FREQ=MONTHLY;INTERVAL=2;BYDAY=1TH"
    )  # 7 January is gone
    assert done.left == 1
    stays = await kept(cast, made[1].id)
    assert (stays.recurrence_id, stays.cancelled_at) == (None, None)
    assert (await kept(cast, made[2].id)).occurs_on == date(2027, 2, 4)


async def test_a_shorter_series_calls_its_last_drafts_off(cast, key_id, desk):
    line = await a_series(cast)
    made = await prepared(cast, line, key_id)
    await recurrences.skip(line.id, date(2027, 3, 4), by=cast.as_ana, now=cast.now)
    done = await changed(
        cast, line, desk, rule="FREQ=MONTHLY;BYDAY=1TU;COUNT=2", starts_on=date(2026, 12, 1)
    )
    assert (done.moved, done.left) == (2, 1)
    assert (await kept(cast, made[2].id)).cancelled_at is not None
    assert await dates_of(cast, line, 9) == ["12-01", "01-05"]


async def test_a_date_taken_out_stays_out_under_the_new_rule(cast, desk):
    line = await a_series(cast)
    await recurrences.skip(line.id, date(2027, 2, 4), by=cast.as_ana, now=cast.now)
    await changed(cast, line, desk, date(2027, 1, 7), **TUESDAYS)
    assert await dates_of(cast, line, 4) == ["12-03", "01-05", "03-02", "04-06"]


async def test_a_second_change_replaces_the_later_rules(cast, key_id, desk):
    line = await a_series(cast)
    await prepared(cast, line, key_id, ahead=4)
    await changed(
        cast,
        line,
        desk,
        date(2027, 2, 4),
        rule="FREQ=MONTHLY;BYDAY=1TU",
        starts_on=date(2027, 2, 2),
    )
    await changed(
        cast,
        line,
        desk,
        date(2027, 1, 7),
        rule="FREQ=MONTHLY;BYDAY=1FR",
        starts_on=date(2027, 1, 1),
    )
    async with scoped(cast.as_ana):
        found = await recurrences.editions(line.id, **EVERY)
        assert len(await recurrences.rules_of(line.id)) == 2
    assert [f"{one.occurs_on:%m-%d}" for one in found][:4] == [
        *("12-03", "01-01", "02-05", "03-05"),
    ]
    assert [one.meetup_id is not None for one in found][:5] == [
        True,
        True,
        True,
        True,
        False,
    ]


async def test_a_change_begins_at_a_date_to_come_and_after_what_stays(cast, desk):
    line = await a_series(cast)
    with pytest.raises(Invalid) as no:
        await changed(cast, line, desk, date(2027, 1, 8))
    assert "since" in no.value.fields
    with pytest.raises(Invalid):
        await changed(cast, line, desk, date(2040, 1, 8))
    with pytest.raises(Invalid) as no:
        await changed(cast, line, desk, date(2027, 1, 7), starts_on=date(2026, 12, 3))
    assert "starts_on" in no.value.fields


async def test_a_series_that_ends_has_no_date_and_may_go_on(cast, key_id, desk):
    line = await a_series(cast)
    made = await prepared(cast, line, key_id)
    await plans.publish(made[0], by=cast.as_ana, now=cast.now)
    assert await rearrangements.stop(line.id, by=cast.as_ana, now=cast.now) == 1
    assert await dates_of(cast, line) == []
    assert (await kept(cast, made[0].id)).cancelled_at is None
    assert (await kept(cast, made[1].id)).cancelled_at is not None
    with pytest.raises(rearrangements.NothingToCome):
        await changed(cast, line, desk)
    await recurrences.begin(line.id, FIRST_THURSDAY, by=cast.as_ana, now=cast.now)
    assert len(await prepared(cast, line, key_id)) == 3


async def test_a_series_that_has_begun_ends_after_its_last_date(cast):
    line = await a_series(cast)
    async with scoped(cast.as_ana):
        later = cast.now + timedelta(days=60)
    assert await rearrangements.stop(line.id, by=cast.as_ana, now=later) == 0
    assert await dates_of(cast, line) == ["12-03"]


# What each edition is


async def test_a_template_reaches_as_far_as_one_says(cast, key_id, desk):
    line = await a_series(cast)
    made = await prepared(cast, line, key_id)
    own = msgspec.structs.replace(timetables.plan_of(made[2], 12), title="Spéciale")
    await meetups.change(made[2], own, by=cast.as_ana, now=cast.now)

    async def titles(name, reach):
        wanted = Template(name=name, capacity=12, representative="Ana")
        done = await timetables.reshape(
            line.id, wanted, reach, desk=desk, by=cast.as_ana, now=cast.now
        )
        return done.moved, [(await kept(cast, one.id)).title for one in made]

    assert await titles("Un", Reach.NEW) == (0, ["L’apéro", "L’apéro", "Spéciale"])
    assert await titles("Deux", Reach.PREPARED) == (2, ["Deux", "Deux", "Spéciale"])
    assert await titles("Trois", Reach.ALL) == (3, ["Trois", "Trois", "Trois"])


async def test_a_template_that_cannot_stand_is_refused(cast, desk):
    line = await a_series(cast)
    for template, name in (
        (Template(name="…"), "name"),
        (Template(name="A", capacity=0), "capacity"),
        (Template(name="A", programme="plus tard"), "programme"),
    ):
        with pytest.raises(Invalid) as no:
            await series.reshape(line.id, template, by=cast.as_ana, now=cast.now)
        assert name in no.value.fields
    community = await a_community(cast, "Autre")
    taken = Template(name="L’APÉRO")
    with pytest.raises(Invalid):
        await series.make_new(taken, community_id=community, by=cast.as_ana, now=cast.now)
    for template in (Template(name="A", venue_id=line.id), Template(name="A")):
        with pytest.raises(NotFound):
            await series.reshape(line.id, template, by=cast.as_dov, now=cast.now)
    with pytest.raises(NotFound):
        await series.announce(line.id, by=cast.as_dov, now=cast.now)


# Followers


async def follows(who, settings, line, email="chloe@example.org", *, yes=True):
    keys = tickets.keys_of(settings)
    await followers.follow(
        line,
        name="Chloé",
        email=email,
        language="fr",
        origin=world.ORIGIN,
        workspace=who.orbelune,
        keys=keys,
        by=who.as_ana,
        now=who.now,
    )
    (row,) = await _ids(who, email)
    token = followers.token_of(keys, row["id"])
    if yes:
        await followers.confirm(token, series_id=line.id, by=who.as_ana, now=who.now)
    return token


async def _ids(who, email):
    async with scoped(who.as_ana):
        return await sql(
            "SELECT f.id FROM follower f JOIN member m ON m.workspace_id = f.workspace_id"
            " AND m.id = f.member_id WHERE m.email = $1 AND f.ended_at IS NULL",
            email,
        )


@pytest.mark.usefixtures("app")
async def test_whoever_follows_is_told_of_each_edition_once(cast, settings, key_id):
    line = await a_series(cast)
    token = await follows(cast, settings, line)
    await follows(cast, settings, line, "silent@example.org", yes=False)
    await prepared(cast, line, key_id)
    assert await plans.publish_prepared(line.id, by=cast.as_ana, now=cast.now) == 3
    await world.do_jobs("tell_followers")
    letters = await world.letters_to("chloe@example.org")
    assert [one["kind"] for one in letters] == ["follow", "edition", "edition", "edition"]
    assert token in letters[1]["unsubscribe_href"]
    assert token in letters[1]["body_text"]
    assert [one["kind"] for one in await world.letters_to("silent@example.org")] == [
        "follow"
    ]
    await followers.stop(token, series_id=line.id, by=cast.as_ana, now=cast.now)
    await followers.stop(token, series_id=line.id, by=cast.as_ana, now=cast.now)
    with pytest.raises(NotFound):
        await followers.confirm(token, series_id=line.id, by=cast.as_ana, now=cast.now)
    async with scoped(cast.as_ana):
        assert await followers.counted(line.id) == 0


async def test_the_letter_can_be_stopped_by_one_gesture(
    app, cast, settings, monkeypatch, key_id
):
    sent = []
    await world.do_jobs()

    async def keep(_postman, message):
        sent.append(message)

    monkeypatch.setattr(Postman, "_send", keep)
    line = await a_series(cast)
    await follows(cast, settings, line)
    await prepared(cast, line, key_id, ahead=1)
    await plans.publish_prepared(line.id, by=cast.as_ana, now=cast.now)
    await world.do_jobs()
    asked, told = sent
    assert asked["List-Unsubscribe"] is None
    assert told["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "/following/" in told["List-Unsubscribe"]


async def test_a_wish_nobody_confirms_is_forgotten_after_a_month(cast, settings):
    line = await a_series(cast)
    await follows(cast, settings, line, yes=False)
    herald = Herald(settings)
    await herald.forget_unanswered(cast.now + timedelta(days=29))
    assert len(await _ids(cast, "chloe@example.org")) == 1
    async with scoped(cast.as_ana):
        assert await sql("SELECT FROM member WHERE email = 'chloe@example.org'")
    await follows(cast, settings, line, "registered@example.org", yes=False)
    await members.known(
        "registered@example.org", name="Rim", language="fr", by=cast.as_ana, now=cast.now
    )
    await herald.forget_unanswered(cast.now + timedelta(days=31))
    async with scoped(cast.as_ana):
        kept = await sql(
            "SELECT name, wished_at FROM member WHERE email LIKE '%@example.org'"
        )
        assert [tuple(row.values()) for row in kept] == [("Rim", None)]
    assert await _ids(cast, "chloe@example.org") == []


async def test_asking_twice_is_one_follower_and_two_letters(cast, settings):
    line = await a_series(cast)
    await follows(cast, settings, line)
    cast.now += timedelta(hours=1)
    await follows(cast, settings, line)
    letters = await world.letters_to("chloe@example.org")
    assert len(letters) == 2
    assert letters[0]["subject"] != letters[1]["subject"]


async def an_edition(cast, line, key_id):
    (made,) = await prepared(cast, line, key_id, ahead=1)
    await plans.publish(made, by=cast.as_ana, now=cast.now)
    return await read_again(cast, made)


async def read_again(cast, meetup):
    async with scoped(cast.as_ana):
        return await find(Meetup, meetup.id)


async def told_since_following(email="chloe@example.org"):
    await world.do_jobs("tell_followers", "tell_registered")
    return [
        (one["kind"], one["subject"].partition("\xa0")[0].partition(":")[0].strip())
        for one in (await world.letters_to(email))[1:]
    ]


@pytest.fixture
def sender(cast, desk):
    return {
        "origin": desk.origin,
        "workspace": desk.look,
        "keys": desk.keys,
        "by": cast.as_ana,
        "now": cast.now,
    }


@pytest.mark.usefixtures("app")
async def test_an_edition_called_off_at_once_is_not_told_as_open(cast, settings, key_id):
    line = await a_series(cast)
    await follows(cast, settings, line)
    made = await an_edition(cast, line, key_id)
    await registrations.cancel_meetup(made, "Fuite.", by=cast.as_ana, now=cast.now)
    assert await told_since_following() == [("edition_changed", "Annulée")]
    letter = (await world.letters_to("chloe@example.org"))[-1]
    assert "Fuite." in letter["body_text"]
    assert "vous n’avez rien à faire" in letter["body_text"]


@pytest.mark.usefixtures("app")
async def test_followers_are_told_of_what_changes_once_each(cast, settings, key_id, sender):
    line = await a_series(cast)
    token = await follows(cast, settings, line)
    await follows(cast, settings, line, "theo@example.org")
    await follows(cast, settings, line, "gone@example.org", yes=False)
    made = await an_edition(cast, line, key_id)
    assert await told_since_following() == [("edition", made.title)]
    await registers(cast, settings, made, "theo@example.org")
    await registrations.postpone_meetup(made, None, "Travaux.", **sender)
    heard = [("edition", made.title), ("edition_changed", "Reportée")]
    assert await told_since_following() == heard
    later = NewDate(made.starts_at + timedelta(days=7), made.ends_at + timedelta(days=7))
    for _ in range(2):
        moved = await read_again(cast, made)
        await registrations.postpone_meetup(moved, later, "Salle trouvée.", **sender)
        later = NewDate(
            later.starts_at + timedelta(days=1), later.ends_at + timedelta(days=1)
        )
    heard.append(("edition_changed", "Nouvelle heure ou nouveau lieu"))
    assert await told_since_following() == heard
    assert await told_since_following() == heard
    letter = (await world.letters_to("chloe@example.org"))[-1]
    assert "Salle trouvée." in letter["body_text"]
    assert letter["unsubscribe_href"].endswith(f"/following/{token}/stop")
    assert letter["unsubscribe_href"] in letter["body_html"]
    assert await told_since_following("gone@example.org") == []
    # Whoever registered has letters of his own; the one about the postponement had not left.
    his = [kind for kind, _ in await told_since_following("theo@example.org")]
    assert his == ["edition", "meetup_changed"]
    await registrations.cancel_meetup(moved, "", by=cast.as_ana, now=cast.now)
    assert (await told_since_following())[-1] == ("edition_changed", "Annulée")


@pytest.mark.usefixtures("app")
async def test_a_draft_that_changes_is_nobodys_news(cast, settings, key_id):
    line = await a_series(cast)
    await follows(cast, settings, line)
    (made,) = await prepared(cast, line, key_id, ahead=1)
    await registrations.cancel_meetup(made, "", by=cast.as_ana, now=cast.now)
    assert await told_since_following() == []


@pytest.mark.parametrize("news", News)
@pytest.mark.parametrize("stage", meetups.Stage)
def test_news_is_told_only_while_it_holds(news, stage):
    true = {
        meetups.Stage.PUBLISHED: {News.OPEN, News.MOVED},
        meetups.Stage.POSTPONED: {News.POSTPONED},
        meetups.Stage.CANCELLED: {News.CANCELLED},
    }
    assert followers.still_holds(news, stage) == (news in true.get(stage, set()))


# At once


@pytest.mark.committed
async def test_two_who_prepare_at_once_make_each_draft_once(cast, key_id):
    line = await a_series(cast)
    made = await asyncio.gather(*(prepared(cast, line, key_id) for _ in range(4)))
    assert sorted(len(some) for some in made) == [0, 0, 0, 3]


@pytest.mark.committed
async def test_a_change_and_a_preparation_at_once_agree(cast, key_id, desk):
    line = await a_series(cast)
    await asyncio.gather(
        prepared(cast, line, key_id),
        changed(
            cast, line, desk, rule="FREQ=MONTHLY;BYDAY=1TU", starts_on=date(2026, 12, 1)
        ),
        return_exceptions=False,
    )
    async with scoped(cast.as_ana):
        found = await recurrences.editions(line.id, **EVERY)
    assert [one.meetup_id is not None for one in found][:4] == [True, True, True, False]
    assert not any(one.is_moved for one in found)


# The demo


async def test_the_demo_gives_its_series_dates_and_followers(app, cast, settings):
    maker = Maker(settings, cast.orbelune, cast.as_ana)
    maker.community_id = await a_community(cast)
    await evenings_to_come.add(maker, now=cast.now)
    async with scoped(cast.as_ana):
        (line,) = await series.listing(cast.now)
    assert (line.meetups, line.drafts, line.followers) == (3, 2, 2)
