"""Charts: the figures of a meetup as drawings that a page and a PDF share.

Each drawing is SVG with attributes only, so it passes a strict content policy and the
PDF engine alike, and comes with the same figures as rows of a table. A value that is
missing is a gap and never a zero; a value that is not finite is missing. Texts are
escaped here; their language, and how a number is written, is the caller's business.

Longer than a file should be: one hand, seven pictures that share it. The eighth makes
it a package of the same name.
"""

import html
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Literal, NamedTuple, Self

WIDTH = 320.0
HOUR = 60.0
LIMIT = 1e100
HIGH = 0.9
NICE = (1.0, 2.0, 5.0, 10.0)
CLOCK = (5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 360.0, 720.0, 1440.0)
SHADES = (1, 2, 3, 4, 6)
UNKNOWN_SHADE = 7
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
HEX = re.compile(r"#[0-9a-fA-F]{6}")
FOOT = ((40.4, 46.5), (39.7, 53.5), (36.5, 57.0), (30.0, 57.0))
BASE = "c-.7 7-3.9 10.5-10.4 10.5H18c-6.5 0-9.7-3.5-10.4-10.5"
TUMBLER = f"M4 3h40l-3.6 43.5{BASE}z"
Says = Literal["rise", "fall", "unsure"]

PRINTED_TEXT = 'font-family="Inter, sans-serif" fill="{%s}" font-size="%s"'
PRINTED_LINE = 'fill="none" stroke-linejoin="round" stroke-linecap="round"'
PRINTED = {
    "soft": PRINTED_TEXT % ("soft", "9.5"),
    "step": PRINTED_TEXT % ("ink", "10"),
    "said": PRINTED_TEXT % ("ink", "11") + ' font-weight="600"',
    "figure": PRINTED_TEXT % ("ink", "11") + ' font-weight="600"',
    "c-grid": 'stroke="{line}" stroke-width="0.6"',
    "c-base": 'stroke="{soft}" stroke-width="0.8"',
    "c-line": PRINTED_LINE + ' stroke="{accent}" stroke-width="2"',
    "c-dot": PRINTED_LINE + ' stroke="{accent}" stroke-width="7"',
    "c-area": 'fill="{tint}" fill-opacity="0.45"',
    "c-usual": PRINTED_LINE + ' stroke="{soft}" stroke-width="1.3" stroke-dasharray="4 4"',
    "c-cap": 'fill="none" stroke="{ink}" stroke-width="1.2" stroke-dasharray="1.5 3"',
    "c-1": 'fill="{accent}"',
    "c-2": 'fill="{mix66}"',
    "c-3": 'fill="{mix40}"',
    "c-4": 'fill="{tint}"',
    "c-5": 'fill="{line}" fill-opacity="0.55"',
    "c-6": 'fill="{ink}"',
    "c-7": 'fill="#ffffff" stroke="{soft}" stroke-width="0.8" stroke-dasharray="2 2"',
    "range": 'fill="{tint}"',
    "range unsure": 'fill="{line}"',
    "point": 'fill="{accent}" stroke="#ffffff" stroke-width="2.5"',
    "point unsure": 'fill="#ffffff" stroke="{ink}" stroke-width="2"',
    "axis": 'stroke="{soft}" stroke-width="0.8"',
    "zero": 'stroke="{ink}" stroke-width="1.3"',
    "liquid": 'fill="{accent}"',
    "top": 'stroke="#ffffff" stroke-width="1"',
    "wall": 'fill="none" stroke="{ink}" stroke-width="1.6" stroke-linejoin="round"',
    "mark90": 'stroke="{ink}" stroke-width="1" stroke-dasharray="2 2.5"',
}
ON_PAGE = {
    "soft": 'class="soft" fill="currentColor" font-size=".8125rem"',
    "step": 'fill="currentColor" font-size=".9375rem"',
    "said": 'fill="currentColor" font-size=".9375rem" font-weight="600"',
    "figure": 'class="said"',
    "c-7": 'class="c-7" stroke="currentColor" stroke-opacity=".55" stroke-dasharray="3 3"',
    "c-5": 'class="c-5" fill-opacity=".3"',
    "range unsure": 'class="range"',
    "point unsure": 'class="point"',
}


def plain(value: float) -> str:
    """Write a number with no language at all."""
    return str(value) if isinstance(value, int) else f"{value:.12g}"


