"""Sentences: figures and findings in the reader's words.

The same sentence stands on the page, in the PDF, in the table and in the API. An effect is
never told without its interval, its two numbers of people and its grade; that nothing can
be concluded is said as plainly as a rise or a fall.
"""

from collections.abc import Callable

import msgspec

from events.engagement.definitions import DEFINITIONS, WHYS
from events.engagement.disclosure import rounded
from events.engagement.effects import Estimate, Finding, Lift, Outcome
from events.engagement.lift import Audience, Comparison, Reading
from events.engagement.lift.readings import FEWEST_FOR_ORGANISER
from events.engagement.metrics import Figure, State, Unit
from server.i18n import gettext as _
from server.i18n import lazy, long_date, ngettext, number, percent, short_date

DASH = "—"
MINUS = "\N{MINUS SIGN}"


class Shown(msgspec.Struct, frozen=True):
    """A figure with its name, its meaning and its value as people read it."""

    key: str
    label: str
    value: float | None
    text: str
    unit: Unit
    state: State
    note: str
    n: int | None
    meaning: str


class Said(msgspec.Struct, frozen=True):
    """What is said of one outcome: a word and its sentence."""

    outcome: Outcome
    headline: str
    text: str


# Figures


def shown(figure: Figure, audience: Audience = Audience.ORGANISER) -> Shown:
    """A figure in the reader's language; a sponsor is told that counts are rounded."""
    definition = DEFINITIONS[figure.key]
    told = note(figure)
    is_count = figure.unit is Unit.PEOPLE and figure.value is not None
    if audience is Audience.SPONSOR and is_count:
        told = _("%(source)s, rounded to 5", source=told)
    return Shown(
        key=figure.key,
        label=str(definition.label),
        value=figure.value,
        text=written(figure),
        unit=figure.unit,
        state=figure.state,
        note=told,
        n=figure.n,
        meaning=str(definition.meaning),
    )


def written(figure: Figure) -> str:
    """The value as it is read, or a dash."""
    if figure.value is None:
        return DASH
    return percent(figure.value) if figure.unit is Unit.SHARE else number(figure.value)


def note(figure: Figure) -> str:
    """Where the figure comes from, or why there is none."""
    if figure.why == "too_few":
        return _("not shown: too few people")
    if figure.state is State.MISSING:
        why = str(WHYS[figure.why])
        on = short_date(figure.on) if figure.on else ""
        return _("not measured: %(why)s", why=why % {"on": on} if figure.on else why)
    source = str(SOURCES[figure.state])
    if figure.n is None:
        return source
    return _("%(source)s, of %(n)s", source=source, n=number(figure.n))


SOURCES = {
    State.MEASURED: lazy("measured"),
    State.ESTIMATED: lazy("estimated"),
    State.IMPORTED: lazy("imported"),
}

# Findings


def signed(value: float, digits: int = 1) -> str:
    """A number with its sign, as an effect is written."""
    text = number(abs(value), digits)
    if not round(value, digits):
        return text
    return f"+{text}" if value > 0 else f"{MINUS}{text}"


def said(lift: Lift, finding: Finding, audience: Audience = Audience.ORGANISER) -> Said:
    """What one outcome shows, in a word and a sentence."""
    if finding.reading is Reading.PROVISIONAL:
        return Said(finding.outcome, *_too_early(lift))
    if finding.reading is Reading.TOO_FEW or finding.effect is None:
        return Said(finding.outcome, *_too_few(lift, audience))
    told = _effect(lift, finding, finding.effect, audience)
    if finding.reading is Reading.NOT_SHOWN:
        told = f"{told} {_detectable(finding.outcome, finding.effect.detectable)}"
    return Said(finding.outcome, str(HEADLINES[finding.reading]), told)


HEADLINES = {
    Reading.RISE: lazy("A rise."),
    Reading.FALL: lazy("A fall."),
    Reading.NOT_SHOWN: lazy("We cannot conclude."),
}


LEADS = {
    Reading.RISE: lazy("Coming goes with more activity online."),
    Reading.FALL: lazy("Coming goes with less activity online."),
    Reading.NOT_SHOWN: lazy("On online activity, we cannot conclude."),
    Reading.TOO_FEW: lazy("On online activity, there is not enough data."),
    Reading.PROVISIONAL: lazy("On online activity, it is too early to say."),
}


def lead(lift: Lift) -> str:
    """The effect in one sentence, for the head of a report."""
    return str(LEADS[lift.findings[0].reading])


