"""Rhythms: when the editions of a series take place, given once and changed later.

Changing the dates says which it means: this date and the following ones, or all to come.
One edition alone is changed on the page of its meetup.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from events.admission import tickets, timetables
from events.admission.timetables import Outcome
from events.planning import hours, recurrences, rules, series
from events.planning.recurrences import Recurrence, Rhythm
from events.planning.rules import Pattern
from events.planning.series import Series
from server import workspaces
from server.audit import Actor
from server.database import scoped
from server.errors import Conflict, Invalid, NotFound
from server.forms import Form, Line, Tick, read
from server.i18n import Lazy, lazy, long_date, ngettext
from server.i18n import gettext as _
from server.look import Look
from server.web import Asking, away, page, typed
from server.workspaces import Seat

A_DAY = 24 * 60
SHOWN = 6
FAR = timedelta(days=3660)
PATTERNS = (
    (Pattern.WEEKLY, lazy("Every week, that weekday")),
    (Pattern.MONTHLY_WEEKDAY, lazy("Every month, that weekday of its week")),
    (Pattern.MONTHLY_LAST, lazy("Every month, its last such weekday")),
    (Pattern.MONTHLY_DAY, lazy("Every month, that day")),
    (Pattern.YEARLY, lazy("Every year, that date")),
    (Pattern.OWN, lazy("A rule of one’s own")),
)


class DatesForm(Form, kw_only=True):
    """When editions take place."""

    starts_on: date
    starts: Line
    ends: Line
    pattern: Pattern
    interval: int | None = None
    rule: Line | None = None
    until: date | None = None
    count: int | None = None
    since: date | None = None
    scope: Line | None = None
    include_apart: Tick = Tick(0)


@dataclass(frozen=True)
class Desk:
    """Who plans, where and when."""

    asking: Asking
    look: Look
    by: Actor
    now: datetime

    @property
    def post(self) -> timetables.Desk:
        settings = self.asking.settings
        return timetables.Desk(self.look, settings.origin, tickets.keys_of(settings))


# Rules


def rhythm_of(form: DatesForm, time_zone: str) -> Rhythm:
    """The rhythm that was typed, or Invalid with a sentence for each wrong answer."""
    starts, ends = hours.clock(form.starts), hours.clock(form.ends)
    wrong: dict[str, str | Lazy] = {
        name: hours.UNREADABLE
        for name, at in (("starts", starts), ("ends", ends))
        if at is None
    }
    if form.interval is not None and not 1 <= form.interval <= rules.MOST_INTERVAL:
        wrong["interval"] = lazy("Between 1 and 400.")
    if form.count is not None and not 1 <= form.count <= rules.MOST_COUNT:
        wrong["count"] = lazy("Between 1 and 1,000 editions.")
    if form.count is not None and form.until is not None:
        wrong["count"] = lazy("Give a last day or a number of editions, not both.")
    if form.pattern is Pattern.OWN and not form.rule:
        wrong["rule"] = lazy("This answer is missing.")
    if wrong or starts is None or ends is None:
        raise Invalid(**wrong)
    return Rhythm(
        rule=_rule(form),
        starts_on=form.starts_on,
        starts_time=starts,
        minutes=_minutes(starts, ends),
        time_zone=time_zone,
    )


def _rule(form: DatesForm) -> str:
    if form.pattern is Pattern.OWN:
        return form.rule or ""
    rule = rules.patterned(
        form.pattern,
        form.starts_on,
        interval=form.interval or 1,
        count=form.count,
        until=form.until,
    )
    return str(rule)


def next_dates(answers: Mapping[str, Any], time_zone: str) -> list[str]:
    """The first days that these answers name, in words; none while they cannot be read."""
    try:
        rhythm = rhythm_of(read(DatesForm, answers), time_zone)
        rule = rules.parse(rhythm.rule)
        days = rules.dates(rule, rhythm.starts_on, rhythm.starts_on + FAR)
        return [long_date(day) for day in islice(days, SHOWN)]
    except (Invalid, OverflowError):
        return []


def _minutes(starts: time, ends: time) -> int:
    """How long an evening lasts that may end the next day."""
    first, last = (at.hour * 60 + at.minute for at in (starts, ends))
    return (last - first) % A_DAY or A_DAY


def shown_of(recurrence: Recurrence, day: date) -> dict[str, Any]:
    """A rule as the form shows it, from this day on."""
    rule = rules.parse(recurrence.rule)
    pattern = rules.pattern_of(rule, recurrence.starts_on)
    starts = recurrence.starts_time
    ends = (starts.hour * 60 + starts.minute + recurrence.minutes) % A_DAY
    before = rules.dates(rule, recurrence.starts_on, day)
    rest = rule.count - sum(one < day for one in before) if rule.count else None
    return {
        "starts_on": day.isoformat(),
        "starts": f"{starts:%H:%M}",
        "ends": f"{ends // 60:02}:{ends % 60:02}",
        "pattern": pattern.value,
        "interval": str(rule.interval),
        "rule": str(rule) if pattern is Pattern.OWN else "",
        "until": rule.until.isoformat() if rule.until else "",
        "count": str(rest) if rest and pattern is not Pattern.OWN else "",
        "since": day.isoformat(),
        "scope": "following",
    }


def words_of(done: Outcome) -> str:
    """What became of the editions that were prepared."""
    said = [_("The changes are kept.")]
    if done.moved:
        said.append(
            ngettext("%(num)s edition follows.", "%(num)s editions follow.", done.moved)
        )
    if done.told:
        said.append(
            ngettext(
                "%(num)s person is told by letter.",
                "%(num)s people are told by letter.",
                done.told,
            )
        )
    if done.apart:
        said.append(
            ngettext(
                "%(num)s that was changed by itself stays as it is.",
                "%(num)s that were changed by themselves stay as they are.",
                done.apart,
            )
        )
    if done.left:
        said.append(
            ngettext(
                "%(num)s finds no date: a draft is called off, a public one stands alone.",
                "%(num)s find no date: drafts are called off, public ones stand alone.",
                done.left,
            )
        )
    return " ".join(said)


def renamed(no: Invalid | Conflict) -> dict[str, str | Lazy]:
    """The sentences of a refusal by the form's names; a conflict is about all of it."""
    if isinstance(no, Conflict):
        return {"": str(no)}
    names = {
        "series": "name",
        "venue_id": "venue",
        "starts_time": "starts",
        "minutes": "ends",
    }
    return {names.get(name, name): text for name, text in no.fields.items()}


