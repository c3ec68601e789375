"""Curves: how a room filled, and the course of a value in the smallest room."""

from collections.abc import Iterable, Sequence

from server.charts.ink import Chart, Palette, Words, draw_text
from server.charts.plots import Plot, Trace
from server.charts.scales import (
    Point,
    all_known,
    clock_ticks,
    drawable,
    set_apart,
    share_between,
    ticks,
)

HOUR = 60.0


def arrival_curve(
    points: Sequence[Point],
    words: Words,
    palette: Palette,
    usual: Sequence[Point] | None = None,
    capacity: float | None = None,
) -> Chart:
    """Draw how a room filled, against the usual evening and the places there are."""
    drawn, before = _timed(points), _timed(usual or ())
    both = drawn + before
    values = all_known([point.value for point in both] + [capacity])
    plot = Plot(palette, ticks(min([0.0, *values]), max([0.0, *values]), least=1))
    moments = [point.at for point in both] or [0.0]
    start, end = set_apart(min(moments), max(*moments, min(moments) + HOUR))
    trace = Trace(plot, start, end)
    limit = drawable(capacity)
    roof = [] if limit is None else [Point(start, limit), Point(end, limit)]
    known = [point for point in drawn if drawable(point.value) is not None]
    peak = [max(known, key=lambda point: drawable(point.value) or 0.0)] if known else []
    paths = trace.area(drawn) + trace.line("c-usual", before) + trace.line("c-cap", roof)
    paths += trace.line("c-line", drawn) + trace.line("c-dot", peak)
    hours = _hours(trace, words) if both else ""
    body = plot.grid(words) + hours + trace.inside(paths)
    svg = plot.sheet(words, body)
    return Chart(svg, words.columns, _curve_rows(points, usual, words))


def _timed(points: Iterable[Point]) -> list[Point]:
    """Return the points whose moment is known, in order of time."""
    cleaned = [Point(at, p.value) for p in points if (at := drawable(p.at)) is not None]
    return sorted(cleaned, key=lambda point: point.at)


def _hours(trace: Trace, words: Words) -> str:
    """Write the hours below a curve."""
    plot, soft = trace.plot, trace.plot.palette.ink("soft")
    return "".join(
        draw_text(
            soft,
            plot.x(share_between(tick, trace.start, trace.end)),
            198,
            words.label(tick),
        )
        for tick in clock_ticks(trace.start, trace.end)
    )


def _curve_rows(
    points: Sequence[Point], usual: Sequence[Point] | None, words: Words
) -> tuple[tuple[str, ...], ...]:
    """Return a curve as rows: the moment, this evening, and the usual one if given."""
    before = {point.at: point.value for point in usual or ()}
    tonight = {point.at: point.value for point in points}
    moments = [at for at in {**tonight, **before} if drawable(at) is not None]
    columns = [tonight] if usual is None else [tonight, before]
    return tuple(
        (words.label(at), *(words.value(column.get(at)) for column in columns))
        for at in sorted(moments)
    )


def spark(values: Sequence[float | None], words: Words, palette: Palette) -> Chart:
    """Draw the course of a value in the smallest room, its last known place marked."""
    points = [Point(float(n), value) for n, value in enumerate(values)]
    known = all_known(values)
    marks = list(set_apart(min([0.0, *known]), max([0.0, *known])))
    plot = Plot(palette, marks, left=0.02, right=0.98, top=6.0, bottom=66.0)
    trace = Trace(plot, 0.0, max(1.0, float(len(points) - 1)))
    last = [point for point in points if drawable(point.value) is not None][-1:]
    paths = trace.area(points) + trace.line("c-line", points) + trace.line("c-dot", last)
    more = {"class_": "spark"} if palette.is_page else {}
    table = tuple((words.label(point.at), words.value(point.value)) for point in points)
    return Chart(palette.root(words, 72, trace.inside(paths), **more), words.columns, table)
