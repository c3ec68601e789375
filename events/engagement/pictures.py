"""Pictures: the drawings of a report, the same on a page and on paper."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from events.engagement.effects import Finding, Lift
from events.engagement.lift import Reading
from events.engagement.metrics import Attendance
from events.engagement.reports import BIN, Arrival, MeetupReport, Step
from events.engagement.sentences import signed
from server import charts
from server.charts import Chart, Palette, Words
from server.i18n import Lazy, hour, lazy, number, percent, short_date, zone
from server.i18n import gettext as _

MINUTES = 60
PAD = 0.15

STEPS: dict[str, Lazy] = {
    "asked": lazy("Asked for a place"),
    "registered": lazy("Registered"),
    "came_registered": lazy("Came, of the registered"),
    "active_after": lazy("Active online afterwards"),
}


def arrivals(report: MeetupReport, palette: Palette) -> Chart | None:
    """How the room filled, ten minutes after ten minutes."""
    if len(report.arrivals) < 2:  # noqa: PLR2004 - one moment is no curve
        return None
    first, last = report.arrivals[0].at, report.arrivals[-1].at
    # The axis is an hour at least: the time to spare stands before, not in the future.
    start = min(first - BIN, last - timedelta(hours=1))
    midnight = start.replace(hour=0, minute=0)

    def clock(minute: float) -> str:
        return hour(midnight + timedelta(minutes=minute), report.about.time_zone)

    empty = sorted({start, first - BIN})
    points = [charts.Point(_minute(at, midnight), 0) for at in empty]
    points += [
        charts.Point(_minute(one.at, midnight), one.so_far) for one in report.arrivals
    ]
    words = Words(
        title=_("Arrivals"),
        description=_(
            "%(people)s people had come around %(at)s.",
            people=number(report.arrivals[-1].so_far),
            at=clock(points[-1].at),
        ),
        columns=(_("Around"), _("Came so far")),
        number=number,
        label=clock,
    )
    return charts.arrival_curve(points, words, palette)


def _minute(at: datetime, midnight: datetime) -> float:
    return (at - midnight).total_seconds() / MINUTES


def half_there(report: MeetupReport) -> datetime | None:
    """Around when half of those who came were there, if arrivals were seen."""
    seen: Sequence[Arrival] = report.arrivals
    if not seen:
        return None
    return next(one.at for one in seen if 2 * one.so_far >= seen[-1].so_far)


def funnel(steps: Sequence[Step], palette: Palette) -> Chart:
    """From asking for a place to being active online, as far as it was measured."""
    rows, before = [], None
    for step in steps:
        note = percent(step.value / before) if before else ""
        rows.append(charts.Step(str(STEPS[step.key]), step.value, note))
        before = step.value
    words = Words(
        title=_("From registering to taking part"),
        description=", ".join(f"{row.name} {number(row.value or 0)}" for row in rows),
        columns=(_("Step"), _("People"), _("Share of the step before")),
        number=number,
    )
    return charts.funnel(rows, words, palette)


def interval(lift: Lift, finding: Finding, palette: Palette) -> Chart | None:
    """An effect and its interval against no difference, if it may be shown."""
    effect = finding.effect
    if effect is None:
        return None
    low, high = min(0.0, effect.low), max(0.0, effect.high)
    room = (high - low) * PAD
    words = Words(
        title=_("Estimated difference"),
        description=_(
            "%(estimate)s, 95%% interval from %(low)s to %(high)s, over %(meetups)s.",
            estimate=signed(effect.estimate),
            low=signed(effect.low),
            high=signed(effect.high),
            meetups=number(lift.meetups),
        ),
        columns=(_("Low"), _("Estimate"), _("High")),
        number=signed,
        label=lambda _zero: _("no difference"),
    )
    says: dict[Reading, charts.Says] = {Reading.RISE: "rise", Reading.FALL: "fall"}
    return charts.interval(
        charts.Span(effect.low, effect.estimate, effect.high),
        (low - room, high + room),
        says.get(finding.reading, "unsure"),
        words,
        palette,
    )


def attendance(meetups: Sequence[Attendance], palette: Palette) -> Chart:
    """Who came to each meetup of a series: those who had come before, and the others."""
    rows = [
        charts.Row(
            _day(one),
            (one.returning, one.attended - one.returning) if one.attended else (None, None),
        )
        for one in meetups
    ]
    words = Words(
        title=_("Who came, meetup after meetup"),
        description=", ".join(
            f"{row.name} {number(one.attended) if one.attended else '—'}"
            for row, one in zip(rows, meetups, strict=True)
        ),
        columns=(_("Meetup"), _("Came before"), _("First time in the series")),
        number=number,
    )
    return charts.bars(rows, words, palette)


def _day(one: Attendance) -> str:
    """The day of a meetup without its year, so that many fit below their bars."""
    year = str(one.starts_at.astimezone(zone(one.time_zone)).year)
    return short_date(one.starts_at, one.time_zone).replace(year, "").strip(", \u00a0")
