"""Bodies: a report as machines and spreadsheets read it, from the one value all share."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from events.engagement.effects import Lift
from events.engagement.metrics import Attendance, Figure, State, Unit
from events.engagement.reports import Arrival, MeetupReport, SeriesReport, Step
from events.engagement.sentences import Said, Shown, evidence, said, shown
from server.i18n import gettext as _

COLUMNS = (
    *("section", "key", "label", "value", "unit"),
    *("state", "n", "note", "definition"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class LiftBody(msgspec.Struct, frozen=True):
    """An effect with its words."""

    asked: Lift
    said: list[Said]
    evidence: list[str]


class MeetupBody(msgspec.Struct, frozen=True):
    """The report of a meetup, as machines read it."""

    slug: str
    title: str
    starts_at: datetime
    time_zone: str
    as_of: datetime
    figures: list[Shown]
    arrivals: list[Arrival]
    steps: list[Step]
    lift: LiftBody | None
    pooled: LiftBody | None


class SeriesBody(msgspec.Struct, frozen=True):
    """The report of a series, as machines read it; `shared` counts pairs by meetups."""

    slug: str
    name: str
    as_of: datetime
    figures: list[Shown]
    meetups: list[Attendance]
    shared: dict[int, int]
    lift: LiftBody | None


# Rules


def lift_body(lift: Lift | None) -> LiftBody | None:
    """An effect with its words in the reader's language."""
    if lift is None:
        return None
    return LiftBody(lift, [said(lift, one_) for one_ in lift.findings], evidence(lift))


def body(report: MeetupReport) -> MeetupBody:
    """The report of a meetup in the reader's language."""
    return MeetupBody(
        slug=report.about.slug,
        title=report.about.title,
        starts_at=report.about.starts_at,
        time_zone=report.about.time_zone,
        as_of=report.as_of,
        figures=[shown(figure) for figure in report.figures],
        arrivals=report.arrivals,
        steps=report.steps,
        lift=lift_body(report.lift),
        pooled=lift_body(report.pooled),
    )


def series_body(report: SeriesReport) -> SeriesBody:
    """The report of a series in the reader's language."""
    return SeriesBody(
        slug=report.slug,
        name=report.name,
        as_of=report.as_of,
        figures=[shown(figure) for figure in report.figures],
        meetups=report.meetups,
        shared=report.shared,
        lift=lift_body(report.lift),
    )


def as_json(report: MeetupReport | SeriesReport) -> bytes:
    """The report for a machine."""
    one_ = body(report) if isinstance(report, MeetupReport) else series_body(report)
    return msgspec.json.format(msgspec.json.encode(one_), indent=2) + b"\n"


def as_csv(report: MeetupReport | SeriesReport) -> bytes:
    """The report for a spreadsheet: a missing value is empty and its state says so."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(COLUMNS)
    rows = (
        _meetup_rows(report) if isinstance(report, MeetupReport) else _series_rows(report)
    )
    for row in rows:
        filled = (*row, *[""] * (len(COLUMNS) - len(row)))
        table.writerow([_cell(value) for value in filled])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _cell(value: object) -> object:
    """A value that no spreadsheet takes for a formula; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value


def _figure_rows(figures: Iterable[Figure]) -> Iterator[Sequence[object]]:
    for one_ in map(shown, figures):
        value = (
            int(one_.value) if _is_whole(one_) and one_.value is not None else one_.value
        )
        yield (
            *("figure", one_.key, one_.label, value, one_.unit.value),
            *(one_.state.value, one_.n, one_.note, one_.meaning),
        )


def _is_whole(one_: Shown) -> bool:
    return one_.unit is not Unit.SHARE


def _meetup_rows(report: MeetupReport) -> Iterator[Sequence[object]]:
    meetup = report.about
    yield ("meetup", meetup.slug, meetup.title, meetup.on.isoformat())
    yield from _figure_rows(report.figures)
    for arrival in report.arrivals:
        yield ("arrivals", arrival.at.isoformat(), _("Came so far"), arrival.so_far)
    yield from _lift_rows("lift", report.lift)
    yield from _lift_rows("pooled_lift", report.pooled)


def _series_rows(report: SeriesReport) -> Iterator[Sequence[object]]:
    yield ("series", report.slug, report.name)
    yield from _figure_rows(report.figures)
    for one_ in report.meetups:
        state = State.MEASURED if one_.attended else State.MISSING
        value = one_.attended or None
        yield ("attendance", one_.slug, one_.title, value, "people", state.value)
        yield (
            "returning",
            one_.slug,
            one_.title,
            one_.returning if value else None,
            "people",
        )
    for times, pairs in report.shared.items():
        label = _("Pairs who shared this many meetups")
        yield ("co_attendance", times, label, pairs, "pairs", State.MEASURED.value)
    yield from _lift_rows("lift", report.lift)


def _lift_rows(section: str, lift: Lift | None) -> Iterator[Sequence[object]]:
    if lift is None:
        return
    for finding in lift.findings:
        words = said(lift, finding)
        note = f"{words.headline} {words.text}"
        key, state = finding.outcome.value, finding.reading.value
        effect = finding.effect
        n = effect.n_treated if effect else None
        value = effect.estimate if effect else None
        yield (section, f"{key}.effect", words.headline, value, key, state, n, note)
        if effect:
            yield (section, f"{key}.low", "", effect.low, key, state)
            yield (section, f"{key}.high", "", effect.high, key, state)
            yield (section, f"{key}.standard_error", "", effect.standard_error, key, state)
            yield (section, f"{key}.compared", "", effect.n_compared, "people", state)
            yield (section, f"{key}.grade", "", finding.grade.value, "", state)
