"""Each thing is told once, in the reader's language, with what belongs to it."""

import email
import io
from datetime import timedelta
from email import policy

import icalendar
import pytest
import zxingcpp
from PIL import Image

from events.admission import letters, registrations, tickets
from events.people import channels
from events.people.channels import ChannelKind
from events.planning.meetups import Admission, Plan
from server.database import scoped
from server.mail import Postman
from server.rendering import RenderFailed
from tests import world
from tests.admission.test_registrations import (
    _code,
    a_meetup,
    acts,
    kinds_to,
    registers,
)
from tests.admission.test_ticket_pages import seen_in


@pytest.fixture
def keys(settings):
    return tickets.keys_of(settings)


@pytest.fixture
async def sent(app, cast, monkeypatch):
    """What leaves by post, as it leaves, instead of leaving."""
    messages = []
    await world.do_jobs()  # the invitations of the cast

    async def keep(_postman, message):
        messages.append(email.message_from_bytes(bytes(message), policy=policy.default))

    monkeypatch.setattr(Postman, "_send", keep)
    return messages


def parts_of(message):
    return {
        part.get_content_type(): part for part in message.walk() if not part.is_multipart()
    }


async def test_a_ticket_travels_with_its_code_its_paper_and_its_calendar(sent, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    await world.do_jobs()
    (message,) = sent
    parts = parts_of(message)
    url = _code(meetup, made.id, keys, 0).url(world.ORIGIN)
    assert seen_in(parts["application/pdf"].get_content()) == [url]
    picture = Image.open(io.BytesIO(parts["image/png"].get_content()))
    assert [found.text for found in zxingcpp.read_barcodes(picture)] == [url]
    assert parts["image/png"]["Content-ID"] == "<code@apero>"
    assert "cid:code@apero" in parts["text/html"].get_content()
    invitation = icalendar.Calendar.from_ical(parts["text/calendar"].get_content())
    assert parts["text/calendar"].get_param("method") == "REQUEST"
    assert invitation["METHOD"] == "REQUEST"
    (entry,) = invitation.walk("VEVENT")
    assert entry["ATTENDEE"] == "mailto:chloe@example.org"
    assert (
        tickets.capability(keys, meetup.id, made.id, 0) in parts["text/plain"].get_content()
    )


async def test_letters_speak_the_readers_language(sent, cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    await registers(cast, meetup, keys, "chloe@example.org", language="fr")
    await registers(cast, meetup, keys, "eiko@example.org", language="en")
    await registers(cast, meetup, keys, "nobody@example.org", language="")
    await world.do_jobs()
    subjects = {message["To"]: message["Subject"] for message in sent}
    assert subjects == {
        "chloe@example.org": "Votre billet : On joue au prototype",
        "eiko@example.org": "You are on the waiting list: On joue au prototype",
        "nobody@example.org": "Vous êtes sur la liste d’attente : On joue au prototype",
    }
    french = next(one for one in sent if one["To"] == "chloe@example.org")
    for kind in ("text/plain", "text/html"):
        text = parts_of(french)[kind].get_content()
        assert "Bonjour Chloe," in text
        assert "votre place est confirmée" in text


async def test_letters_greet_by_the_first_word_and_say_why_they_come(sent, cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    async with scoped(cast.as_ana):
        forum = await channels.make_channel(
            meetup.community_id, "Forum", ChannelKind.FORUM, by=cast.as_ana, now=cast.now
        )
    linking = registrations.Linking("zoe", forum.id, "Relier ma venue")
    name = "Zoé Lefèvre"
    made = await registers(
        cast, meetup, keys, "zoe@example.org", name=name, language="fr", linking=linking
    )
    await registers(cast, meetup, keys, "theo@example.org", language="fr")
    await world.do_jobs()
    said = {message["To"]: parts_of(message) for message in sent}
    link = f"/r/{tickets.capability(keys, meetup.id, made.id, 0)}"
    for kind in ("text/plain", "text/html"):
        hers = said["zoe@example.org"][kind].get_content()
        assert "Bonjour Zoé," in hers
        assert "vous avez réservé" in hers
        assert link in hers.partition("accepté de relier votre venue")[2]
        his = said["theo@example.org"][kind].get_content()
        assert "vous avez demandé une place" in his
        assert "réservé" not in his
        assert "relier" not in his
    his = said["theo@example.org"]["text/plain"].get_content()
    assert "\nhttp" in his.replace("\r", "").partition("Voir mon rang")[2][:6]


async def test_the_line_and_the_draw_say_how_one_waits(sent, cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    for n in range(3):
        await registers(cast, meetup, keys, f"p{n}@example.org", language="en")
    draw = await a_meetup(cast, keys, 1, title="Au sort", admission=Admission.LOTTERY)
    await registers(cast, draw, keys, "draw@example.org", language="en")
    await world.do_jobs()
    said = {
        message["To"]: parts_of(message)["text/plain"].get_content() for message in sent
    }
    assert "You are number 2 in line" in said["p2@example.org"]
    assert "drawn by lot" in said["draw@example.org"]
    assert "number" not in said["draw@example.org"]


async def test_a_cancelled_meetup_is_taken_out_of_calendars_once(
    sent, cast, keys, monkeypatch
):
    monkeypatch.setattr(letters, "AT_ONCE", 2)
    meetup = await a_meetup(cast, keys, 3)
    for n in range(5):
        await registers(cast, meetup, keys, f"p{n}@example.org")
    await world.do_jobs()
    sent.clear()
    await registrations.cancel_meetup(
        meetup, "Une fuite d’eau.", by=cast.as_ana, now=cast.now
    )
    await world.do_jobs()
    async with scoped(cast.as_ana):
        await letters.tell_everybody("meetup_cancelled", meetup, by=cast.as_ana)
    await world.do_jobs()
    assert sorted(message["To"] for message in sent) == [
        f"p{n}@example.org" for n in range(5)
    ]
    for message in sent:
        parts = parts_of(message)
        assert "Une fuite d’eau." in parts["text/plain"].get_content()
        calendar = icalendar.Calendar.from_ical(parts["text/calendar"].get_content())
        assert calendar["METHOD"] == "CANCEL"
        assert calendar.walk("VEVENT")[0]["STATUS"] == "CANCELLED"


async def test_telling_twice_writes_once(cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    post = letters.Post(cast.orbelune, world.ORIGIN, keys, cast.now)
    async with scoped(cast.as_ana):
        for _ in range(3):
            await letters.tell("confirmed", [made.id], post)
    assert await kinds_to("chloe@example.org") == ["confirmed"]


async def test_a_release_tells_both_and_a_later_ticket_is_not_sent(sent, cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    await registers(cast, meetup, keys, "theo@example.org")
    await world.do_jobs("write_letters")  # written, and not sent yet
    await registrations.release(made.id, **acts(cast, keys))
    await world.do_jobs()
    told = {(message["To"], message["Subject"].partition(" :")[0]) for message in sent}
    assert ("theo@example.org", "Une place est à vous") in told
    assert ("chloe@example.org", "Votre place est rendue") in told
    late = next(one for one in sent if one["Subject"].startswith("Votre billet"))
    assert set(parts_of(late)) == {"text/plain", "text/html"}  # the place is gone meanwhile


async def test_a_confirmation_that_a_release_overtakes_is_not_written(cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    for n in range(2):
        made = await registers(cast, meetup, keys, f"p{n}@example.org")
        await registrations.release(made.id, **acts(cast, keys))
        assert await kinds_to(f"p{n}@example.org") == ["released"]


async def test_whoever_comes_back_counts_on_from_her_cancellation(sent, cast, keys):
    meetup = await a_meetup(cast, keys)
    seen = []
    for _ in range(3):
        made = await registers(cast, meetup, keys, "chloe@example.org")
        await world.do_jobs()
        await registrations.release(made.id, **acts(cast, keys))
        await world.do_jobs()
        cast.now += timedelta(minutes=1)
    for message in sent:
        calendar = parts_of(message)["text/calendar"]
        seen.append((calendar.get_param("method"), _sequence(message)))
    assert [method for method, _ in seen] == ["REQUEST", "CANCEL"] * 3
    numbers = [number for _, number in seen]
    assert numbers == sorted(set(numbers))


async def test_a_late_cancellation_does_not_undo_her_return(sent, cast, keys):
    meetup = await a_meetup(cast, keys)
    made = await registers(cast, meetup, keys, "chloe@example.org")
    await world.do_jobs()
    await registrations.release(made.id, **acts(cast, keys))
    await world.do_jobs("write_letters")  # written, and not sent yet
    cast.now += timedelta(minutes=1)
    await registers(cast, meetup, keys, "chloe@example.org")
    await world.do_jobs()
    methods = [
        part.get_param("method")
        for message in sent
        if (part := parts_of(message).get("text/calendar"))
    ]
    assert methods == ["REQUEST", "REQUEST"]
    assert _sequence(sent[-1]) > _sequence(sent[0])


async def test_what_names_a_date_that_no_longer_holds_does_not_leave(sent, cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    other = await a_meetup(cast, keys, title="Une autre")
    await registers(cast, meetup, keys, "chloe@example.org")
    await registers(cast, meetup, keys, "theo@example.org")
    await registers(cast, other, keys, "zoe@example.org")
    await world.do_jobs("write_letters")  # written, and not sent yet
    await registrations.postpone_meetup(meetup, None, "La salle ferme.", **acts(cast, keys))
    await world.do_jobs()
    told = {message["To"]: message["Subject"].partition(" :")[0] for message in sent}
    assert len(sent) == 3
    assert told == {
        "chloe@example.org": "Reportée",
        "theo@example.org": "Reportée",
        "zoe@example.org": "Votre billet",
    }


async def test_a_confirmation_queued_before_a_postponement_is_not_written(cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    for name in ("chloe", "theo"):
        await registers(cast, meetup, keys, f"{name}@example.org")
    await registrations.postpone_meetup(meetup, None, "", **acts(cast, keys))
    await world.do_jobs("tell_registered")
    for name in ("chloe", "theo"):
        assert await kinds_to(f"{name}@example.org") == ["meetup_postponed"]


async def test_a_moved_meetup_brings_calendars_up_to_date(sent, cast, keys):
    meetup = await a_meetup(cast, keys, 1)
    await registers(cast, meetup, keys, "chloe@example.org")
    await registers(cast, meetup, keys, "theo@example.org")
    await world.do_jobs()
    first = _sequence(next(one for one in sent if one["To"] == "chloe@example.org"))
    sent.clear()
    wanted = Plan(
        title=meetup.title,
        community_id=meetup.community_id,
        starts_at=meetup.starts_at + timedelta(hours=1),
        ends_at=meetup.ends_at + timedelta(hours=1),
        time_zone=meetup.time_zone,
        capacity=1,
        representative="Ana",
    )
    await registrations.change_meetup(meetup, wanted, **acts(cast, keys))
    await world.do_jobs()
    by_address = {message["To"]: message for message in sent}
    assert _sequence(by_address["chloe@example.org"]) > first
    assert set(parts_of(by_address["theo@example.org"])) == {"text/plain", "text/html"}


def _sequence(message):
    calendar = icalendar.Calendar.from_ical(
        parts_of(message)["text/calendar"].get_content()
    )
    return calendar.walk("VEVENT")[0]["SEQUENCE"]


async def test_without_the_printer_the_letter_still_carries_the_code(
    sent, app, cast, keys, monkeypatch
):
    async def broken(*_args, **_kwargs):
        raise RenderFailed("no printer is running")

    monkeypatch.setattr(app.app.state.pdf, "render", broken)
    await registers(cast, await a_meetup(cast, keys), keys, "chloe@example.org")
    await world.do_jobs()
    assert set(parts_of(sent[0])) == {
        "text/plain",
        "text/html",
        "image/png",
        "text/calendar",
    }