# When


@get("/series/{series_slug:str}/dates")
async def dates(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[Any]:
    desk = Desk(asking, await workspaces.look(seat.slug), by, now)
    async with scoped(by, readonly=True):
        found = await series.record_by_slug(series_slug)
        known = await recurrences.rules_of(found.id)
    wanted = request.query_params.get("since", "")
    for recurrence, day in recurrences.coming(known, now):
        if wanted in {"", day.isoformat()}:
            return await _dates(desk, found, shown_of(recurrence, day))
    if wanted:
        raise NotFound
    usual = {"starts": "19:00", "ends": "22:00", "pattern": Pattern.MONTHLY_WEEKDAY.value}
    return await _dates(desk, found, usual)


async def _dates(
    desk: Desk,
    found: Series,
    typed_: Mapping[str, Any],
    errors: Mapping[str, str | Lazy] | None = None,
) -> Response[str]:
    async with scoped(desk.by, readonly=True):
        known = await recurrences.rules_of(found.id)
        coming = list(islice(recurrences.coming(known, desk.now), 1))
    time_zone = coming[0][0].time_zone if coming else desk.look.time_zone
    since = str(typed_.get("since") or "")
    return page(
        desk.asking,
        "organize/rhythm.html",
        status=422 if errors else 200,
        workspace=desk.look,
        series=found,
        typed=typed_,
        errors={name: str(text) for name, text in (errors or {}).items()},
        patterns=[(one.value, str(name)) for one, name in PATTERNS],
        is_change=bool(coming),
        since=_day_words(since),
        place_of_clock=hours.city(time_zone),
        next_dates=next_dates(typed_, time_zone),
    )


def _day_words(text: str) -> str:
    try:
        return long_date(date.fromisoformat(text))
    except ValueError:
        return ""


@post("/series/{series_slug:str}/dates", status_code=303)
async def give_dates(
    request: Request[Any, Any, Any],
    *,
    asking: NamedDependency[Asking],
    by: NamedDependency[Actor],
    now: NamedDependency[datetime],
    seat: NamedDependency[Seat],
    series_slug: FromPath[str],
) -> Response[Any]:
    desk = Desk(asking, await workspaces.look(seat.slug), by, now)
    typed_ = await typed(request)
    is_only_shown = bool(typed_.pop("show", ""))
    async with scoped(by, readonly=True):
        found = await series.record_by_slug(series_slug)
        time_zone = await timetables.zone_of(found.id, now, desk.look.time_zone)
    try:
        form = read(DatesForm, typed_)
        rhythm = rhythm_of(form, time_zone)
        if is_only_shown:
            rules.parse(rhythm.rule)
            return await _dates(desk, found, typed_)
        done = await timetables.give(
            found.id,
            form.since if form.scope == "following" else None,
            rhythm,
            include_apart=bool(form.include_apart),
            desk=desk.post,
            by=by,
            now=now,
        )
    except (Invalid, Conflict) as no:
        return await _dates(desk, found, typed_, renamed(no))
    said = _("The dates are kept. Prepare the next editions when you are ready.")
    said = words_of(done) if done else said
    return away(asking, f"/w/{seat.slug}/series/{found.slug}", said=said)


WRITES: list[HTTPRouteHandler] = [dates, give_dates]
