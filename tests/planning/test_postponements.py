"""A meetup is put off without anybody losing a place, and comes back under its own name."""

import asyncio
from datetime import UTC, datetime, time, timedelta

import icalendar
import pytest

from events.admission import letters, places, registrations, tickets
from events.engagement import awaiting
from events.planning import meetups, postponements
from events.planning.meetups import Meetup, Plan, Stage
from events.planning.postponements import NewDate
from server import api_tokens
from server.database import find, scoped
from server.errors import Invalid, NotFound
from server.workspaces import Role
from tests import world
from tests.planning.evenings import a_meetup, registers, said


@pytest.fixture
async def ana(app, cast):
    async with world.browsing(app, cast.ana) as browser:
        yield browser


@pytest.fixture
async def machine(app, cast):
    token = await api_tokens.issue_token(
        "Planning",
        Role.MANAGER,
        ["read", "write"],
        account_id=cast.ana,
        by=cast.as_ana,
        now=cast.now,
    )
    async with world.browser_of(app, authorization=f"Bearer {token}") as browser:
        yield browser


async def a_coming_meetup(cast, settings, **facts):
    """A public meetup in a month by the clock on the wall, for whoever uses the pages."""
    day = datetime.now(UTC).date() + timedelta(days=30)
    starts_at = datetime.combine(day, time(18), UTC)
    facts = {"starts_at": starts_at, "ends_at": starts_at + timedelta(hours=3)} | facts
    return await a_meetup(cast, settings, **({"published": True} | facts))


def acts(who, settings):
    return {
        "origin": world.ORIGIN,
        "workspace": who.orbelune,
        "keys": tickets.keys_of(settings),
        "by": who.as_ana,
        "now": who.now,
    }


def a_month_later(meetup):
    later = timedelta(days=28)
    return NewDate(meetup.starts_at + later, meetup.ends_at + later)


async def again(meetup, cast):
    async with scoped(cast.as_ana):
        return await find(Meetup, meetup.id)


async def put_off(meetup, cast, settings, until=None, reason="La salle est fermée."):
    await registrations.postpone_meetup(meetup, until, reason, **acts(cast, settings))
    return await again(meetup, cast)


async def letters_of(email, kind):
    await world.do_jobs("tell_registered", "write_letters")
    return [one for one in await world.letters_to(email) if one["kind"] == kind]


async def entry_of(settings, cast, registration_id, name):
    """What a letter's calendar file says: method, status and sequence."""
    desk = letters.Desk(settings, lambda: None)
    made = await getattr(desk, name)(cast.orbelune.id, registration_id)
    if made is None:
        return None
    calendar = icalendar.Calendar.from_ical(made.content)
    (event,) = calendar.walk("VEVENT")
    return calendar["METHOD"], event["STATUS"], event["SEQUENCE"], str(event["UID"])


# Rules


async def test_a_postponed_meetup_is_neither_open_nor_over(cast, settings):
    meetup = await a_meetup(cast, settings, published=True)
    after = await put_off(meetup, cast, settings)
    for now in (cast.now, meetup.starts_at, meetup.ends_at + timedelta(days=90)):
        assert meetups.stage(after, now) is Stage.POSTPONED
        with pytest.raises(places.MeetupPostponed):
            places.check_open(after, now)


# Commands


async def test_places_are_kept_and_nobody_new_may_register(cast, settings):
    meetup = await a_meetup(cast, settings, published=True, capacity=1)
    await registers(cast, settings, meetup, "chloe@example.org")
    await registers(cast, settings, meetup, "theo@example.org")
    after = await put_off(meetup, cast, settings)
    async with scoped(cast.as_ana):
        room = await meetups.room(meetup.id)
    assert (room.taken, room.waiting) == (1, 1)
    with pytest.raises(places.MeetupPostponed):
        await registers(cast, settings, after, "zoe@example.org")
    with pytest.raises(places.MeetupPostponed):
        await registrations.walk_in(
            after,
            name="Zoé",
            keys=tickets.keys_of(settings),
            by=cast.as_ana,
            now=after.starts_at,
        )