def _too_early(lift: Lift) -> tuple[str, str]:
    on = short_date(lift.settles_on)
    reasons: dict[str, Callable[[], str]] = {
        "not_closed": lambda: _("Close the meetup first: until then nobody is a no-show."),
        "not_before": lambda: _(
            "The 28 days after the meetup are not over. The figure settles on %(on)s.",
            on=on,
        ),
        "no_activity": lambda: _(
            "Online activity is not known for the whole window. Import it again, from"
            " %(on)s on.",
            on=on,
        ),
    }
    return _("Provisional."), reasons[lift.why]()


def _too_few(lift: Lift, audience: Audience) -> tuple[str, str]:
    if audience is Audience.SPONSOR:
        return _("Not enough data."), _("Not enough meetups to conclude.")
    return _("Not enough data."), _(
        "%(n)s against %(m)s people can be followed online; it takes %(fewest)s of each.",
        n=number(lift.came_linked),
        m=number(lift.compared_linked),
        fewest=number(FEWEST_FOR_ORGANISER),
    )


def _effect(lift: Lift, finding: Finding, effect: Estimate, audience: Audience) -> str:
    """The sentence of an effect, with everything it must not go without."""
    shorten = rounded if audience is Audience.SPONSOR else int
    people = number(shorten(effect.n_treated)), number(shorten(effect.n_compared))
    bracket = _(
        "95%% CI: %(low)s to %(high)s; %(n)s against %(m)s; grade %(grade)s",
        low=signed(effect.low),
        high=signed(effect.high),
        n=people[0],
        m=people[1],
        grade=finding.grade.value,
    )
    is_lottery = lift.comparison is Comparison.LOTTERY
    if not round(effect.estimate, 1):
        return _none(is_lottery=is_lottery, came=people[0], bracket=bracket)
    sentence = _SENTENCES[is_lottery, finding.outcome]
    return sentence(effect.estimate, people[0], bracket)


def _none(*, is_lottery: bool, came: str, bracket: str) -> str:
    if is_lottery:
        return _(
            "The %(came)s who were drawn did as much as those who lost the draw"
            " (%(bracket)s).",
            came=came,
            bracket=bracket,
        )
    return _(
        "The %(came)s who came did as much as the registered who did not come"
        " (%(bracket)s).",
        came=came,
        bracket=bracket,
    )


def _plural(value: float) -> int:
    """A number of the grammar that 1.3 takes: singular in French, plural in English."""
    return 0 if abs(round(value, 1)) < 2 else 2  # noqa: PLR2004


def _days(value: float, came: str, bracket: str) -> str:
    n, days = _plural(value), number(abs(value), 1)
    if value < 0:
        return ngettext(
            "The %(came)s who came had %(days)s fewer active day out of 28 than the registered who did not come (%(bracket)s).",  # noqa: E501
            "The %(came)s who came had %(days)s fewer active days out of 28 than the registered who did not come (%(bracket)s).",  # noqa: E501
            n, came=came, days=days, bracket=bracket,
        )  # fmt: skip
    return ngettext(
        "The %(came)s who came had %(days)s more active day out of 28 than the registered who did not come (%(bracket)s).",  # noqa: E501
        "The %(came)s who came had %(days)s more active days out of 28 than the registered who did not come (%(bracket)s).",  # noqa: E501
        n, came=came, days=days, bracket=bracket,
    )  # fmt: skip


def _days_drawn(value: float, came: str, bracket: str) -> str:
    n, days = _plural(value), number(abs(value), 1)
    if value < 0:
        return ngettext(
            "The %(came)s who were drawn had %(days)s fewer active day out of 28 than those who lost the draw (%(bracket)s).",  # noqa: E501
            "The %(came)s who were drawn had %(days)s fewer active days out of 28 than those who lost the draw (%(bracket)s).",  # noqa: E501
            n, came=came, days=days, bracket=bracket,
        )  # fmt: skip
    return ngettext(
        "The %(came)s who were drawn had %(days)s more active day out of 28 than those who lost the draw (%(bracket)s).",  # noqa: E501
        "The %(came)s who were drawn had %(days)s more active days out of 28 than those who lost the draw (%(bracket)s).",  # noqa: E501
        n, came=came, days=days, bracket=bracket,
    )  # fmt: skip


