# pyright: strict
"""Lift: did those who came become more active than those who registered and did not?

The figure is a difference in differences. Each person is compared with herself
before the meetup, then those who came with those who did not. Nothing here knows
a database, a page or a word of the interface: numbers go in, values come out.

Unit: days with at least one qualified act in a window of 28 days, per person, or
whatever else the caller counted before and after (a lottery may count acts).
People who joined later than 29 days before the meetup have no window before it and
are not in the rows. A figure that cannot be had is None, never zero.
"""

from events.engagement.lift.checks import (
    GAP_POST,
    GAP_PRE,
    PLACEBO_POST,
    PLACEBO_PRE,
    POST,
    PRE,
    Shrinkage,
    Window,
    breakdown,
    gap,
    passes_far_placebo,
    sensitivity,
    settles_on,
    shrunk,
)
from events.engagement.lift.designs import (
    Drawn,
    Lottery,
    Row,
    lottery,
    pooled,
)
from events.engagement.lift.estimates import (
    Arm,
    Effect,
    Ratio,
    did,
    ratio,
)
from events.engagement.lift.readings import (
    Audience,
    Comparison,
    Grade,
    Reading,
    grade,
    may_see,
    reading,
)
from events.engagement.lift.student import (
    student_quantile,
    student_survival,
)

__all__ = [
    "GAP_POST",
    "GAP_PRE",
    "PLACEBO_POST",
    "PLACEBO_PRE",
    "POST",
    "PRE",
    "Arm",
    "Audience",
    "Comparison",
    "Drawn",
    "Effect",
    "Grade",
    "Lottery",
    "Ratio",
    "Reading",
    "Row",
    "Shrinkage",
    "Window",
    "breakdown",
    "did",
    "gap",
    "grade",
    "lottery",
    "may_see",
    "passes_far_placebo",
    "pooled",
    "ratio",
    "reading",
    "sensitivity",
    "settles_on",
    "shrunk",
    "student_quantile",
    "student_survival",
]
