"""A series comes back on the days its rule names, and on no other."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from time import perf_counter

import pytest
from dateutil.rrule import rrulestr
from hypothesis import given, settings
from hypothesis import strategies as st

from events.planning import phrases, recurrences, rules
from events.planning.recurrences import Rhythm
from events.planning.rules import Frequency, Pattern
from server.errors import Invalid
from server.i18n import zone

pytestmark = pytest.mark.pure
quickly = settings(max_examples=60, deadline=None)
YEARS = timedelta(days=366 * 6)
ODD_ZONES = (
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour of summer time
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "Pacific/Apia",
)


def days(text, starts_on, count=8):
    rule = rules.parse(text)
    return [
        f"{day:%Y-%m-%d}"
        for day in islice(rules.dates(rule, starts_on, starts_on + 2 * YEARS), count)
    ]


# What is read


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("RRULE:freq=monthly; byday=1th", "FREQ=MONTHLY;BYDAY=1TH"),
        ("FREQ=WEEKLY;INTERVAL=1;BYDAY=TH,TU,TH", "FREQ=WEEKLY;BYDAY=TU,TH"),
        ("FREQ=WEEKLY;WKST=MO;", "FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYMONTHDAY=31,-1", "FREQ=MONTHLY;BYMONTHDAY=-1,31"),
        ("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1", "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1"),
        ("FREQ=YEARLY;BYMONTH=3,1;COUNT=5", "FREQ=YEARLY;BYMONTH=1,3;COUNT=5"),
        ("FREQ=DAILY;UNTIL=20270301", "FREQ=DAILY;UNTIL=20270301"),
        ("FREQ=YEARLY;BYDAY=-53FR", "FREQ=YEARLY;BYDAY=-53FR"),
    ],
)
def test_a_rule_is_read_and_written_in_one_form(text, kept):
    assert str(rules.parse(text)) == kept
    assert rules.parse(kept) == rules.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", ";", "FREQ", "FREQ=", "FREQ=HOURLY", "BYDAY=MO", "FREQ=WEEKLY;BYDAY=1MO"),
        *("FREQ=DAILY;FREQ=DAILY", "FREQ=DAILY;BYHOUR=3", "FREQ=DAILY;BYWEEKNO=53"),
        *("FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=DAILY;INTERVAL=x"),
        *("FREQ=DAILY;COUNT=0", "FREQ=DAILY;COUNT=1001", "FREQ=DAILY;INTERVAL=401"),
        *("FREQ=MONTHLY;BYDAY=0MO", "FREQ=MONTHLY;BYDAY=6MO", "FREQ=MONTHLY;BYDAY=XX"),
        *(
            "FREQ=MONTHLY;BYDAY=1MO,TU",
            "FREQ=YEARLY;BYDAY=54MO",
            "FREQ=YEARLY;BYMONTH=2;BYDAY=6MO",
        ),
        *("FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=MONTHLY;BYMONTHDAY=32", "FREQ=DAILY;BYDAY=,"),
        *("FREQ=WEEKLY;BYMONTHDAY=3", "FREQ=YEARLY;BYMONTH=13", "FREQ=YEARLY;BYMONTH=x"),
        *("FREQ=DAILY;COUNT=2;UNTIL=20270101", "FREQ=DAILY;UNTIL=20270230"),
        *("FREQ=DAILY;UNTIL=20270101T000000Z", "FREQ=MONTHLY;BYSETPOS=1"),
        *("FREQ=DAILY;WKST=SU", "FREQ=DAILY;BYSETPOS=367;BYDAY=MO", "FREQ=DAILY;" * 60),
    ],
)
def test_what_lies_outside_is_refused_in_words(text):
    with pytest.raises(Invalid) as no:
        rules.parse(text)
    assert str(no.value.fields["rule"])


@quickly
@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text):
    try:
        rule = rules.parse(text)
    except Invalid:
        return
    assert rules.parse(str(rule)) == rule


# Which days


def test_the_31st_is_left_out_where_a_month_has_none():
    assert days("FREQ=MONTHLY;BYMONTHDAY=31", date(2026, 10, 31), 5) == [
        *("2026-10-31", "2026-12-31", "2027-01-31", "2027-03-31", "2027-05-31"),
    ]
    assert days("FREQ=MONTHLY;BYMONTHDAY=-1", date(2027, 1, 31), 3) == [
        *("2027-01-31", "2027-02-28", "2027-03-31"),
    ]


def test_the_29th_of_february_comes_every_four_years():
    text = "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"
    assert days(text, date(2024, 2, 29), 4) == [
        *("2024-02-29", "2028-02-29", "2032-02-29", "2036-02-29"),
    ]
    rule = rules.parse(text)
    assert list(rules.dates(rule, date(2096, 2, 29), date(2105, 1, 1))) == [
        *(date(2096, 2, 29), date(2104, 2, 29)),  # 2100 has none
    ]


def test_two_weeks_stay_two_weeks_over_a_53rd_week():
    rule = rules.parse("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU")
    found = list(rules.dates(rule, date(2026, 12, 14), date(2027, 2, 1)))
    assert date(2026, 12, 28).isocalendar().week == 53
    assert [f"{day:%m-%d}" for day in found] == [
        *("12-14", "12-20", "12-28", "01-03", "01-11", "01-17", "01-25", "01-31"),
    ]


@pytest.mark.parametrize("year", [2015, 2020, 2026, 2032])
def test_a_year_of_53_weeks_has_53_evenings(year):
    thursdays = rules.dates(
        rules.parse("FREQ=WEEKLY;BYDAY=TH"),
        next(date(year, 1, d) for d in range(1, 8) if date(year, 1, d).weekday() == 3),
        date(year, 12, 31),
    )
    assert len(list(thursdays)) == 53


def test_an_end_is_kept_whether_counted_or_dated():
    assert len(days("FREQ=WEEKLY;COUNT=3", date(2026, 11, 5), 9)) == 3
    assert days("FREQ=DAILY;INTERVAL=3;UNTIL=20261111", date(2026, 11, 5), 9) == [
        *("2026-11-05", "2026-11-08", "2026-11-11"),
    ]
    rule = rules.parse("FREQ=DAILY;COUNT=3")
    assert list(rules.dates(rule, date(2026, 11, 5), date(2026, 11, 4))) == []
    assert str(rules.ended(rule, date(2026, 11, 6))) == "FREQ=DAILY;UNTIL=20261106"


def _has(rule, day):
    """Whether a rule without positions names this day, said again from the RFC's table."""
    last = calendar.monthrange(day.year, day.month)[1]
    of_year = (date(day.year, 12, 31) - date(day.year, 1, 1)).days + 1
    place, length = (day.day, last)
    if rule.freq is Frequency.YEARLY and not rule.months:
        place, length = day.timetuple().tm_yday, of_year
    ranks = {0, (place - 1) // 7 + 1, -((length - place) // 7 + 1)}
    return (
        (not rule.months or day.month in rule.months)
        and (not rule.month_days or {day.day, day.day - last - 1} & set(rule.month_days))
        and (
            not rule.weekdays
            or any(
                one.weekday == day.weekday() and one.number in ranks
                for one in rule.weekdays
            )
        )
    )


def _in_step(rule, starts_on, day):
    weeks = (
        day
        - day.resolution * day.weekday()
        - starts_on
        + starts_on.resolution * starts_on.weekday()
    ).days // 7
    apart = {
        Frequency.DAILY: (day - starts_on).days,
        Frequency.WEEKLY: weeks,
        Frequency.MONTHLY: (day.year - starts_on.year) * 12 + day.month - starts_on.month,
        Frequency.YEARLY: day.year - starts_on.year,
    }
    return apart[rule.freq] % rule.interval == 0


@st.composite
def wanted_rules(draw):
    freq = draw(st.sampled_from(list(Frequency)))
    parts = [f"FREQ={freq.value}", f"INTERVAL={draw(st.integers(1, 5))}"]
    most = {Frequency.MONTHLY: 5, Frequency.YEARLY: 5}.get(freq, 0)
    if draw(st.booleans()):
        numbers = (
            st.integers(-most, most).filter(bool)
            if most and draw(st.booleans())
            else st.just(0)
        )
        chosen = draw(
            st.lists(
                st.tuples(numbers, st.sampled_from(rules.WEEKDAYS)), min_size=1, max_size=4
            )
        )
        parts.append("BYDAY=" + ",".join(f"{n or ''}{day}" for n, day in chosen))
    if freq is not Frequency.WEEKLY and draw(st.booleans()):
        numbers = st.integers(-31, 31).filter(bool)
        chosen = draw(st.lists(numbers, min_size=1, max_size=4))
        parts.append("BYMONTHDAY=" + ",".join(map(str, chosen)))
    if draw(st.booleans()):
        chosen = draw(st.lists(st.integers(1, 12), min_size=1, max_size=3))
        parts.append("BYMONTH=" + ",".join(map(str, chosen)))
    return ";".join(parts)


STARTS = st.dates(date(2023, 1, 1), date(2030, 12, 31))


@quickly
@given(wanted_rules(), STARTS)
def test_the_days_are_those_the_definition_names(text, starts_on):
    rule = rules.spelled(rules.parse(text), starts_on)
    until = starts_on + timedelta(days=400)
    span = (starts_on + timedelta(days=n) for n in range(401))
    expected = [day for day in span if _has(rule, day) and _in_step(rule, starts_on, day)]
    assert list(rules.dates(rule, starts_on, until)) == expected


@quickly
@given(wanted_rules(), STARTS, st.integers(1, 20))
def test_another_reader_of_the_text_sees_the_same_days(text, starts_on, count):
    rule = rules.parse(f"{text};COUNT={count}")
    until = starts_on + timedelta(days=1500)
    other = rrulestr(f"{rule};WKST=MO", dtstart=datetime.combine(starts_on, time()))
    first, last = (datetime.combine(one, time()) for one in (starts_on, until))
    is_start = rules.is_day(rule, starts_on, starts_on)
    theirs = (
        [one.date() for one in other.between(first, last, inc=True)] if is_start else None
    )
    mine = list(rules.dates(rule, starts_on, until))
    assert theirs is None or mine == theirs
    assert all(one < two for one, two in pairwise(mine))
    assert len(mine) <= count


NEVER = (
    "FREQ=DAILY;BYDAY=MO;BYSETPOS=2",
    "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=5",
    "FREQ=MONTHLY;BYMONTHDAY=31;BYMONTH=2,4",
    "FREQ=YEARLY;BYDAY=MO;BYSETPOS=54",
    "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
)


@pytest.mark.parametrize("text", NEVER)
def test_a_rule_that_never_occurs_is_refused_at_once(text):
    rule, monday = rules.parse(text), date(2026, 11, 2)
    since = perf_counter()
    with pytest.raises(Invalid) as no:
        rules.check_start(rule, monday)
    assert perf_counter() - since < 0.2
    assert "starts_on" in no.value.fields
    assert list(rules.dates(rule, monday, date(2046, 1, 1))) == []


@quickly
@given(wanted_rules(), STARTS, st.lists(st.integers(-366, 366).filter(bool), max_size=3))
def test_every_rule_is_answered_in_time(text, starts_on, positions):
    chosen = f";BYSETPOS={','.join(map(str, positions))}" if positions else ""
    since = perf_counter()
    try:
        rule = rules.parse(text + chosen)
        rules.check_start(rule, starts_on)
    except Invalid:
        pass
    else:
        coming = rules.dates(rule, starts_on, recurrences.EVER[1])
        assert next(coming) == starts_on
    assert perf_counter() - since < 0.2


@pytest.mark.parametrize("freq", list(Frequency))
def test_the_days_end_with_the_calendar(freq):
    rule = rules.parse(f"FREQ={freq.value}")
    last = list(rules.dates(rule, date(9998, 6, 1), date.max))[-1]
    assert last > date(9999, 1, 1)


@quickly
@given(wanted_rules(), STARTS, st.integers(-6, 6).filter(bool))
def test_positions_choose_as_another_reader_does(text, starts_on, position):
    if "BY" not in text:
        text += ";BYDAY=MO,TH"
    until = starts_on + timedelta(days=1500)
    rule = rules.parse(f"{text};BYSETPOS={position};UNTIL={date(2098, 1, 1):%Y%m%d}")
    mine = list(rules.dates(rule, starts_on, until))
    # What is looked at goes on for ever when nothing is named: ask it only for as many.
    other = rrulestr(
        f"{text};BYSETPOS={position};COUNT={len(mine)};WKST=MO",
        dtstart=datetime.combine(starts_on, time()),
    )
    assert not mine or [one.date() for one in other] == mine


# What a page offers


@quickly
@given(st.sampled_from([one for one in Pattern if one is not Pattern.OWN]), STARTS)
def test_each_pattern_names_its_first_day_and_is_known_again(pattern, starts_on):
    rule = rules.patterned(pattern, starts_on, interval=2, count=4)
    is_last = starts_on.day + 7 > calendar.monthrange(starts_on.year, starts_on.month)[1]
    if pattern is not Pattern.MONTHLY_LAST or is_last:
        rules.check_start(rule, starts_on)
    else:
        with pytest.raises(Invalid):
            rules.check_start(rule, starts_on)
    assert rules.pattern_of(rule, starts_on) is pattern
    assert rules.spelled(rule, starts_on) == rule


def test_a_rule_that_no_page_offers_is_ones_own():
    rule = rules.parse("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=2")
    assert rules.pattern_of(rule, date(2026, 11, 3)) is Pattern.OWN


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=TH"),
        ("FREQ=MONTHLY", "FREQ=MONTHLY;BYMONTHDAY=5"),
        ("FREQ=MONTHLY;BYMONTH=11", "FREQ=MONTHLY;BYMONTH=11;BYMONTHDAY=5"),
        ("FREQ=YEARLY", "FREQ=YEARLY;BYMONTH=11;BYMONTHDAY=5"),
        ("FREQ=DAILY", "FREQ=DAILY"),
    ],
)
def test_what_the_first_day_implies_is_said(text, spelled):
    assert str(rules.spelled(rules.parse(text), date(2026, 11, 5))) == spelled