@dataclass(frozen=True, slots=True)
class Words:
    """What a chart says in the reader's language.

    `columns` head the table; `number` writes a value, `label` a place on the axis.
    """

    title: str
    description: str
    columns: tuple[str, ...] = ()
    number: Callable[[float], str] = plain
    label: Callable[[float], str] = plain
    missing: str = "—"

    def value(self, value: float | None) -> str:
        """Write a value as given, or the sign for one we do not have."""
        if value is None or _clean(value) is None:
            return self.missing
        return self.number(value)


@dataclass(frozen=True, slots=True)
class Palette:
    """Where the ink comes from: the page's classes, or plain colours for print."""

    colours: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def page(cls) -> Self:
        """Return the palette of the site's style sheet, light and dark."""
        return cls()

    @classmethod
    def print(cls, accent: str, tint: str, ink: str, soft: str, line: str) -> Self:
        """Return a palette of plain colours, each written `#rrggbb`."""
        given = {"accent": accent, "tint": tint, "ink": ink, "soft": soft, "line": line}
        for name, colour in given.items():
            if not HEX.fullmatch(colour):
                message = f"{name} must be written #rrggbb"
                raise ValueError(message)
        return cls({**given, "mix66": _mix(accent, 0.66), "mix40": _mix(accent, 0.4)})

    @property
    def is_page(self) -> bool:
        """Is this drawing for the screen?"""
        return not self.colours

    def ink(self, name: str) -> str:
        """Return the attributes that paint one thing."""
        if self.is_page:
            return ON_PAGE.get(name, f'class="{name}"')
        return PRINTED[name].format_map(self.colours)

    def x(self, share: float) -> str:
        """Return a place across: a percentage on a page, which is fluid, else a length."""
        return f"{share * 100:.2f}%" if self.is_page else f"{share * WIDTH:.2f}"

    def root(self, words: Words, height: float, body: str, **more: str) -> str:
        """Wrap a drawing that is as wide as its place and has a height of its own."""
        size = 'width="100%"' if self.is_page else f'viewBox="0 0 {WIDTH:.0f} {height:.0f}"'
        return _svg(words, f'{size} height="{height:.0f}"', body, **more)


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, and the same figures as a table."""

    svg: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __html__(self) -> str:
        """Return the drawing to a template, which need not escape it again."""
        return self.svg


class Point(NamedTuple):
    """A value at a moment; moments are minutes on the clock of the wall."""

    at: float
    value: float | None


class Row(NamedTuple):
    """One stacked bar: a name below, and its parts from the ground up."""

    name: str
    parts: tuple[float | None, ...]


class Part(NamedTuple):
    """One stretch of a whole; shade 6 is for insiders, 7 for what is not known."""

    name: str
    value: float | None
    shade: int = 0


class Step(NamedTuple):
    """One step of a funnel; the note says its share of an earlier step in words."""

    name: str
    value: float | None
    note: str = ""
    is_estimated: bool = False


class Span(NamedTuple):
    """An estimate with its interval."""

    low: float | None
    point: float | None
    high: float | None


# Rules


def ticks(low: float, high: float, *, count: int = 4, least: float = 0) -> list[float]:
    """Return round places, at least so far apart, that cover all from low to high."""
    low, high = _apart(low, high)
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next((n * power for n in NICE if n * power >= rough * 0.999), 10 * power)
    return _steps(low, high, max(step, least))


def clock_ticks(low: float, high: float, *, count: int = 5) -> list[float]:
    """Return round minutes of the clock within low and high, few enough to read."""
    low, high = _apart(low, high)
    rough = (high - low) / count
    step = next((s for s in CLOCK if s >= rough), CLOCK[-1] * math.ceil(rough / CLOCK[-1]))
    inside = [tick for tick in _steps(low, high, step) if low <= tick <= high]
    return inside or [low]


def stepped(points: Iterable[Point]) -> list[Point]:
    """Turn exact counts into stairs: a count stays until the moment it changes."""
    stairs: list[Point] = []
    for point in points:
        if stairs and stairs[-1].value is not None and point.value is not None:
            stairs.append(Point(point.at, stairs[-1].value))
        stairs.append(point)
    return stairs


def _apart(low: float, high: float) -> tuple[float, float]:
    """Return two ends with some room between them, whatever was given."""
    low, high = min(low, high), max(low, high)
    size = max(abs(low), abs(high), 1.0)
    return (low, high) if high - low > size * 1e-9 else (low, low + size)


def _steps(low: float, high: float, step: float) -> list[float]:
    """Return the multiples of a step from below low to above high."""
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [n * step for n in range(first, last + 1)]


def _clean(value: float | None) -> float | None:
    """Return a value that can be drawn, or nothing where there is none."""
    if value is None or value != value or value in (math.inf, -math.inf):  # noqa: PLR0124
        return None
    return float(max(-LIMIT, min(LIMIT, value)))


def _known(values: Iterable[float | None]) -> list[float]:
    """Return the values that are there."""
    return [clean for value in values if (clean := _clean(value)) is not None]


def _lengths(values: Iterable[float | None]) -> list[float]:
    """Return what can be laid end to end: a part that is missing or negative is nil."""
    return [max(0.0, _clean(value) or 0.0) for value in values]


def _within(value: float, low: float, high: float) -> float:
    """Return the share of the way from low to high, never outside."""
    return max(0.0, min(1.0, (value - low) / (high - low)))


def _mix(colour: str, share: float) -> str:
    """Return a colour thinned with paper."""
    parts = [int(colour[n : n + 2], 16) for n in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - (255 - part) * share):02x}" for part in parts)


def _text(words: str) -> str:
    """Escape a text, without the characters XML forbids even when escaped."""
    return html.escape(ILLEGAL.sub("", words))


def _svg(words: Words, size: str, body: str, **more: str) -> str:
    """Return a drawing that says what it is to those who do not see it."""
    extra = "".join(f' {name.strip("_").replace("_", "-")}="{more[name]}"' for name in more)
    said = f"<title>{_text(words.title)}</title><desc>{_text(words.description)}</desc>"
    space = 'xmlns="http://www.w3.org/2000/svg"'
    return f'<svg {space} role="img" {size}{extra}>{said}{body}</svg>'


def _line(ink: str, x: tuple[str, str], y: tuple[float, float]) -> str:
    """Draw a straight line."""
    (x1, x2), (y1, y2) = x, y
    return f'<line {ink} x1="{x1}" x2="{x2}" y1="{y1:.2f}" y2="{y2:.2f}"/>'


def _rect(ink: str, x: str, width: str, y: float, height: float) -> str:
    """Draw a box."""
    return f'<rect {ink} x="{x}" width="{width}" y="{y:.2f}" height="{height:.2f}"/>'


def _label(ink: str, x: str, y: float, words: str, anchor: str = "middle") -> str:
    """Write a text."""
    place = f'x="{x}" y="{y:.2f}" text-anchor="{anchor}"'
    return f"<text {ink} {place}>{_text(words)}</text>"


# Drawings


class _Plot(NamedTuple):
    """A box with values upward, its labels at the left and room for names below."""

    palette: Palette
    marks: list[float]
    left: float = 0.1
    right: float = 0.94
    top: float = 12.0
    bottom: float = 178.0
    height: float = 204.0

    def x(self, share: float) -> str:
        """Return the place of a share of the width."""
        return self.palette.x(self.left + share * (self.right - self.left))

    def y(self, value: float) -> float:
        """Return the height of a value."""
        share = _within(value, self.marks[0], self.marks[-1])
        return self.bottom - share * (self.bottom - self.top)

    def sheet(self, words: Words, body: str) -> str:
        """Wrap the drawing; the last hour may lean over its edge."""
        return self.palette.root(words, self.height, body, overflow="visible")

    def grid(self, words: Words) -> str:
        """Draw the round values and the lines they stand on."""
        across, edge = (self.x(0), self.x(1)), self.palette.x(self.left - 0.02)
        parts: list[str] = []
        for mark in self.marks:
            name = "c-base" if mark == max(0.0, self.marks[0]) else "c-grid"
            parts.append(_line(self.palette.ink(name), across, (self.y(mark),) * 2))
            written = words.number(mark)
            soft = self.palette.ink("soft")
            parts.append(_label(soft, edge, self.y(mark) + 4, written, "end"))
        return "".join(parts)


class _Trace(NamedTuple):
    """How to turn moments and values into a path inside a plot."""

    plot: _Plot
    start: float
    end: float

    def place(self, at: float, value: float) -> tuple[float, float]:
        """Return where a point lies: of a hundred on a page, else in the drawing."""
        plot, across = self.plot, _within(at, self.start, self.end)
        if plot.palette.is_page:
            down = (plot.y(value) - plot.top) / (plot.bottom - plot.top)
            return across * 100, down * 100
        left, right = plot.left * WIDTH, plot.right * WIDTH
        return left + across * (right - left), plot.y(value)

    def runs(self, points: Iterable[Point]) -> list[list[tuple[float, float]]]:
        """Return the unbroken stretches of a line; a missing value breaks it."""
        runs: list[list[tuple[float, float]]] = [[]]
        for point in points:
            value = _clean(point.value)
            if value is None:
                runs.append([])
            else:
                runs[-1].append(self.place(point.at, value))
        return [run for run in runs if run]

    def line(self, name: str, points: Iterable[Point]) -> str:
        """Draw a line; a point alone between two gaps stays visible as a dot."""
        paths = [
            _path(run) + ("h.001" if len(run) == 1 else "") for run in self.runs(points)
        ]
        return (
            f'<path {self.plot.palette.ink(name)} d="{"".join(paths)}"/>' if paths else ""
        )

    def area(self, points: Iterable[Point]) -> str:
        """Fill what lies between a line and the ground."""
        _, ground = self.place(self.start, max(0.0, self.plot.marks[0]))
        paths = [
            f"{_path(run)}L{run[-1][0]:.2f} {ground:.2f}L{run[0][0]:.2f} {ground:.2f}z"
            for run in self.runs(points)
        ]
        ink = self.plot.palette.ink("c-area")
        return f'<path {ink} d="{"".join(paths)}"/>' if paths else ""

    def inside(self, body: str) -> str:
        """Put paths in place; on a page they stretch with it while texts do not."""
        plot = self.plot
        if not plot.palette.is_page:
            return body
        width = plot.palette.x(plot.right - plot.left)
        box = f'x="{plot.x(0)}" y="{plot.top:.0f}" width="{width}"'
        view = 'viewBox="0 0 100 100" preserveAspectRatio="none" overflow="visible"'
        return f'<svg {box} height="{plot.bottom - plot.top:.0f}" {view}>{body}</svg>'


def _path(run: Sequence[tuple[float, float]]) -> str:
    """Write the commands of one unbroken line."""
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in run)


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
    values = _known([point.value for point in both] + [capacity])
    plot = _Plot(palette, ticks(min([0.0, *values]), max([0.0, *values]), least=1))
    moments = [point.at for point in both] or [0.0]
    start, end = _apart(min(moments), max(*moments, min(moments) + HOUR))
    trace = _Trace(plot, start, end)
    limit = _clean(capacity)
    roof = [] if limit is None else [Point(start, limit), Point(end, limit)]
    known = [point for point in drawn if _clean(point.value) is not None]
    peak = [max(known, key=lambda point: _clean(point.value) or 0.0)] if known else []
    paths = trace.area(drawn) + trace.line("c-usual", before) + trace.line("c-cap", roof)
    paths += trace.line("c-line", drawn) + trace.line("c-dot", peak)
    hours = _hours(trace, words) if both else ""
    body = plot.grid(words) + hours + trace.inside(paths)
    svg = plot.sheet(words, body)
    return Chart(svg, words.columns, _curve_rows(points, usual, words))


def _timed(points: Iterable[Point]) -> list[Point]:
    """Return the points whose moment is known, in order of time."""
    cleaned = [Point(at, p.value) for p in points if (at := _clean(p.at)) is not None]
    return sorted(cleaned, key=lambda point: point.at)


def _hours(trace: _Trace, words: Words) -> str:
    """Write the hours below a curve."""
    plot, soft = trace.plot, trace.plot.palette.ink("soft")
    return "".join(
        _label(soft, plot.x(_within(tick, trace.start, trace.end)), 198, words.label(tick))
        for tick in clock_ticks(trace.start, trace.end)
    )


def _curve_rows(
    points: Sequence[Point], usual: Sequence[Point] | None, words: Words
) -> tuple[tuple[str, ...], ...]:
    """Return a curve as rows: the moment, this evening, and the usual one if given."""
    before = {point.at: point.value for point in usual or ()}
    tonight = {point.at: point.value for point in points}
    moments = [at for at in {**tonight, **before} if _clean(at) is not None]
    columns = [tonight] if usual is None else [tonight, before]
    return tuple(
        (words.label(at), *(words.value(column.get(at)) for column in columns))
        for at in sorted(moments)
    )


def bars(rows: Sequence[Row], words: Words, palette: Palette) -> Chart:
    """Draw one stacked bar per meetup, with its total above where all of it is known."""
    lengths = [_lengths(row.parts) for row in rows]
    highest = max((sum(parts) for parts in lengths), default=0.0)
    plot = _Plot(palette, ticks(0.0, highest, least=1), top=22.0)
    totals = [_total(row, words) for row in rows]
    names_every = _every([row.name for row in rows], 40)
    totals_every = _every(totals, 20)
    body = plot.grid(words)
    for n, row in enumerate(rows):
        places = ((n + 0.15) / len(rows), (n + 0.5) / len(rows), 0.7 / len(rows))
        shown = _bar(plot, places, lengths[n], f"{row.name}: {_parts_said(row, words)}")
        middle = plot.x(places[1])
        if n % totals_every == 0:
            above = plot.y(sum(lengths[n])) - 6
            shown += _label(palette.ink("said"), middle, above, totals[n])
        if n % names_every == 0:
            shown += _label(palette.ink("soft"), middle, 198, row.name)
        body += shown
    table = tuple((row.name, *map(words.value, row.parts)) for row in rows)
    return Chart(plot.sheet(words, body), words.columns, table)


def _total(row: Row, words: Words) -> str:
    """Write the total of a bar, where all of it is known."""
    known = _known(row.parts)
    is_whole = 0 < len(known) == len(row.parts)
    return words.number(sum(known)) if is_whole else words.missing


def _every(texts: Sequence[str], room: int) -> int:
    """Return which texts to write, every one or fewer, so that a phone shows them."""
    longest = max((len(text) for text in texts), default=0)
    return max(1, math.ceil(len(texts) * longest / room))


def _parts_said(row: Row, words: Words) -> str:
    """Return the parts of one bar in one line."""
    return ", ".join(words.value(part) for part in row.parts)


def _bar(
    plot: _Plot, places: tuple[float, float, float], parts: Sequence[float], said: str
) -> str:
    """Draw one bar from the ground up, a hair apart between its parts."""
    left, _, width = places
    across = plot.palette.x(width * (plot.right - plot.left))
    body, ground = f"<title>{_text(said)}</title>", 0.0
    for n, part in enumerate(parts):
        foot, head = plot.y(ground), plot.y(ground + part)
        ground += part
        if part > 0:
            tall = max(0.5, foot - head - (1 if n else 0))
            ink = plot.palette.ink(f"c-{_shade(n, len(parts))}")
            body += _rect(ink, plot.x(left), across, head, tall)
    return f"<g>{body}</g>"


def _shade(n: int, count: int) -> int:
    """Return the shade of one part; two parts stand as far apart as shades can."""
    return (1, 4)[n] if count == 2 else SHADES[n % len(SHADES)]  # noqa: PLR2004


def stacked(parts: Sequence[Part], words: Words, palette: Palette) -> Chart:
    """Draw a whole cut in parts, from left to right; each is counted once."""
    shares = _shares(_lengths(part.value for part in parts))
    ends = list(accumulate(shares))
    body = ""
    for n, (part, share, end) in enumerate(zip(parts, shares, ends, strict=True)):
        if share > 0:
            shade = part.shade or _shade(n, len(parts))
            body += f"<g><title>{_text(f'{part.name}: {words.value(part.value)}')}</title>"
            body += _stretch(palette, shade, max(0.0, end - share), share) + "</g>"
    if not body:
        body = _stretch(palette, UNKNOWN_SHADE, 0.0, 1.0)
    more = {"class_": "stacked"} if palette.is_page else {}
    table = tuple((part.name, words.value(part.value)) for part in parts)
    return Chart(palette.root(words, 40, body, **more), words.columns, table)


def _stretch(palette: Palette, shade: int, start: float, share: float) -> str:
    """Draw one part of a whole, set apart from its neighbours on paper."""
    ink = palette.ink(f"c-{shade}")
    if shade == UNKNOWN_SHADE:
        return _dashed(palette, (start, share), (2, 36))
    if not palette.is_page:
        ink += ' stroke="#ffffff" stroke-width="1"'
    return _rect(ink, palette.x(start), palette.x(share), 1, 38)


def _dashed(palette: Palette, across: tuple[float, float], down: tuple[int, int]) -> str:
    """Draw the box of what nobody measured, its outline well inside its place."""
    start, share = across
    inset = min(0.003, share / 3)
    width = palette.x(share - 2 * inset)
    return _rect(palette.ink("c-7"), palette.x(start + inset), width, *down)


def _shares(lengths: Sequence[float]) -> list[float]:
    """Return each length as a share of them all, which may be nothing."""
    whole = sum(lengths)
    return [length / whole if whole > 0 else 0.0 for length in lengths]


def funnel(steps: Sequence[Step], words: Words, palette: Palette) -> Chart:
    """Draw how many remain at each step, all on one scale."""
    highest = max([0.0, *_lengths(step.value for step in steps)])
    body = ""
    for n, step in enumerate(steps):
        top, value = n * 54.0, _clean(step.value)
        body += _label(palette.ink("step"), palette.x(0), top + 14, step.name, "start")
        body += _label(palette.ink("soft"), palette.x(0.86), top + 14, step.note, "end")
        number = words.value(step.value)
        body += _label(palette.ink("said"), palette.x(1), top + 14, number, "end")
        if value is None:
            body += _dashed(palette, (0.0, 1.0), (int(top) + 22, 20))
            continue
        body += _rect(palette.ink("c-5"), palette.x(0), palette.x(1), top + 22, 20)
        if value > 0:
            width = palette.x(value / highest)
            ink = palette.ink("c-3" if step.is_estimated else "c-1")
            body += _rect(ink, palette.x(0), width, top + 22, 20)
    table = tuple((step.name, words.value(step.value), step.note) for step in steps)
    svg = palette.root(words, max(1.0, len(steps) * 54.0 - 8), body)
    return Chart(svg, words.columns, table)


def interval(
    span: Span, bounds: tuple[float, float], says: Says, words: Words, palette: Palette
) -> Chart:
    """Draw an effect and its interval against no effect; the band is the message.

    `words.label` writes the zero line, `words.number` the values with their sign.
    """
    ends = [0.0, *_known((*bounds, *span))]
    low, high = _apart(min(ends), max(ends))
    ruler = _Ruler(palette, low, high)
    unsure = " unsure" if says == "unsure" else ""
    known = _known(span)
    body = ""
    if len(known) == len(span):
        left, right = ruler.share(min(known)), ruler.share(max(known))
        place, width = palette.x(left), palette.x(max(0.004, right - left))
        body += _rect(palette.ink("range" + unsure) + ' rx="4"', place, width, 26, 22)
    body += _line(palette.ink("axis"), (palette.x(0), palette.x(1)), (72, 72))
    zero = palette.x(ruler.share(0.0))
    body += _line(palette.ink("zero"), (zero, zero), (16, 80))
    point = _clean(span.point)
    if point is not None:
        middle = palette.x(ruler.share(point))
        body += f'<circle {palette.ink("point" + unsure)} cx="{middle}" cy="37" r="8"/>'
    body += ruler.texts(span, words)
    more = {"class_": "interval", "data_says": says} if palette.is_page else {}
    table = (tuple(map(words.value, span)),)
    return Chart(palette.root(words, 108, body, **more), words.columns, table)


class _Ruler(NamedTuple):
    """The scale of an interval, with room at both ends."""

    palette: Palette
    low: float
    high: float

    def share(self, value: float) -> float:
        """Return how far across a value lies."""
        return 0.04 + 0.92 * _within(value, self.low, self.high)

    def texts(self, span: Span, words: Words) -> str:
        """Write the values, kept apart from each other and from the zero line."""
        soft, zero = self.palette.ink("soft"), self.share(0.0)
        body, point = "", _clean(span.point)
        if point is not None:
            place = self.palette.x(max(0.08, min(0.92, self.share(point))))
            body += _label(self.palette.ink("figure"), place, 15, words.value(point))
        ends = _known((span.low, span.high))
        places = _spread([self.share(end) for end in ends], zero)
        for end, share in zip(ends, places, strict=True):
            body += _label(soft, self.palette.x(share), 65, words.value(end))
        middle = max(0.2, min(0.8, zero))
        body += _label(soft, self.palette.x(middle), 98, words.label(0.0))
        for end, share in ((self.low, 0.05), (self.high, 0.95)):
            if abs(share - middle) > 0.3 and end != 0:  # noqa: PLR2004
                body += _label(soft, self.palette.x(share), 98, words.value(end))
        return body


def _spread(places: list[float], zero: float) -> list[float]:
    """Move texts off the zero line, then off each other, and keep them on the sheet."""
    room, gap = 0.06, 0.13
    moved = [
        place if abs(place - zero) >= room else zero + math.copysign(room, place - zero)
        for place in places
    ]
    lack = gap - (moved[-1] - moved[0]) if len(moved) > 1 else 0.0
    if lack > 0:
        middle = (moved[0] + moved[1]) / 2
        side = math.copysign(1.0, middle - zero)
        middle = zero + side * max(abs(middle - zero), room + gap / 2)
        moved = [middle - gap / 2, middle + gap / 2]
    return [max(0.06, min(0.94, place)) for place in moved]


def glass(
    level: float | None, words: Words, palette: Palette, *, mark90: bool = False
) -> Chart:
    """Draw capacity as the level in a tumbler; a dashed glass is one nobody measured."""
    share = _clean(level)
    ink, body, more = palette.ink, "", {"class_": "glass"} if palette.is_page else {}
    if share is not None and share > 0:
        depth = 57 - 50.8 * min(1.0, share)
        body += f'<path {ink("liquid")} d="{_poured(depth)}"/>'
        left, right = _walls(depth + 1.2)
        if depth < 46:  # noqa: PLR2004
            body += _line(ink("top"), (f"{left:.2f}", f"{right:.2f}"), (depth + 1.2,) * 2)
        more |= {"data_level": "high"} if share >= HIGH and palette.is_page else {}
    dashes = ' stroke-dasharray="3 3"' if share is None else ""
    body += f'<path {ink("wall")}{dashes} d="{TUMBLER}"/>'
    if mark90:
        body += _line(ink("mark90"), ("1", "47"), (57 - 50.8 * HIGH,) * 2)
    svg = _svg(words, 'viewBox="0 0 48 60"', body, **more)
    return Chart(svg, words.columns, ((words.value(level),),))


def _walls(depth: float) -> tuple[float, float]:
    """Return where a level meets the straight part of the tumbler's walls."""
    left = 7.6 - (46.5 - min(depth, 46.5)) * 3.6 / 43.5
    return left, 48 - left


