"""Charts: the figures of a meetup as drawings that a page and a PDF share.

Each drawing is SVG with attributes only, so it passes a strict content policy and the
PDF engine alike, and comes with the same figures as rows of a table. A value that is
missing is a gap and never a zero; a value that is not finite is missing. Texts are
escaped here; their language, and how a number is written, is the caller's business.
"""

from server.charts.bars import Part, Row, Step, bars, funnel, stacked
from server.charts.curves import arrival_curve, spark
from server.charts.glasses import glass
from server.charts.ink import Chart, Palette, Words, plain
from server.charts.intervals import Says, Span, interval
from server.charts.scales import Point, clock_ticks, stepped, ticks

__all__ = [
    "Chart",
    "Palette",
    "Part",
    "Point",
    "Row",
    "Says",
    "Span",
    "Step",
    "Words",
    "arrival_curve",
    "bars",
    "clock_ticks",
    "funnel",
    "glass",
    "interval",
    "plain",
    "spark",
    "stacked",
    "stepped",
    "ticks",
]