async def test_each_registered_person_is_told_once_with_the_reason(cast, settings):
    meetup = await a_meetup(cast, settings, published=True, capacity=1)
    await registers(cast, settings, meetup, "chloe@example.org")
    await registers(cast, settings, meetup, "theo@example.org")
    await put_off(meetup, cast, settings)
    (hers,) = await letters_of("chloe@example.org", "meetup_postponed")
    assert "La salle est fermée." in hers["body_text"]
    assert "Votre place est gardée" in hers["body_text"]
    (his,) = await letters_of("theo@example.org", "meetup_postponed")
    assert "rang dans la file" in his["body_text"]


async def test_calendars_take_it_out_and_back_under_one_name(cast, settings):
    meetup = await a_meetup(cast, settings, published=True)
    made = await registers(cast, settings, meetup, "chloe@example.org")
    first = await entry_of(settings, cast, made.id, "invitation")
    assert await entry_of(settings, cast, made.id, "postponed") is None
    after = await put_off(meetup, cast, settings)
    assert await entry_of(settings, cast, made.id, "invitation") is None
    out = await entry_of(settings, cast, made.id, "postponed")
    assert out[:2] == ("CANCEL", "CANCELLED")
    await put_off(after, cast, settings, a_month_later(meetup), "")
    back = await entry_of(settings, cast, made.id, "invitation")
    assert back[:2] == ("REQUEST", "CONFIRMED")
    assert first[2] < out[2] < back[2]
    assert first[3] == out[3] == back[3]


async def test_the_feed_says_so_under_the_same_name(browser, cast, settings):
    meetup = await a_meetup(cast, settings, published=True)
    seen = []
    for until in (False, None, a_month_later(meetup)):
        if until is not False:
            await put_off(meetup, cast, settings, until)
        text = (await browser.get(f"/m/orbelune/{meetup.slug}.ics")).content
        (event,) = icalendar.Calendar.from_ical(text).walk("VEVENT")
        seen.append((str(event["UID"]), event["SEQUENCE"], str(event["STATUS"])))
    assert len({uid for uid, _, _ in seen}) == 1
    assert [status for _, _, status in seen] == ["CONFIRMED", "CANCELLED", "CONFIRMED"]
    assert seen[0][1] < seen[1][1] < seen[2][1]


async def test_a_new_date_opens_it_again_and_tells_everybody(cast, settings):
    meetup = await a_meetup(cast, settings, published=True, capacity=1)
    await registers(cast, settings, meetup, "chloe@example.org")
    after = await put_off(meetup, cast, settings)
    await letters_of("chloe@example.org", "meetup_postponed")
    back = await put_off(after, cast, settings, a_month_later(meetup), "Salle trouvée.")
    assert (back.postponed_at, meetups.stage(back, cast.now)) == (None, Stage.PUBLISHED)
    (letter,) = await letters_of("chloe@example.org", "meetup_changed")
    assert "Salle trouvée." in letter["body_text"]
    await registers(cast, settings, back, "theo@example.org")


async def test_a_date_known_at_once_needs_no_second_act(cast, settings):
    meetup = await a_meetup(cast, settings, published=True)
    await registers(cast, settings, meetup, "chloe@example.org")
    back = await put_off(meetup, cast, settings, a_month_later(meetup))
    assert back.starts_at == meetup.starts_at + timedelta(days=28)
    assert await letters_of("chloe@example.org", "meetup_postponed") == []
    (letter,) = await letters_of("chloe@example.org", "meetup_changed")
    assert "La salle est fermée." in letter["body_text"]


async def test_what_was_overtaken_is_not_written(cast, settings):
    meetup = await a_meetup(cast, settings, published=True)
    await registers(cast, settings, meetup, "chloe@example.org")
    after = await put_off(meetup, cast, settings)
    await put_off(after, cast, settings, a_month_later(meetup))
    assert await letters_of("chloe@example.org", "meetup_postponed") == []
    assert len(await letters_of("chloe@example.org", "meetup_changed")) == 1


