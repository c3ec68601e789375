"""Bars: one per meetup, a whole cut in parts, and what remains at each step."""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

from server.charts.ink import Chart, Palette, Words, draw_box, draw_text, escaped
from server.charts.plots import Plot
from server.charts.scales import all_known, drawable, lengths_of, ticks

SHADES = (1, 2, 3, 4, 6)
UNKNOWN_SHADE = 7


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


def bars(rows: Sequence[Row], words: Words, palette: Palette) -> Chart:
    """Draw one stacked bar per meetup, with its total above where all of it is known."""
    lengths = [lengths_of(row.parts) for row in rows]
    highest = max((sum(parts) for parts in lengths), default=0.0)
    plot = Plot(palette, ticks(0.0, highest, least=1), top=22.0)
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
            shown += draw_text(palette.ink("said"), middle, above, totals[n])
        if n % names_every == 0:
            shown += draw_text(palette.ink("soft"), middle, 198, row.name)
        body += shown
    table = tuple((row.name, *map(words.value, row.parts)) for row in rows)
    return Chart(plot.sheet(words, body), words.columns, table)


def _total(row: Row, words: Words) -> str:
    """Write the total of a bar, where all of it is known."""
    known = all_known(row.parts)
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
    plot: Plot, places: tuple[float, float, float], parts: Sequence[float], said: str
) -> str:
    """Draw one bar from the ground up, a hair apart between its parts."""
    left, _, width = places
    across = plot.palette.x(width * (plot.right - plot.left))
    body, ground = f"<title>{escaped(said)}</title>", 0.0
    for n, part in enumerate(parts):
        foot, head = plot.y(ground), plot.y(ground + part)
        ground += part
        if part > 0:
            tall = max(0.5, foot - head - (1 if n else 0))
            ink = plot.palette.ink(f"c-{_shade(n, len(parts))}")
            body += draw_box(ink, plot.x(left), across, head, tall)
    return f"<g>{body}</g>"


def _shade(n: int, count: int) -> int:
    """Return the shade of one part; two parts stand as far apart as shades can."""
    return (1, 4)[n] if count == 2 else SHADES[n % len(SHADES)]  # noqa: PLR2004


def stacked(parts: Sequence[Part], words: Words, palette: Palette) -> Chart:
    """Draw a whole cut in parts, from left to right; each is counted once."""
    shares = _shares(lengths_of(part.value for part in parts))
    ends = list(accumulate(shares))
    body = ""
    for n, (part, share, end) in enumerate(zip(parts, shares, ends, strict=True)):
        if share > 0:
            shade = part.shade or _shade(n, len(parts))
            body += (
                f"<g><title>{escaped(f'{part.name}: {words.value(part.value)}')}</title>"
            )
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
    return draw_box(ink, palette.x(start), palette.x(share), 1, 38)


def _dashed(palette: Palette, across: tuple[float, float], down: tuple[int, int]) -> str:
    """Draw the box of what nobody measured, its outline well inside its place."""
    start, share = across
    inset = min(0.003, share / 3)
    width = palette.x(share - 2 * inset)
    return draw_box(palette.ink("c-7"), palette.x(start + inset), width, *down)


def _shares(lengths: Sequence[float]) -> list[float]:
    """Return each length as a share of them all, which may be nothing."""
    whole = sum(lengths)
    return [length / whole if whole > 0 else 0.0 for length in lengths]


def funnel(steps: Sequence[Step], words: Words, palette: Palette) -> Chart:
    """Draw how many remain at each step, all on one scale."""
    highest = max([0.0, *lengths_of(step.value for step in steps)])
    body = ""
    for n, step in enumerate(steps):
        top, value = n * 54.0, drawable(step.value)
        body += draw_text(palette.ink("step"), palette.x(0), top + 14, step.name, "start")
        body += draw_text(palette.ink("soft"), palette.x(0.86), top + 14, step.note, "end")
        number = words.value(step.value)
        body += draw_text(palette.ink("said"), palette.x(1), top + 14, number, "end")
        if value is None:
            body += _dashed(palette, (0.0, 1.0), (int(top) + 22, 20))
            continue
        body += draw_box(palette.ink("c-5"), palette.x(0), palette.x(1), top + 22, 20)
        if value > 0:
            width = palette.x(value / highest)
            ink = palette.ink("c-3" if step.is_estimated else "c-1")
            body += draw_box(ink, palette.x(0), width, top + 22, 20)
    table = tuple((step.name, words.value(step.value), step.note) for step in steps)
    svg = palette.root(words, max(1.0, len(steps) * 54.0 - 8), body)
    return Chart(svg, words.columns, table)