# In words


@pytest.mark.parametrize(
    ("text", "french", "english"),
    [
        ("FREQ=DAILY;INTERVAL=2", "Tous les 2 jours", "Every 2 days"),
        (
            "FREQ=WEEKLY;BYDAY=TU,TH",
            "Chaque semaine, le mardi et le jeudi",
            "Every week, on Tuesday and Thursday",
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=TH;COUNT=6",
            "Toutes les 2 semaines, le jeudi, 6 fois",
            "Every 2 weeks, on Thursday, 6 times",
        ),
        (
            "FREQ=MONTHLY;BYDAY=1TH",
            "Chaque mois, le premier jeudi",
            "Every month, on the first Thursday",
        ),
        (
            "FREQ=MONTHLY;BYDAY=-1FR",
            "Chaque mois, le dernier vendredi",
            "Every month, on the last Friday",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=1,31",
            "Chaque mois, le 1er et le 31",
            "Every month, on the first of the month and day 31",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=-2,-1",
            "Chaque mois, l’avant-dernier jour et le dernier jour",
            "Every month, on the last day but one and the last day",
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=-5",
            "Chaque mois, le 5e jour avant la fin",
            "Every month, on day 5 from the end",
        ),
        (
            "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
            "Chaque mois, le vendredi quand c’est le 13",
            "Every month, on Friday when it is day 13",
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1,-1",
            "Chaque mois, parmi le lundi et le mardi : le dernier et le premier",
            "Every month, among Monday and Tuesday: the last one and the first one",
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=3,-3",
            "Chaque mois, parmi le lundi et le mardi : le n° 3 avant la fin et le n° 3",
            "Every month, among Monday and Tuesday: number 3 from the end and number 3",
        ),
        (
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29",
            "Chaque année, le 29 février",
            "Every year, on February 29",
        ),
        (
            "FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=1",
            "Chaque année, le 1er mars",
            "Every year, on March 1",
        ),
        (
            "FREQ=YEARLY;BYMONTH=3,6;BYDAY=2SA",
            "Chaque année, en mars et juin, le deuxième samedi",
            "Every year, in March and June, on the second Saturday",
        ),
        (
            "FREQ=YEARLY;BYDAY=20MO,-20MO",
            "Chaque année, le lundi n° 20 avant la fin et le lundi n° 20",
            "Every year, on Monday number 20 from the end and Monday number 20",
        ),
        (
            "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
            "Chaque année, le 30/2",
            "Every year, on 30/2",
        ),
        (
            "FREQ=DAILY;UNTIL=20271231",
            "Chaque jour, jusqu’au vendredi 31 décembre 2027",
            "Every day, until Friday, December 31, 2027",
        ),
    ],
)
def test_a_rule_is_said_as_people_say_it(text, french, english):
    rule = rules.parse(text)
    assert phrases.sentence(rule, "fr").replace("\xa0", " ") == french
    assert phrases.sentence(rule, "en").replace("\xa0", " ") == english