async def test_a_place_given_back_meanwhile_goes_to_the_first_in_line(cast, settings):
    meetup = await a_meetup(cast, settings, published=True, capacity=1)
    first = await registers(cast, settings, meetup, "chloe@example.org")
    second = await registers(cast, settings, meetup, "theo@example.org")
    after = await put_off(meetup, cast, settings)
    await registrations.release(first.id, **acts(cast, settings))
    async with scoped(cast.as_ana):
        waits = await find(registrations.Registration, second.id)
        assert waits.status == "waitlisted"
    await put_off(after, cast, settings, a_month_later(meetup))
    async with scoped(cast.as_ana):
        has = await find(registrations.Registration, second.id)
        assert has.status == "confirmed"
        assert (await meetups.room(meetup.id)).taken == 1


async def test_new_hours_in_the_ordinary_form_end_a_postponement(cast, settings):
    meetup = await a_meetup(cast, settings, published=True)
    await registers(cast, settings, meetup, "chloe@example.org")
    await put_off(meetup, cast, settings)

    async def changed(**facts):
        wanted = {
            "title": meetup.title,
            "community_id": meetup.community_id,
            "starts_at": meetup.starts_at,
            "ends_at": meetup.ends_at,
            "time_zone": meetup.time_zone,
            "capacity": 12,
            "representative": "Ana",
        } | facts
        await registrations.change_meetup(meetup, Plan(**wanted), **acts(cast, settings))
        return await again(meetup, cast)

    still = await changed(title="Autre titre")
    assert (still.title, still.postponed_at is None) == ("Autre titre", False)
    assert await letters_of("chloe@example.org", "meetup_changed") == []
    later = a_month_later(meetup)
    back = await changed(starts_at=later.starts_at, ends_at=later.ends_at)
    assert (back.postponed_at, back.postponed_reason) == (None, "")
    assert len(await letters_of("chloe@example.org", "meetup_changed")) == 1


@pytest.mark.parametrize("life", ["draft", "cancelled", "closed", "over"])
async def test_only_what_is_public_and_not_held_is_put_off(cast, settings, life):
    by = cast.as_ana
    meetup = await a_meetup(cast, settings, published=life != "draft")
    now = cast.now
    if life == "cancelled":
        await meetups.cancel(meetup, "", by=by, now=now)
    if life == "closed":
        now = meetup.starts_at
        await meetups.close(meetup, by=by, now=now)
    if life == "over":
        now = meetup.ends_at
    with pytest.raises(meetups.NotInThisStage):
        await postponements.postpone(meetup, None, "", by=by, now=now)


async def test_it_is_put_off_once_until_it_has_a_date(cast, settings):
    meetup = await a_meetup(cast, settings, published=True)
    after = await put_off(meetup, cast, settings)
    with pytest.raises(meetups.NotInThisStage):
        await put_off(after, cast, settings)
    with pytest.raises(meetups.NotInThisStage):  # what did not take place is not closed
        await meetups.close(after, by=cast.as_ana, now=after.ends_at)
    await registrations.cancel_meetup(after, "Tant pis", by=cast.as_ana, now=cast.now)
    assert meetups.stage(await again(meetup, cast), cast.now) is Stage.CANCELLED


async def test_a_new_date_is_one_to_come(cast, settings):
    meetup = await a_meetup(cast, settings, published=True)
    past = NewDate(cast.now - timedelta(days=2), cast.now - timedelta(days=1))
    upside_down = NewDate(meetup.ends_at, meetup.starts_at)
    for until, field in ((past, "starts_at"), (upside_down, "ends_at")):
        with pytest.raises(Invalid) as no:
            await put_off(meetup, cast, settings, until)
        assert list(no.value.fields) == [field]


async def test_another_workspaces_meetup_is_not_put_off(cast, settings):
    theirs = await a_meetup(cast, settings, published=True, by=cast.as_dov)
    with pytest.raises(NotFound):
        await postponements.postpone(theirs, None, "", by=cast.as_ana, now=cast.now)


