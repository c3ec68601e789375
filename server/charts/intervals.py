"""Intervals: an effect with the range it may honestly lie in; the band is the message."""

import math
from typing import Literal, NamedTuple

from server.charts.ink import Chart, Palette, Words, draw_box, draw_line, draw_text
from server.charts.scales import all_known, drawable, set_apart, share_between

Says = Literal["rise", "fall", "unsure"]


class Span(NamedTuple):
    """An estimate with its interval."""

    low: float | None
    point: float | None
    high: float | None


def interval(
    span: Span, bounds: tuple[float, float], says: Says, words: Words, palette: Palette
) -> Chart:
    """Draw an effect and its interval against no effect; the band is the message.

    `words.label` writes the zero line, `words.number` the values with their sign.
    """
    ends = [0.0, *all_known((*bounds, *span))]
    low, high = set_apart(min(ends), max(ends))
    ruler = _Ruler(palette, low, high)
    unsure = " unsure" if says == "unsure" else ""
    known = all_known(span)
    body = ""
    if len(known) == len(span):
        left, right = ruler.share(min(known)), ruler.share(max(known))
        place, width = palette.x(left), palette.x(max(0.004, right - left))
        body += draw_box(palette.ink("range" + unsure) + ' rx="4"', place, width, 26, 22)
    body += draw_line(palette.ink("axis"), (palette.x(0), palette.x(1)), (72, 72))
    zero = palette.x(ruler.share(0.0))
    body += draw_line(palette.ink("zero"), (zero, zero), (16, 80))
    point = drawable(span.point)
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
        return 0.04 + 0.92 * share_between(value, self.low, self.high)

    def texts(self, span: Span, words: Words) -> str:
        """Write the values, kept apart from each other and from the zero line."""
        soft, zero = self.palette.ink("soft"), self.share(0.0)
        body, point = "", drawable(span.point)
        if point is not None:
            place = self.palette.x(max(0.08, min(0.92, self.share(point))))
            body += draw_text(self.palette.ink("figure"), place, 15, words.value(point))
        ends = all_known((span.low, span.high))
        places = _spread([self.share(end) for end in ends], zero)
        for end, share in zip(ends, places, strict=True):
            body += draw_text(soft, self.palette.x(share), 65, words.value(end))
        middle = max(0.2, min(0.8, zero))
        body += draw_text(soft, self.palette.x(middle), 98, words.label(0.0))
        for end, share in ((self.low, 0.05), (self.high, 0.95)):
            if abs(share - middle) > 0.3 and end != 0:  # noqa: PLR2004
                body += draw_text(soft, self.palette.x(share), 98, words.value(end))
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
