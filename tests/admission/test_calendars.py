"""Calendars: what a program reads in ours is what we meant, in every zone."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from events.admission import calendars, timezones
from events.admission.calendars import Entry, State

PARIS = ZoneInfo("Europe/Paris")
APERO = Entry(
    uid="0189-meetup@meet.example.org",
    sequence=3,
    starts_at=datetime(2026, 3, 5, 19, tzinfo=PARIS),
    ends_at=datetime(2026, 3, 5, 22, 30, tzinfo=PARIS),
    time_zone="Europe/Paris",
    title="Apéro de mars",
    updated_at=datetime(2026, 2, 1, 9, tzinfo=UTC),
    description="Deux boissons offertes ;\nvenez, à plusieurs.",
    place="Comptoir des Pentes, Lyon",
    url="https://meet.example.org/m/mars?a=1;b=2",
    organizer_name="Ana",
    organizer_email="ana@meet.example.org",
    attendee_email="chloe@example.org",
    attendee_name="Chloé",
)
HOSTILE = [
    "Apéro\r\nBEGIN:VALARM\r\nACTION:AUDIO\r\nEND:VALARM",
    "Apéro\nATTENDEE:mailto:dov@example.org",
    "Apéro\rEND:VEVENT",
    "Apéro;VALUE=URI:javascript:alert(1)",
    "BEGIN:VALARM",
    'a"b,c;d:e\\f\\nG\\;H',
    "a\x00b\x1bc\x7fd",
    "a\u2028b\u2029c\x85d\x0be",
    "lone \ud800 surrogate",
    "ends with a backslash \\",
    '\\";CN=Dov:mailto:dov@example.org',
    "👩\N{ZERO WIDTH JOINER}🍳 " * 60,
    "",
]


def the_only_entry(ics: bytes):
    [entry] = Calendar.from_ical(ics).walk("VEVENT")
    return entry


def in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


# What people wrote


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_text_stays_a_text(text):
    told = replace(
        APERO,
        title=text,
        description=text,
        place=text,
        organizer_name=text,
        attendee_name=text,
    )
    for ics in (calendars.feed(text, [told]), calendars.invitation(told)):
        calendar = Calendar.from_ical(ics)
        names = [part.name for part in calendar.walk()]
        assert names == ["VCALENDAR", "VTIMEZONE", "STANDARD", "DAYLIGHT", "VEVENT"]
        entry = the_only_entry(ics)
        assert entry["SUMMARY"] == calendars.one_line(text)
        assert entry.get("DESCRIPTION", "") == calendars.paragraphs(text)
        assert entry["ORGANIZER"] == "mailto:ana@meet.example.org"
        assert entry["ORGANIZER"].params.keys() <= {"CN"}
        assert "VALUE" not in entry["SUMMARY"].params


@given(st.text(), st.text(), st.text())
def test_any_text_is_read_back_as_it_was_tidied(title, description, place):
    told = replace(APERO, title=title, description=description, place=place)
    entry = the_only_entry(calendars.feed(title, [told]))
    assert entry["SUMMARY"] == calendars.one_line(title)
    assert entry.get("DESCRIPTION", "") == calendars.paragraphs(description)
    assert entry.get("LOCATION", "") == calendars.one_line(place)


@given(st.text())
def test_any_name_and_address_can_be_in_a_letter(text):
    named = replace(APERO, organizer_name=text, attendee_name=text, url=text)
    entry = the_only_entry(calendars.invitation(named))
    assert entry["ATTENDEE"].params.get("CN", "") == calendars.parameter(text)
    assert entry["ATTENDEE"] == "mailto:chloe@example.org"
    odd = replace(APERO, organizer_email=text)
    read = the_only_entry(calendars.feed("x", [odd])).get("ORGANIZER")
    assert read is None or read == f"mailto:{text}"


def test_a_name_keeps_what_people_wrote_but_for_two_characters():
    assert calendars.parameter('Ana "A" O\'Neil; à\\b, c:d') == "Ana 'A' O'Neil; à/b, c:d"


def test_a_text_that_is_too_long_is_cut_and_says_so():
    told = replace(APERO, title="é" * 999, description="x\n" * 9999)
    entry = the_only_entry(calendars.feed("x", [told]))
    assert entry["SUMMARY"] == "é" * 249 + "…"
    assert len(entry["DESCRIPTION"]) <= 4000
    assert entry["DESCRIPTION"].endswith("x…")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "javascript:alert(1)",
        "https://meet.example.org/\r\nBEGIN:VALARM",
        "https://meet.example.org/\x00",
        "https://",
        "https://[meet",
        "/m/mars",
        "https://meet.example.org/" + "a" * 2000,
    ],
)
def test_an_address_no_calendar_should_open_is_left_out(url):
    told = replace(APERO, url=url)
    assert "URL" not in the_only_entry(calendars.feed("x", [told]))
    assert "javascript" not in calendars.google_link(told)


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ana",
        "ana@x\r\nBEGIN:VALARM",
        "a b@example.org",
        "<ana@example.org>",
        "a@b" * 99,
    ],
)
def test_a_letter_needs_an_address_at_both_ends(email):
    for change in ({"organizer_email": email}, {"attendee_email": email}):
        for letter in (calendars.invitation, calendars.cancellation):
            with pytest.raises(ValueError, match="address"):
                letter(replace(APERO, **change))
    assert b"VALARM" not in calendars.feed("x", [replace(APERO, organizer_email=email)])


@pytest.mark.parametrize(
    "change",
    [
        {"starts_at": datetime(2026, 3, 5, 19)},  # noqa: DTZ001 - the fault planted
        {"ends_at": APERO.starts_at},
        {"ends_at": datetime(9999, 1, 1, tzinfo=UTC)},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "../../etc/passwd"},
        {"uid": "two\nlines"},
        {"uid": ""},
        {"sequence": -1},
    ],
)
def test_an_entry_that_means_nothing_cannot_be_made(change):
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own sentence
        replace(APERO, **change)


# The form of the file


def test_a_feed_says_who_it_is_and_when_to_come_back():
    calendar = Calendar.from_ical(calendars.feed("Les apéros", [APERO]))
    assert calendar["NAME"] == calendar["X-WR-CALNAME"] == "Les apéros"
    assert calendar["REFRESH-INTERVAL"].params["VALUE"] == "DURATION"
    assert calendar["X-PUBLISHED-TTL"] == "PT4H"
    assert "METHOD" not in calendar
    assert (
        Calendar.from_ical(calendars.feed("x", [], method="PUBLISH"))["METHOD"] == "PUBLISH"
    )


def test_a_feed_never_says_who_comes():
    assert b"chloe" not in calendars.feed("x", [APERO]).lower()


def test_an_entry_is_read_back_whole():
    entry = the_only_entry(calendars.feed("x", [APERO]))
    assert entry["UID"] == APERO.uid
    assert entry["SEQUENCE"] == 3
    assert entry["DTSTART"].params["TZID"] == "Europe/Paris"
    assert in_utc(entry["DTSTART"].dt) == in_utc(APERO.starts_at)
    assert in_utc(entry["DTEND"].dt) == in_utc(APERO.ends_at)
    assert entry["LAST-MODIFIED"].dt == entry["DTSTAMP"].dt == APERO.updated_at
    assert entry["URL"] == APERO.url
    assert entry["STATUS"] == "CONFIRMED"
    tentative = replace(APERO, status=State.TENTATIVE)
    assert the_only_entry(calendars.feed("x", [tentative]))["STATUS"] == "TENTATIVE"


def test_lines_are_short_and_end_as_the_standard_says():
    ics = calendars.feed("é" * 200, [replace(APERO, title="👋" * 200)])
    assert b"\n" not in ics.replace(b"\r\n", b"")
    assert max(len(line) for line in ics.split(b"\r\n")) <= 75


def test_an_invitation_goes_from_the_organizer_to_one_person():
    ics = calendars.invitation(APERO)
    entry = the_only_entry(ics)
    assert Calendar.from_ical(ics)["METHOD"] == "REQUEST"
    assert entry["ORGANIZER"] == "mailto:ana@meet.example.org"
    assert entry["ATTENDEE"] == "mailto:chloe@example.org"
    assert entry["ATTENDEE"].params["PARTSTAT"] == "ACCEPTED"
    assert entry["ATTENDEE"].params["CN"] == "Chloé"


def test_a_cancellation_is_the_same_entry_one_step_later():
    ics = calendars.cancellation(APERO)
    before, after = the_only_entry(calendars.invitation(APERO)), the_only_entry(ics)
    assert Calendar.from_ical(ics)["METHOD"] == "CANCEL"
    assert after["UID"] == before["UID"]
    assert after["SEQUENCE"] == before["SEQUENCE"] + 1
    assert after["STATUS"] == "CANCELLED"
    assert after["ORGANIZER"] == before["ORGANIZER"]
    assert after["ATTENDEE"] == before["ATTENDEE"]


def test_an_unchanged_calendar_keeps_its_mark():
    one, again = calendars.feed("x", [APERO]), calendars.feed("x", [APERO])
    moved = calendars.feed("x", [replace(APERO, sequence=4)])
    assert calendars.etag(one) == calendars.etag(again)
    assert calendars.etag(one) != calendars.etag(moved)
    assert calendars.etag(one).strip('"').isalnum()


# Time


@pytest.mark.parametrize(
    ("wall", "expected"),
    [
        (datetime(2026, 3, 29, 1, 30, tzinfo=PARIS), "20260329T013000"),
        (datetime(2026, 3, 29, 3, 0, tzinfo=PARIS), "20260329T030000"),
        (datetime(2028, 2, 29, 19, 0, tzinfo=PARIS), "20280229T190000"),
        (datetime(2026, 10, 25, 2, 30, tzinfo=PARIS), "20261025T023000"),
        (datetime(2026, 12, 31, 23, 30, tzinfo=PARIS), "20261231T233000"),
        (datetime(2026, 12, 31, 22, 30, tzinfo=UTC), "20261231T233000"),
    ],
)
def test_an_entry_shows_what_the_clocks_on_the_spot_show(wall, expected):
    told = replace(APERO, starts_at=wall, ends_at=in_utc(wall) + timedelta(hours=3))
    entry = the_only_entry(calendars.feed("x", [told]))
    assert entry["DTSTART"].to_ical().decode() == expected
    assert entry["DTSTART"].params["TZID"] == "Europe/Paris"
    assert in_utc(entry["DTSTART"].dt) == in_utc(wall)
    assert in_utc(entry["DTEND"].dt) - in_utc(wall) == timedelta(hours=3)


def test_a_wall_time_the_spring_skips_is_moved_by_the_hour_that_is_missing():
    skipped = datetime(2027, 3, 28, 2, 30, tzinfo=PARIS)
    told = replace(APERO, starts_at=skipped, ends_at=skipped + timedelta(hours=3))
    entry = the_only_entry(calendars.feed("x", [told]))
    assert entry["DTSTART"].to_ical() == b"20270328T033000"


def test_a_wall_time_the_autumn_repeats_keeps_its_moment():
    second = datetime(2026, 10, 25, 2, 30, tzinfo=PARIS, fold=1)
    told = replace(APERO, starts_at=second, ends_at=in_utc(second) + timedelta(hours=1))
    entry = the_only_entry(calendars.feed("x", [told]))
    assert entry["DTSTART"].to_ical() == b"20261025T013000Z"
    assert entry["DTEND"].to_ical() == b"20261025T033000"


def test_each_zone_is_told_once_and_utc_never():
    told = [
        APERO,
        APERO,
        replace(APERO, time_zone="America/Montreal"),
        replace(APERO, time_zone="UTC"),
    ]
    calendar = Calendar.from_ical(calendars.feed("x", told))
    assert [z["TZID"] for z in calendar.walk("VTIMEZONE")] == [
        "America/Montreal",
        "Europe/Paris",
    ]
    assert calendar.walk("VEVENT")[-1]["DTSTART"].to_ical() == b"20260305T180000Z"


TOLD_OF_PARIS = """\
BEGIN:VTIMEZONE
TZID:Europe/Paris
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
TZNAME:CET
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
TZNAME:CEST
END:DAYLIGHT
END:VTIMEZONE
"""


def test_paris_is_told_by_two_rules():
    told = timezones.vtimezone("Europe/Paris", 2026, 2028)
    assert told == TOLD_OF_PARIS.replace("\n", "\r\n")


@pytest.mark.parametrize("key", ["Asia/Jerusalem", "Africa/Cairo", "America/Nuuk"])
def test_a_zone_no_simple_rule_can_tell_is_told_change_by_change(key):
    told = timezones.vtimezone(key, 2026, 2026)
    assert "RRULE" not in told
    assert told.count("DTSTART") == 1 + 2 * 3  # what was before, then three years


def test_a_zone_nobody_knows_is_not_a_file_of_ours():
    for key in ("Mars/Olympus", "../../etc/passwd", ""):
        with pytest.raises(ValueError, match="no such time zone"):
            timezones.zone(key)


def test_a_promise_counted_in_days_of_the_year_is_not_taken_for_a_weekday():
    winter, summer = timedelta(hours=3, minutes=30), timedelta(hours=4, minutes=30)
    assert timezones._rule("J79/24", winter, summer, "+0430") is None
    assert timezones._rule("M3.5.0/-1", winter, summer, "<+0430>").rrule == (
        "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"
    )


def test_a_rule_is_not_told_for_the_years_before_it_was_law():
    assert "RRULE" in timezones.vtimezone("America/New_York", 2026, 2026)
    assert "RRULE" not in timezones.vtimezone("America/New_York", 2006, 2026)


def test_every_zone_shows_the_same_time_in_a_calendar_as_in_the_law():
    """Three years, each third day and every change; one parse for zones told alike.

    Nor is any told by lists of dates (RDATE), which some programs cut short.
    """
    alike = defaultdict(list)
    for key in timezones.known_zones():
        told = timezones.vtimezone(key, 2026, 2028)
        alike[told.replace(f"TZID:{key}\r\n", "TZID:X\r\n")].append(key)
    days = [datetime(2026, 1, 1, 12) + timedelta(days=n) for n in range(0, 1096, 3)]  # noqa: DTZ001
    wrong = []
    for told, keys in alike.items():
        calendar = Calendar.from_ical(f"BEGIN:VCALENDAR\r\n{told}END:VCALENDAR\r\n")
        read = calendar.timezones[0].to_tz(lookup_tzid=False)
        for key in keys:
            changes = timezones.changes_between(key, 2026, 2028)
            around = [c.wall + timedelta(hours=h) for c in changes for h in (-4, 4)]
            law = timezones.zone(key)
            wrong += [
                (key, wall)
                for wall in [*days, *around]
                if read.utcoffset(wall) != law.utcoffset(wall)
            ]
    assert len(alike) > 50
    assert "RDATE" not in "".join(alike)
    assert wrong == []


# Links


def test_a_link_to_google_carries_the_moment_and_the_zone():
    asked = parse_qs(urlsplit(calendars.google_link(APERO)).query)
    assert asked["dates"] == ["20260305T180000Z/20260305T213000Z"]
    assert asked["ctz"] == ["Europe/Paris"]
    assert asked["text"] == ["Apéro de mars"]
    assert asked["details"] == [f"{APERO.description}\n\n{APERO.url}"]


def test_a_link_to_outlook_carries_the_moment():
    link = calendars.outlook_link(replace(APERO, description="", place=""))
    asked = parse_qs(urlsplit(link).query)
    assert asked["startdt"] == ["2026-03-05T18:00:00Z"]
    assert asked["enddt"] == ["2026-03-05T21:30:00Z"]
    assert asked["body"] == [APERO.url]
    assert "location" not in asked
    assert "+" not in link


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("link", [calendars.google_link, calendars.outlook_link])
def test_a_link_stays_one_short_address_whatever_is_written(link, text):
    address = link(replace(APERO, title=text, place=text, description=text * 99))
    assert address.isascii()
    assert address.isprintable()
    assert " " not in address