async def test_what_is_postponed_waits_on_the_desk_and_in_the_lists(cast, settings):
    meetup = await a_meetup(cast, settings, published=True)
    await put_off(meetup, cast, settings)
    much_later = meetup.ends_at + timedelta(days=60)
    async with scoped(cast.as_ana):
        ground = await awaiting.ground(much_later.date())
        waiting = await awaiting.waiting(much_later, ground)
        assert awaiting.Task.NO_DATE in {one.task for one in waiting}
        assert awaiting.Task.NOT_CLOSED not in {one.task for one in waiting}
        assert [one.id for one in await meetups.upcoming(much_later)] == [meetup.id]
        assert await meetups.past(much_later) == []
        assert [one.id for one in await meetups.agenda(much_later)] == [meetup.id]


# Pages


async def test_the_pages_say_that_it_is_postponed(ana, browser, cast, settings):
    meetup = await a_coming_meetup(cast, settings)
    await registers(cast, settings, meetup, "chloe@example.org")
    form = f"/w/orbelune/meetups/{meetup.slug}/postpone"
    asks = (await ana.get(form)).text
    assert "1 personne reçoit une lettre" in asks
    answer = await ana.post(form, data={"until": "later", "reason": "Inondation."})
    assert said(answer) == "La rencontre est reportée. 1 personne est prévenue par lettre."
    public = await browser.get(
        f"/m/orbelune/{meetup.slug}", headers={"accept-language": "fr"}
    )
    assert "Inondation." in public.text
    assert 'id="f-email"' not in public.text
    theirs = await ana.get(f"/w/orbelune/meetups/{meetup.slug}")
    assert "Lui donner une nouvelle date" in theirs.text
    assert "Choisir la date" in (await ana.get("/w/orbelune")).text
    refused = await ana.post(
        f"/m/orbelune/{meetup.slug}", data={"first_name": "Zoé", "email": "z@example.org"}
    )
    assert refused.status_code == 409
    day = (meetup.starts_at + timedelta(days=60)).date()
    again_ = {"until": "date", "day": str(day), "starts": "19h", "ends": "22h"}
    assert said(await ana.post(form, data=again_)).startswith("La nouvelle date")
    assert (await again(meetup, cast)).starts_at.date() == day


@pytest.mark.parametrize(
    ("answers", "field"),
    [
        ({"until": "never"}, "until"),
        ({"until": "date", "starts": "19:00", "ends": "22:00"}, "day"),
        ({"until": "date", "day": "1999-01-01", "starts": "19:00", "ends": "22:00"}, "day"),
        ({"until": "date", "day": "2026-01-01", "starts": "19:00", "ends": "22:00"}, "day"),
        ({"until": "date", "day": "2099-12-10", "starts": "soir", "ends": "22"}, "starts"),
        ({"until": "date", "day": "2099-03-29", "starts": "02:30", "ends": "5h"}, "starts"),
    ],
)
async def test_a_wrong_date_keeps_the_reason(ana, cast, settings, answers, field):
    meetup = await a_coming_meetup(cast, settings)
    form = f"/w/orbelune/meetups/{meetup.slug}/postpone"
    answer = await ana.post(form, data=answers | {"reason": "Inondation."})
    assert answer.status_code == 422
    assert "Inondation." in answer.text
    assert f"f-{field}-wrong" in answer.text
    assert (await again(meetup, cast)).postponed_at is None


async def test_what_cannot_be_put_off_says_so(ana, cast, settings):
    meetup = await a_meetup(cast, settings)
    form = f"/w/orbelune/meetups/{meetup.slug}/postpone"
    for answer in (await ana.get(form), await ana.post(form, data={"until": "later"})):
        assert answer.status_code == 303
        assert "étape" in said(answer) or "stade" in said(answer)


async def test_the_list_is_filtered_by_stage_and_taken_out(ana, cast, settings):
    off = await a_coming_meetup(cast, settings, title="Reportée en mai")
    await a_coming_meetup(cast, settings, published=False, title="Un brouillon")
    held = {"starts_at": cast.now - timedelta(days=9), "ends_at": cast.now - timedelta(8)}
    await a_meetup(cast, settings, published=True, title="Tenue", **held)
    await a_meetup(cast, settings, by=cast.as_dov, published=True, title="La leur")
    await put_off(off, cast, settings)
    titles = ("Reportée en mai", "Un brouillon", "Tenue", "La leur")
    wanted = {
        "": titles[:3],
        "postponed": titles[:1],
        "draft": titles[1:2],
        "over": titles[2:3],
        "published": (),
        "closed": (),
        "cancelled": (),
    }
    for stage, shown in wanted.items():
        # of these, the last one is the other workspace's, whatever is asked
        for leaf in ("meetups", "meetups.csv"):
            text = (await ana.get(f"/w/orbelune/{leaf}?stage={stage}")).text
            assert [one for one in titles if one in text] == list(shown), (stage, leaf)
    assert (await ana.get("/w/orbelune/meetups?stage=nowhere")).status_code == 404
    assert (await ana.get("/w/orbelune/meetups.csv?stage=nowhere")).status_code == 404


