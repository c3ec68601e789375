"""A series in a calendar: its rule, the dates taken out, and each date that differs."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID, uuid4

import pytest
import recurring_ical_events
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from icalendar import Calendar

from events.admission import calendars, feeds
from events.admission.calendars import Change, Entry, RuleEntry, State
from events.admission.feeds import Recurring, Told, Voice
from events.planning import recurrences, rules
from events.planning.recurrences import Recurrence
from server.errors import Invalid
from server.i18n import zone
from tests.interop import readers

ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe")
SINCE, UNTIL = datetime(2026, 9, 1, tzinfo=UTC), datetime(2027, 5, 1, tzinfo=UTC)
THEN = datetime(2026, 8, 1, tzinfo=UTC)
READERS = ("ical.js", "node-ical", "vobject", "recurring-ical-events")


def an_entry(starts: datetime, hours: float = 3, **facts) -> Entry:
    return Entry(
        **{
            "uid": "r1@h.example",
            "sequence": 1,
            "starts_at": starts,
            "ends_at": starts.astimezone(UTC) + timedelta(hours=hours),
            "time_zone": str(starts.tzinfo),
            "title": "Apéro",
            "updated_at": THEN,
            "organizer_email": "ana@meet.example.org",
        }
        | facts
    )


def at(key: str, *wall: int) -> datetime:
    return datetime(*wall, tzinfo=zone(key))


def a_year_of(key: str) -> bytes:
    """Thursdays over the autumn change, then a fourth Tuesday, then one by itself."""
    thursdays = RuleEntry(
        first=an_entry(at(key, 2026, 9, 24, 19)),
        rule="FREQ=WEEKLY;BYDAY=TH;UNTIL=20261112",
        skipped=(date(2026, 9, 24), date(2026, 10, 8), date(2026, 10, 22)),
        changes=(
            Change(
                on=date(2026, 10, 15),
                entry=an_entry(at(key, 2026, 10, 16, 20), 2, title="Déplacé", sequence=2),
            ),
            Change(
                on=date(2026, 10, 29),
                entry=an_entry(at(key, 2026, 10, 29, 19), status=State.CANCELLED),
            ),
        ),
    )
    tuesdays = RuleEntry(
        first=an_entry(at(key, 2026, 11, 24, 18, 30), uid="r2@h.example"),
        rule="FREQ=MONTHLY;BYDAY=4TU",
    )
    alone = an_entry(at(key, 2027, 3, 31, 12), uid="m1@h.example", title="Piquenique")
    return calendars.series_feed(
        "Les jeudis", [thursdays, tuesdays], [alone], last_year=2031
    )


def expected(key: str) -> list[readers.Seen]:
    def seen(*wall: int, hours: float = 3, title: str = "Apéro", is_off: bool = False):
        starts = at(key, *wall).astimezone(UTC)
        return readers.Seen(starts, starts + timedelta(hours=hours), title, is_off)

    return [
        seen(2026, 10, 1, 19),
        seen(2026, 10, 16, 20, hours=2, title="Déplacé"),
        seen(2026, 10, 29, 19, is_off=True),
        seen(2026, 11, 5, 19),
        seen(2026, 11, 12, 19),
        *(
            seen(year, month, day, 18, 30)
            for year, month, day in (
                (2026, 11, 24),
                (2026, 12, 22),
                (2027, 1, 26),
                (2027, 2, 23),
                (2027, 3, 23),
            )
        ),
        seen(2027, 3, 31, 12, title="Piquenique"),
        seen(2027, 4, 27, 18, 30),
    ]


def test_four_readers_see_the_same_evenings_in_three_zones():
    told = {key: a_year_of(key).decode() for key in ZONES}
    seen = readers.under_node(told, SINCE, UNTIL)
    for key, text in told.items():
        seen[key]["vobject"] = readers.by_vobject(text, SINCE, UNTIL)
        seen[key]["recurring-ical-events"] = readers.by_recurring(text, SINCE, UNTIL)
        for reader in READERS:
            assert seen[key][reader] == expected(key), (key, reader)


def test_a_reader_that_is_lied_to_sees_something_else():
    """The comparison can fail: an hour of summer time more, and every reader says so."""
    lie = a_year_of("Europe/Paris").decode().replace("T190000", "T200000")
    seen = readers.under_node({"lie": lie}, SINCE, UNTIL)["lie"]
    for found in (*seen.values(), readers.by_recurring(lie, SINCE, UNTIL)):
        assert found
        assert found != expected("Europe/Paris")


# The form of the file


def entries_of(ics: bytes):
    return Calendar.from_ical(ics).walk("VEVENT")


def test_a_rule_is_one_entry_with_a_line_for_each_date_taken_out():
    master, moved, off, tuesdays, alone = entries_of(a_year_of("Europe/Paris"))
    text = master.to_ical().decode()
    assert text.count("EXDATE;TZID=Europe/Paris:") == 3
    assert "EXDATE;TZID=Europe/Paris:20261008T190000" in text
    assert master["UID"] == moved["UID"] == off["UID"] == "r1@h.example"
    assert moved["RECURRENCE-ID"].to_ical() == b"20261015T190000"
    assert moved["RECURRENCE-ID"].params["TZID"] == "Europe/Paris"
    assert moved["SEQUENCE"] == 2
    assert "RRULE" not in moved
    assert off["STATUS"] == "CANCELLED"
    assert off["TRANSP"] == "TRANSPARENT"
    assert tuesdays["UID"] == "r2@h.example"
    assert "RECURRENCE-ID" not in alone


def test_the_last_day_of_a_rule_is_told_in_utc():
    for key, last in (
        ("Europe/Paris", "20261112T225959Z"),
        ("America/New_York", "20261113T045959Z"),
        ("Australia/Lord_Howe", "20261112T125959Z"),
    ):
        assert f"UNTIL={last}" in a_year_of(key).decode()


def test_parts_after_the_end_of_a_rule_stay():
    first = an_entry(at("Europe/Paris", 2026, 10, 1, 19))
    rule = RuleEntry(first=first, rule="FREQ=WEEKLY;UNTIL=20261203;BYDAY=TH")
    [told] = entries_of(calendars.series_feed("x", [rule], last_year=2026))
    assert told["RRULE"]["UNTIL"] == [datetime(2026, 12, 3, 22, 59, 59, tzinfo=UTC)]
    assert told["RRULE"]["BYDAY"] == ["TH"]


def test_a_series_in_utc_needs_no_zone():
    starts = datetime(2026, 10, 1, 19, tzinfo=UTC)
    first = an_entry(starts, time_zone="UTC")
    moved = replace(first, starts_at=starts + timedelta(hours=1))
    rule = RuleEntry(
        first=first,
        rule="FREQ=DAILY;COUNT=3",
        skipped=(date(2026, 10, 3),),
        changes=(Change(on=date(2026, 10, 2), entry=moved),),
    )
    told = calendars.series_feed("x", [rule], last_year=2030).decode()
    assert "VTIMEZONE" not in told
    assert "EXDATE:20261003T190000Z" in told
    assert "RECURRENCE-ID:20261002T190000Z" in told


def test_the_clocks_of_a_rule_are_told_to_the_end_of_its_last_year():
    first = an_entry(at("Africa/Cairo", 2026, 10, 1, 19))
    rule = RuleEntry(first=first, rule="FREQ=MONTHLY;BYDAY=1TH")
    told = calendars.series_feed("x", [rule], last_year=2030).decode()
    assert "DTSTART:20300" in told.partition("END:VTIMEZONE")[0]


def test_a_change_of_another_rule_is_no_change_of_this_one():
    first = an_entry(at("Europe/Paris", 2026, 10, 1, 19))
    other = Change(on=date(2026, 10, 8), entry=replace(first, uid="r2@h.example"))
    with pytest.raises(ValueError, match="identity"):
        RuleEntry(first=first, rule="FREQ=WEEKLY", changes=(other,))


def test_a_calendar_is_followed_in_one_click():
    links = calendars.subscription("https://meet.example.org/m/x/feed.ics", "Les “jeudis”")
    assert links.href == "https://meet.example.org/m/x/feed.ics"
    assert links.apple == "webcal://meet.example.org/m/x/feed.ics"
    assert links.google.endswith("?cid=webcal%3A%2F%2Fmeet.example.org%2Fm%2Fx%2Ffeed.ics")
    assert "url=https%3A%2F%2Fmeet.example.org%2Fm%2Fx%2Ffeed.ics&name=Les" in links.outlook
    assert all(one.isascii() and " " not in one for one in links)


# What is kept, as a calendar says it

VOICE = Voice("Orbelune", "orbelune", "ana@meet.example.org", "https://meet.example.org")
JEUDIS = Recurring(
    id=UUID(int=2),
    slug="les-jeudis",
    name="Les jeudis",
    description="Entre nous.",
    announced_at=THEN,
    updated_at=THEN,
    venue="Le Comptoir",
    address="Lyon",
)


def a_rule(rule="FREQ=WEEKLY;BYDAY=TH", starts_on=date(2026, 10, 1), **facts) -> Recurrence:
    return Recurrence(
        **{
            "id": UUID(int=3),
            "workspace_id": UUID(int=1),
            "series_id": JEUDIS.id,
            "rule": rule,
            "starts_on": starts_on,
            "starts_time": time(19),
            "minutes": 180,
            "time_zone": "Europe/Paris",
            "skipped": [],
            "sequence": 4,
            "created_at": THEN,
            "updated_at": THEN,
        }
        | facts
    )


def an_edition(on: date, starts: datetime | None = None, **facts) -> Told:
    starts = (starts or at("Europe/Paris", on.year, on.month, on.day, 19)).astimezone(UTC)
    return Told(
        **{
            "id": uuid4(),
            "slug": f"jeudi-{on:%d-%m}",
            "title": f"Jeudi {on.day}",
            "description": "",
            "starts_at": starts,
            "ends_at": starts + timedelta(hours=3),
            "time_zone": "Europe/Paris",
            "sequence": 1,
            "updated_at": THEN,
            "published_at": THEN,
            "cancelled_at": None,
            "postponed_at": None,
            "recurrence_id": UUID(int=3),
            "occurs_on": on,
            "venue": "",
            "address": "",
        }
        | facts
    )


def told_by(*held: Told, series=JEUDIS, rule=None):
    return feeds.series_feed(series, [rule or a_rule()], held, VOICE, 2026)


def test_a_date_without_a_meetup_speaks_in_the_words_of_the_series():
    feed = told_by()
    [rule] = feed.rules
    assert (rule.first.title, rule.first.place) == ("Les jeudis", "Le Comptoir, Lyon")
    assert rule.first.url == "https://meet.example.org/m/orbelune/s/les-jeudis"
    assert rule.first.uid == f"{UUID(int=3)}@meet.example.org"
    assert rule.first.sequence == 4
    assert rule.changes == feed.entries == ()
    assert feed.last_year == 2031


def test_a_public_edition_speaks_for_itself():
    [rule] = told_by(an_edition(date(2026, 10, 8), sequence=9)).rules
    [change] = rule.changes
    assert change.on == date(2026, 10, 8)
    assert change.entry.title == "Jeudi 8"
    assert change.entry.url.endswith("/m/orbelune/jeudi-08-10")
    assert change.entry.uid == rule.first.uid
    assert change.entry.sequence == 9


def test_a_draft_says_nothing_but_its_hours():
    on = date(2026, 10, 8)
    draft = an_edition(on, published_at=None, description="Secret")
    assert told_by(draft).rules[0].changes == ()
    moved = an_edition(on, at("Europe/Paris", 2026, 10, 9, 20), published_at=None)
    [change] = told_by(moved).rules[0].changes
    assert change.entry.starts_at == moved.starts_at
    assert (change.entry.title, change.entry.sequence) == ("Les jeudis", 4)
    assert change.entry.url.endswith("/s/les-jeudis")
    assert change.entry.status is State.CONFIRMED
    off = an_edition(on, published_at=None, cancelled_at=THEN)
    [change] = told_by(off).rules[0].changes
    assert change.entry.status is State.CANCELLED


def test_what_does_not_take_place_on_its_date_is_marked_so():
    for why in ("cancelled_at", "postponed_at"):
        [rule] = told_by(an_edition(date(2026, 10, 8), **{why: THEN})).rules
        assert rule.changes[0].entry.status is State.CANCELLED


def test_a_series_that_is_not_announced_shows_what_is_public_and_no_more():
    quiet = Recurring(**{**_facts(JEUDIS), "announced_at": None})
    public = an_edition(date(2026, 10, 8))
    draft = an_edition(date(2026, 10, 15), published_at=None)
    feed = told_by(public, draft, series=quiet)
    assert feed.rules == ()
    assert [one.uid for one in feed.entries] == [f"{public.id}@meet.example.org"]


def _facts(struct):
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


@pytest.mark.parametrize(
    "rule",
    [
        a_rule(skipped=[date(2026, 10, 8)]),
        a_rule("FREQ=WEEKLY;BYDAY=TH;UNTIL=20261001"),
        a_rule("FREQ=WEEKLY;BYDAY=TH;UNTIL=20260901"),
    ],
)
def test_a_public_meetup_whose_date_no_rule_names_stands_by_itself(rule):
    public = an_edition(date(2026, 10, 8))
    draft = an_edition(date(2026, 10, 8), published_at=None)
    feed = feeds.series_feed(JEUDIS, [rule], [public, draft], VOICE, 2026)
    assert [one.uid for one in feed.entries] == [f"{public.id}@meet.example.org"]
    assert all(one.changes == () for one in feed.rules)


def test_a_feed_knows_when_it_changed_and_its_mark_changes_with_any_fact():
    later = THEN + timedelta(days=3)
    plain = told_by(an_edition(date(2026, 10, 8)))
    changed = told_by(an_edition(date(2026, 10, 8), updated_at=later))
    assert plain.updated_at == THEN
    assert changed.updated_at == later
    assert feeds.Feed(name="x").updated_at is None
    moved = told_by(an_edition(date(2026, 10, 8), venue="Ailleurs"))
    marks = {plain.mark, changed.mark, moved.mark, told_by().mark}
    assert len(marks) == 4
    assert plain.mark == told_by(an_edition(date(2026, 10, 8), id=_id_of(plain))).mark


def _id_of(feed):
    """Editions of a rule keep no identity of their own: any will do."""
    assert feed.rules
    return UUID(int=9)


async def test_a_feed_is_written_once_for_everybody():
    name = f"Les jeudis {uuid4()}"
    one, again, other = (feeds.Feed(name=text) for text in (name, name, name + "!"))
    written = await feeds.written(one)
    assert await feeds.written(again) is written
    assert await feeds.written(other) != written


# Any rule that a page accepts

WEEKDAYS = st.lists(st.sampled_from(rules.WEEKDAYS), min_size=1, max_size=3, unique=True)
ENDS = st.sampled_from(["", ";COUNT=5", ";UNTIL=20280630"])


@st.composite
def rules_of_pages(draw) -> str:
    """A rule such as the form and the API take."""
    every = f";INTERVAL={draw(st.integers(1, 3))}"
    days = ",".join(draw(WEEKDAYS))
    nth = draw(st.sampled_from([-2, -1, 1, 2, 3, 4, 5]))
    in_month = draw(st.sampled_from([-1, 1, 15, 29, 30, 31]))
    form = draw(
        st.sampled_from(
            [
                "FREQ=DAILY",
                f"FREQ=WEEKLY;BYDAY={days}",
                f"FREQ=MONTHLY;BYDAY={nth}{days[:2]}",
                f"FREQ=MONTHLY;BYMONTHDAY={in_month}",
                f"FREQ=MONTHLY;BYDAY={days};BYSETPOS={-1 if nth < 0 else 1}",
                "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
                f"FREQ=YEARLY;BYMONTH=3,10;BYDAY={nth}{days[:2]}",
            ]
        )
    )
    return form + every + draw(ENDS)


@settings(max_examples=60)
@given(
    text=rules_of_pages(),
    start=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    key=st.sampled_from(ZONES),
)
def test_a_reader_sees_the_dates_that_the_pages_show(text, start, key):
    try:
        rule = rules.parse(text)
    except Invalid:
        reject()
    first = next(rules.dates(rule, start, start + timedelta(days=1500)), None)
    assume(first is not None)
    kept = a_rule(str(rule), first, time_zone=key)
    [told] = feeds.series_feed(JEUDIS, [kept], [], VOICE, 2031).rules
    ics = calendars.series_feed("x", [told], last_year=2031)
    until = first + timedelta(days=1461 if rule.freq == "YEARLY" else 200)
    found = recurring_ical_events.of(Calendar.from_ical(ics)).between(first, until)
    seen = sorted(one["DTSTART"].dt.astimezone(UTC) for one in found)
    last = until - timedelta(days=1)
    shown = [recurrences.span_of(kept, day)[0] for day in rules.dates(rule, first, last)]
    assert seen == shown
