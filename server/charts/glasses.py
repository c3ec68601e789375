"""Glasses: capacity as the level in a tumbler."""

from itertools import pairwise

from server.charts.ink import Chart, Palette, Words, draw_line, drawing
from server.charts.scales import drawable

HIGH = 0.9
FOOT = ((40.4, 46.5), (39.7, 53.5), (36.5, 57.0), (30.0, 57.0))
BASE = "c-.7 7-3.9 10.5-10.4 10.5H18c-6.5 0-9.7-3.5-10.4-10.5"
TUMBLER = f"M4 3h40l-3.6 43.5{BASE}z"


def glass(
    level: float | None, words: Words, palette: Palette, *, mark90: bool = False
) -> Chart:
    """Draw capacity as the level in a tumbler; a dashed glass is one nobody measured."""
    share = drawable(level)
    ink, body, more = palette.ink, "", {"class_": "glass"} if palette.is_page else {}
    if share is not None and share > 0:
        depth = 57 - 50.8 * min(1.0, share)
        body += f'<path {ink("liquid")} d="{_poured(depth)}"/>'
        left, right = _walls(depth + 1.2)
        if depth < 46:  # noqa: PLR2004
            body += draw_line(
                ink("top"), (f"{left:.2f}", f"{right:.2f}"), (depth + 1.2,) * 2
            )
        more |= {"data_level": "high"} if share >= HIGH and palette.is_page else {}
    dashes = ' stroke-dasharray="3 3"' if share is None else ""
    body += f'<path {ink("wall")}{dashes} d="{TUMBLER}"/>'
    if mark90:
        body += draw_line(ink("mark90"), ("1", "47"), (57 - 50.8 * HIGH,) * 2)
    svg = drawing(words, 'viewBox="0 0 48 60"', body, **more)
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