# API


async def test_a_machine_changes_puts_off_and_repeats(machine, cast, settings):
    meetup = await a_coming_meetup(cast, settings)
    here = f"/api/v1/meetups/{meetup.id}"
    read = (await machine.get(here)).json()
    body = {"sequence": read["sequence"], "title": "Autre titre", "capacity": 30}
    changed = (await machine.patch(here, json=body)).json()
    assert (changed["title"], changed["capacity"]) == ("Autre titre", 30)
    assert changed["starts_at"] == read["starts_at"]
    stale = await machine.patch(here, json=body | {"description": "x", "programme": "y"})
    assert (stale.status_code, stale.json()["code"]) == (409, "changed_meanwhile")
    off = (await machine.post(f"{here}/postpone", json={"reason": "Pluie"})).json()
    assert (off["stage"], off["postponed_reason"]) == ("postponed", "Pluie")
    later = a_month_later(meetup)
    dates = {
        "starts_at": later.starts_at.isoformat(),
        "ends_at": later.ends_at.isoformat(),
    }
    back = (await machine.post(f"{here}/postpone", json=dates)).json()
    assert back["stage"] == "published"
    made = await machine.post(f"{here}/duplicate", json={"days": 7})
    assert (made.status_code, made.json()["stage"]) == (201, "draft")


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("PATCH", "", {"title": " "}, "title"),
        ("PATCH", "", {"starts_at": "2099-12-10T19:00:00"}, "starts_at"),
        ("POST", "/postpone", {"starts_at": "2099-12-10T19:00:00+01:00"}, "ends_at"),
        ("POST", "/postpone", {"ends_at": "2099-12-10T19:00:00+01:00"}, "starts_at"),
        ("POST", "/duplicate", {"days": 0}, "days"),
    ],
)
async def test_a_machine_is_told_what_is_wrong(
    machine, cast, settings, method, path, body, field
):
    meetup = await a_coming_meetup(cast, settings)
    theirs = await a_coming_meetup(cast, settings, by=cast.as_dov)
    answer = await machine.request(method, f"/api/v1/meetups/{meetup.id}{path}", json=body)
    assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])
    good = {
        "PATCH": {"representative": "Zoé"},
        "POST": {"days": 7} if "dup" in path else {},
    }
    other = await machine.request(
        method, f"/api/v1/meetups/{theirs.id}{path}", json=good[method]
    )
    assert other.status_code == 404


# Two at once


@pytest.mark.committed
async def test_of_many_who_put_it_off_at_once_one_does(cast, settings):
    meetup = await a_meetup(cast, settings, published=True)
    done = await asyncio.gather(
        *(put_off(meetup, cast, settings) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(one, Meetup) for one in done) == 1
    assert sum(isinstance(one, meetups.NotInThisStage) for one in done) == 4
    assert (await again(meetup, cast)).sequence == meetup.sequence + 1


@pytest.mark.committed
async def test_nobody_registers_while_it_is_put_off(cast, settings):
    meetup = await a_meetup(cast, settings, published=True)

    async def try_(n):
        try:
            await registers(cast, settings, meetup, f"p{n}@example.org")
        except places.MeetupPostponed:
            return False
        return True

    done = await asyncio.gather(
        put_off(meetup, cast, settings), *(try_(n) for n in range(8))
    )
    async with scoped(cast.as_ana):
        assert (await meetups.room(meetup.id)).taken == sum(one is True for one in done[1:])
    with pytest.raises(places.MeetupPostponed):
        await registers(cast, settings, meetup, "late@example.org")