def _poured(depth: float) -> str:
    """Return the outline of what is in the tumbler, filled up to a depth."""
    if depth <= 46.5:  # noqa: PLR2004
        left, right = _walls(depth)
        return f"M{left:.2f} {depth:.2f}H{right:.2f}L40.4 46.5{BASE}z"
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if _turn(middle)[0][1] < depth else (low, middle)
    (x0, y0), (x1, y1), (x2, y2) = _turn(low)
    curve = f"C{x1:.2f} {y1:.2f} {x2:.2f} {y2:.2f} 30 57H18"
    back = f"C{48 - x2:.2f} {y2:.2f} {48 - x1:.2f} {y1:.2f} {48 - x0:.2f} {y0:.2f}"
    return f"M{x0:.2f} {y0:.2f}{curve}{back}z"


def _turn(share: float) -> tuple[tuple[float, float], ...]:
    """Cut the rounded foot at a share of its length (de Casteljau's construction)."""

    def between(one: tuple[float, float], two: tuple[float, float]) -> tuple[float, float]:
        return one[0] + (two[0] - one[0]) * share, one[1] + (two[1] - one[1]) * share

    first, second, third = (between(a, b) for a, b in pairwise(FOOT))
    fourth, fifth = between(first, second), between(second, third)
    return between(fourth, fifth), fifth, third


def spark(values: Sequence[float | None], words: Words, palette: Palette) -> Chart:
    """Draw the course of a value in the smallest room, its last known place marked."""
    points = [Point(float(n), value) for n, value in enumerate(values)]
    known = _known(values)
    marks = list(_apart(min([0.0, *known]), max([0.0, *known])))
    plot = _Plot(palette, marks, left=0.02, right=0.98, top=6.0, bottom=66.0)
    trace = _Trace(plot, 0.0, max(1.0, float(len(points) - 1)))
    last = [point for point in points if _clean(point.value) is not None][-1:]
    paths = trace.area(points) + trace.line("c-line", points) + trace.line("c-dot", last)
    more = {"class_": "spark"} if palette.is_page else {}
    table = tuple((words.label(point.at), words.value(point.value)) for point in points)
    return Chart(palette.root(words, 72, trace.inside(paths), **more), words.columns, table)