def _acts(value: float, came: str, bracket: str) -> str:
    n, acts = _plural(value), number(abs(value), 1)
    if value < 0:
        return ngettext(
            "The %(came)s who came did %(acts)s fewer qualified act each in 28 days than the registered who did not come (%(bracket)s).",  # noqa: E501
            "The %(came)s who came did %(acts)s fewer qualified acts each in 28 days than the registered who did not come (%(bracket)s).",  # noqa: E501
            n, came=came, acts=acts, bracket=bracket,
        )  # fmt: skip
    return ngettext(
        "The %(came)s who came did %(acts)s more qualified act each in 28 days than the registered who did not come (%(bracket)s).",  # noqa: E501
        "The %(came)s who came did %(acts)s more qualified acts each in 28 days than the registered who did not come (%(bracket)s).",  # noqa: E501
        n, came=came, acts=acts, bracket=bracket,
    )  # fmt: skip


def _acts_drawn(value: float, came: str, bracket: str) -> str:
    n, acts = _plural(value), number(abs(value), 1)
    if value < 0:
        return ngettext(
            "The %(came)s who were drawn did %(acts)s fewer qualified act each in 28 days than those who lost the draw (%(bracket)s).",  # noqa: E501
            "The %(came)s who were drawn did %(acts)s fewer qualified acts each in 28 days than those who lost the draw (%(bracket)s).",  # noqa: E501
            n, came=came, acts=acts, bracket=bracket,
        )  # fmt: skip
    return ngettext(
        "The %(came)s who were drawn did %(acts)s more qualified act each in 28 days than those who lost the draw (%(bracket)s).",  # noqa: E501
        "The %(came)s who were drawn did %(acts)s more qualified acts each in 28 days than those who lost the draw (%(bracket)s).",  # noqa: E501
        n, came=came, acts=acts, bracket=bracket,
    )  # fmt: skip


_SENTENCES = {
    (False, Outcome.ACTIVE_DAYS): _days,
    (True, Outcome.ACTIVE_DAYS): _days_drawn,
    (False, Outcome.QUALIFIED_ACTS): _acts,
    (True, Outcome.QUALIFIED_ACTS): _acts_drawn,
}


def _detectable(outcome: Outcome, value: float) -> str:
    n, seen = _plural(value), number(value, 1)
    if outcome is Outcome.ACTIVE_DAYS:
        return ngettext(
            "We could have seen a difference of %(days)s day or more.",
            "We could have seen a difference of %(days)s days or more.",
            n,
            days=seen,
        )
    return ngettext(
        "We could have seen a difference of %(acts)s act or more.",
        "We could have seen a difference of %(acts)s acts or more.",
        n,
        acts=seen,
    )


# Evidence

REASONS = {
    "insider": lazy("of the team"),
    "not_agreed": lazy("did not agree to the link with online activity"),
    "unlinked": lazy("no online identity is known"),
    "newcomer": lazy("joined less than 29 days before"),
}


def evidence(lift: Lift) -> list[str]:
    """What the reader needs to judge: coverage, comparison, windows, checks."""
    lines = [_comparison(lift), _coverage(lift)]
    if lift.fixed_on:
        lines.append(
            _(
                "Outcome, comparison and windows fixed on %(on)s.",
                on=long_date(lift.fixed_on),
            )
        )
    else:
        lines.append(_("Outcome, comparison and windows were not fixed beforehand."))
    lines.append(
        _("Windows: from 29 to 2 days before and from 2 to 29 days after; the three days around the meetup are left out.")  # noqa: E501
    )  # fmt: skip
    if lift.excluded:
        lines.append(_("Left out of both groups: %(reasons)s.", reasons=_left_out(lift)))
    if lift.placebo is not None:
        lines.append(_placebo(lift.placebo))
    if lift.gap is not None:
        lines.append(
            _("Gap between the groups before the meetup, in days of 28: %(days)s.", days=signed(lift.gap.estimate))  # noqa: E501
        )  # fmt: skip
    return lines


def _comparison(lift: Lift) -> str:
    if lift.comparison is Comparison.LOTTERY:
        return _("Compared: who was drawn with who lost the draw, whoever came in the end.")
    return _("Compared: who came with the registered who did not, in the same meetup.")


def _coverage(lift: Lift) -> str:
    return _(
        "Linked to an online account: %(n)s of %(came)s in the first group, %(m)s of"
        " %(others)s in the other.",
        n=number(lift.came_linked),
        came=number(lift.came),
        m=number(lift.compared_linked),
        others=number(lift.compared),
    )


def _left_out(lift: Lift) -> str:
    return ", ".join(
        _("%(n)s (%(why)s)", n=number(one.people), why=str(REASONS[one.reason]))
        for one in lift.excluded
    )


def _placebo(placebo: Estimate) -> str:
    if placebo.low <= 0 <= placebo.high:
        return _("Blank test 12 weeks earlier: zero is inside the interval.")
    return _(
        "Blank test 12 weeks earlier: zero is outside the interval, which is a warning."
    )
