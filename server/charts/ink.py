"""Ink: what a chart says, in which colours, and the strokes all pictures share.

Attributes only, so that a drawing passes a strict content policy and the PDF engine.
"""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from server.charts.scales import drawable

WIDTH = 320.0
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
HEX = re.compile(r"#[0-9a-fA-F]{6}")
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
        if value is None or drawable(value) is None:
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
        return drawing(words, f'{size} height="{height:.0f}"', body, **more)


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing, and the same figures as a table."""

    svg: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __html__(self) -> str:
        """Return the drawing to a template, which need not escape it again."""
        return self.svg


def _mix(colour: str, share: float) -> str:
    """Return a colour thinned with paper."""
    parts = [int(colour[n : n + 2], 16) for n in (1, 3, 5)]
    return "#" + "".join(f"{round(255 - (255 - part) * share):02x}" for part in parts)


def escaped(words: str) -> str:
    """Escape a text, without the characters XML forbids even when escaped."""
    return html.escape(ILLEGAL.sub("", words))


def drawing(words: Words, size: str, body: str, **more: str) -> str:
    """Return a drawing that says what it is to those who do not see it."""
    extra = "".join(f' {name.strip("_").replace("_", "-")}="{more[name]}"' for name in more)
    said = f"<title>{escaped(words.title)}</title><desc>{escaped(words.description)}</desc>"
    space = 'xmlns="http://www.w3.org/2000/svg"'
    return f'<svg {space} role="img" {size}{extra}>{said}{body}</svg>'


def draw_line(ink: str, x: tuple[str, str], y: tuple[float, float]) -> str:
    """Draw a straight line."""
    (x1, x2), (y1, y2) = x, y
    return f'<line {ink} x1="{x1}" x2="{x2}" y1="{y1:.2f}" y2="{y2:.2f}"/>'


def draw_box(ink: str, x: str, width: str, y: float, height: float) -> str:
    """Draw a box."""
    return f'<rect {ink} x="{x}" width="{width}" y="{y:.2f}" height="{height:.2f}"/>'


def draw_text(ink: str, x: str, y: float, words: str, anchor: str = "middle") -> str:
    """Write a text."""
    place = f'x="{x}" y="{y:.2f}" text-anchor="{anchor}"'
    return f"<text {ink} {place}>{escaped(words)}</text>"
