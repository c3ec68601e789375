"""Whoever holds a ticket's code sees it; whoever holds its link may also give it back."""

import io
import subprocess
from datetime import timedelta

import pytest
import zxingcpp
from PIL import Image

from events.admission import registrations, tickets
from events.admission.registrations import Linking
from events.people import channels, consents
from events.people.channels import ChannelKind
from events.planning.meetups import Admission
from server.database import find, one, scoped, sql
from tests import world
from tests.admission.test_registrations import _code, a_meetup, acts, registers, statuses

CLOCK = {"x-apero-now": world.NOW.isoformat()}


@pytest.fixture
def keys(settings):
    return tickets.keys_of(settings)


def link_of(meetup, made, keys, rotation=0):
    return f"/r/{tickets.capability(keys, meetup.id, made.id, rotation)}"


def seen_in(pdf):
    """The texts of the codes that a camera finds on the first page."""
    png = subprocess.run(
        [
            "pdftoppm",
            "-r",
            "200",
            "-png",
            "-",
        ],
        input=pdf,
        capture_output=True,
        check=True,
    ).stdout
    return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(png)))]


async def test_the_code_shows_the_ticket_whatever_its_case(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    code = _code(meetup, made.id, keys, 0)
    for address in (f"/t/{code.text}", f"/T/{code.text}", f"/t/{code.text.lower()}"):
        answer = await browser.get(address, headers=CLOCK)
        assert answer.status_code == 200
        assert code.typed in answer.text
        assert "Place confirmed" in answer.text
        assert "/release" not in answer.text
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "noindex" in answer.headers["x-robots-tag"]
        assert answer.headers["cache-control"] == "no-store"
        assert "chloe@example.org" not in answer.text


async def test_unknown_and_spoken_codes_open_nothing(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    code = _code(meetup, made.id, keys, 0)
    for text in (code.typed, "x", "A" * 128, "%00", "é" * 200, "..%2f"):
        for way in ("t", "T", "r"):
            answer = await browser.get(f"/{way}/{text}", headers=CLOCK)
            assert answer.status_code == 404, (way, text)
            pdf = await browser.get(f"/{way}/{text}/ticket.pdf", headers=CLOCK)
            assert pdf.status_code == 404


async def test_a_replaced_code_says_so(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    await registrations.replace_code(made.id, **acts(cast, keys))
    old = await browser.get(f"/t/{_code(meetup, made.id, keys, 0).text}", headers=CLOCK)
    assert old.status_code == 410
    assert "This code was replaced" in old.text
    new = await browser.get(f"/t/{_code(meetup, made.id, keys, 1).text}", headers=CLOCK)
    assert new.status_code == 200
    assert (
        await browser.get(link_of(meetup, made, keys), headers=CLOCK)
    ).status_code == 404


async def test_the_paper_holds_the_very_code_of_the_page(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    code = _code(meetup, made.id, keys, 0)
    for way in (link_of(meetup, made, keys), f"/t/{code.text}", f"/T/{code.text}"):
        answer = await browser.get(f"{way}/ticket.pdf", headers=CLOCK)
        assert answer.headers["content-type"] == "application/pdf"
        assert seen_in(answer.content) == [code.url(world.ORIGIN)]


async def test_a_place_is_released_after_a_question(browser, cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    await registers(cast, meetup, keys, "theo@example.org")
    link = link_of(meetup, made, keys)
    assert f'href="{link}/release"' in (await browser.get(link, headers=CLOCK)).text
    asked = await browser.get(f"{link}/release", headers=CLOCK)
    assert "Release your place?" in asked.text
    assert (await statuses(cast, meetup))["chloe@example.org"][0] == "confirmed"
    for _ in range(2):
        done = await browser.post(f"{link}/release", headers=CLOCK)
        assert (done.status_code, done.headers["location"]) == (303, link)
        assert done.headers["referrer-policy"] == "no-referrer"
    assert await statuses(cast, meetup) == {
        "chloe@example.org": ("cancelled", None),
        "theo@example.org": ("confirmed", None),
    }
    after = await browser.get(link, headers=CLOCK)
    assert "Place released" in after.text
    assert "<svg" not in after.text.partition("ticket-code")[2]
    assert (await browser.get(f"{link}/release", headers=CLOCK)).status_code == 303
    assert (await browser.get(f"{link}/ticket.pdf", headers=CLOCK)).status_code == 409


async def test_who_came_is_told_that_it_is_too_late(browser, cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    await registrations.mark_attended(made.id, cast.soon, by=cast.as_ana, now=cast.soon)
    link = link_of(meetup, made, keys)
    assert "/release" not in (await browser.get(link, headers=CLOCK)).text
    refused = await browser.post(f"{link}/release", headers=CLOCK)
    assert refused.status_code == 409
    assert "has come in already" in refused.text
    there = await a_meetup(cast, keys, title="Autre")
    other = await registers(cast, there, keys, "b@example.org")
    late = {"x-apero-now": (cast.soon + timedelta(days=1)).isoformat()}
    over = await browser.get(link_of(there, other, keys), headers=late)
    assert over.status_code == 200
    assert "This meetup is over" in over.text
    for gone in ("/release", "Place confirmed", "ticket-code", "calendar.ics"):
        assert gone not in over.text


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("first", "You are first: the next free place is yours."),
        ("second", "1 person waits before you."),
        ("draw", "Waiting for the draw"),
        ("lost", "Not drawn"),
        ("off", "The meetup is cancelled"),
    ],
)
async def test_whoever_has_no_place_learns_why(browser, cast, keys, status, words):
    draws = status in {"draw", "lost"}
    admission = Admission.LOTTERY if draws else Admission.FIRST_COME
    meetup = await a_meetup(cast, keys, 1, admission=admission)
    people = [await registers(cast, meetup, keys, f"p{n}@example.org") for n in range(3)]
    made = people[{"second": 2, "off": 0}.get(status, 1)]
    if status == "lost":
        async with scoped(cast.as_ana):
            member = (await find(registrations.Registration, made.id)).member_id
        past = registrations.Past(member, registrations.Status.LOST_DRAW, is_drawn=False)
        await registrations.import_attendance(
            meetup, [past], keys=keys, by=cast.as_ana, now=cast.now
        )
    if status == "off":
        await registrations.cancel_meetup(meetup, "Pluie", by=cast.as_ana, now=cast.now)
    answer = await browser.get(link_of(meetup, made, keys), headers=CLOCK)
    assert words in answer.text
    assert "ticket-code" not in answer.text


async def test_a_meetup_closed_before_its_hour_is_over(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    link = link_of(meetup, made, keys)
    on = {"x-apero-now": (meetup.ends_at - timedelta(minutes=1)).isoformat()}
    assert "Place confirmed" in (await browser.get(link, headers=on)).text
    async with scoped(cast.as_ana):
        await sql("UPDATE meetup SET closed_at = $1", cast.soon)
    closed = await browser.get(link, headers=on)
    assert "This meetup is over" in closed.text
    assert "/release" not in closed.text
    code = _code(meetup, made.id, keys, 0)
    assert "ticket-code" not in (await browser.get(f"/t/{code.text}", headers=on)).text


async def _answers(who, address):
    """The date that the figures read, and each yes and no behind it."""
    async with scoped(who.as_ana):
        member = await one(
            "SELECT id, linking_agreed_at FROM member WHERE email = $1", address
        )
        said = await consents.answers(member["id"])
    return member["linking_agreed_at"], [(each.is_given, each.via) for each in said]


async def _who_agreed(who, meetup, keys, address):
    async with scoped(who.as_ana):
        known = await channels.places_online(meetup.community_id)
        forum = (
            known[0]
            if known
            else await channels.make_channel(
                meetup.community_id, "Forum", ChannelKind.FORUM, by=who.as_ana, now=who.now
            )
        )
    linking = Linking(address.partition("@")[0], forum.id, "Relier ma venue")
    return await registers(who, meetup, keys, address, linking=linking)


async def test_linking_is_taken_back_where_the_letters_lead(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await _who_agreed(cast, meetup, keys, "chloe@example.org")
    other = await _who_agreed(cast, meetup, keys, "theo@example.org")
    link = link_of(meetup, made, keys)
    assert f'action="{link}/unlink"' in (await browser.get(link, headers=CLOCK)).text
    assert (await browser.get(f"{link}/unlink", headers=CLOCK)).status_code == 405
    assert await _answers(cast, "chloe@example.org") == (cast.now, [(True, "page")])
    for _ in range(2):
        done = await browser.post(f"{link}/unlink", headers=CLOCK)
        assert (done.status_code, done.headers["location"]) == (303, link)
        assert done.headers["referrer-policy"] == "no-referrer"
        no_more = (None, [(False, "page"), (True, "page")])
        assert await _answers(cast, "chloe@example.org") == no_more
    cookie = {"cookie": done.headers["set-cookie"].partition(";")[0]}
    after = await browser.get(link, headers=CLOCK | cookie)
    assert "no longer linked" in after.text
    assert "/unlink" not in after.text
    assert "Place confirmed" in after.text
    assert await _answers(cast, "theo@example.org") == (cast.now, [(True, "page")])
    theirs = await browser.get(link_of(meetup, other, keys), headers=CLOCK)
    assert "/unlink" in theirs.text
    await _who_agreed(cast, meetup, keys, "chloe@example.org")
    assert (await _answers(cast, "chloe@example.org"))[0] == cast.now


async def test_a_code_that_many_see_takes_no_consent_back(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await _who_agreed(cast, meetup, keys, "chloe@example.org")
    code = _code(meetup, made.id, keys, 0)
    assert "unlink" not in (await browser.get(f"/t/{code.text}", headers=CLOCK)).text
    for address in (f"/t/{code.text}", f"/r/{code.text}", f"/r/{code.typed}", "/r/x"):
        tried = await browser.post(f"{address}/unlink", headers=CLOCK)
        assert tried.status_code == 404, address
    assert await _answers(cast, "chloe@example.org") == (cast.now, [(True, "page")])


async def test_the_calendar_entry_is_hers_alone(browser, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    answer = await browser.get(f"{link_of(meetup, made, keys)}/calendar.ics", headers=CLOCK)
    assert "SUMMARY:On joue au prototype" in answer.text
    assert "ATTENDEE" not in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"