# Hours


@quickly
@given(
    st.sampled_from(ODD_ZONES),
    STARTS,
    st.times().map(lambda at: at.replace(second=0, microsecond=0, fold=0)),
    st.integers(1, 600),
)
def test_the_hour_on_the_wall_stays_when_the_clocks_change(name, starts_on, at, minutes):
    rhythm = Rhythm(
        rule="FREQ=DAILY",
        starts_on=starts_on,
        starts_time=at,
        minutes=minutes,
        time_zone=name,
    )
    there = zone(name)
    for n in range(0, 370, 7):
        day = starts_on + timedelta(days=n)
        starts, ends = recurrences.span_of(rhythm, day)
        shown = starts.astimezone(there)
        assert ends - starts == timedelta(minutes=minutes)
        naive = datetime.combine(day, at)
        gap = (
            datetime.combine(day, at, there)
            .astimezone(UTC)
            .astimezone(there)
            .replace(tzinfo=None)
        )
        # The same hour, or as long after it as the clocks skip that night.
        assert (
            shown.replace(tzinfo=None) == naive or naive < shown.replace(tzinfo=None) == gap
        )


def test_an_hour_that_the_clocks_skip_comes_as_long_after():
    rhythm = Rhythm(
        rule="FREQ=DAILY",
        starts_on=date(2027, 3, 28),
        starts_time=time(2, 30),
        minutes=60,
        time_zone="Europe/Paris",
    )
    starts, _ = recurrences.span_of(rhythm, date(2027, 3, 28))
    assert starts.astimezone(zone("Europe/Paris")).strftime("%H:%M") == "03:30"
