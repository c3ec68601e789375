"""Budgets in words: amounts, times, sums and what one person costs."""

from collections.abc import Sequence
from typing import Any

from events.engagement import costs
from events.engagement.definitions import COSTS, WHYS
from events.engagement.sentences import DASH
from events.planning.budgets import Cost, Kind, Totals
from server import amounts
from server.i18n import duration, lazy, money, ngettext, short_date
from server.i18n import gettext as _

KINDS = {
    Kind.CASH: lazy("Money"),
    Kind.IN_KIND: lazy("In kind"),
    Kind.HOURS: lazy("Hours"),
}

# Rules


def told(cents: int | None, currency: str) -> str:
    """An amount in words, or a dash where it is missing."""
    return DASH if cents is None else money(cents, currency)


def shares_of(found: Sequence[costs.Share], currency: str) -> list[dict[str, Any]]:
    """What one person costs, with what it means and why it may be missing."""
    return [
        {
            "label": str(COSTS[one.key].label),
            "meaning": str(COSTS[one.key].meaning),
            "text": told(one.cents, currency),
            "state": "missing" if one.cents is None else "measured",
            "note": _why(one)
            if one.cents is None
            else ngettext("%(num)s person", "%(num)s people", one.n or 0),
        }
        for one in found
    ]


def _why(share: costs.Share) -> str:
    why = str(WHYS[share.why])
    on = short_date(share.on) if share.on else ""
    return _("not measured: %(why)s", why=why % {"on": on} if share.on else why)


def shown(line: Cost, *, is_own: bool) -> dict[str, Any]:
    """A line as the page shows it, and as its own form is filled."""
    spent = told(line.worth, line.currency)
    return {
        "line": line,
        "kind": str(KINDS[line.kind]),
        "planned": told(line.planned_cents, line.currency),
        "spent": spent,
        "hours": duration(line.minutes) if line.minutes is not None else "",
        "covers": [(one, money(one.cents, line.currency)) for one in line.covers],
        "is_own": is_own,
        "answers": {
            "kind": line.kind.value,
            "label": line.label,
            "supplier": line.supplier,
            "paid_on": line.paid_on.isoformat() if line.paid_on else "",
            "planned": amounts.written(line.planned_cents, line.currency),
            "spent": amounts.written(line.spent_cents, line.currency),
            "worked": duration(line.minutes) if line.minutes is not None else "",
            "rate": amounts.written(line.hour_cents, line.currency),
        },
    }


def brief(sums: Totals, currency: str) -> dict[str, Any]:
    """The totals in words, as much as one line of a list says."""
    return {
        "planned": told(sums.planned, currency),
        "cost": told(sums.cost, currency),
        "why": str(WHYS[sums.why]) if sums.why else "",
        "ours": told(sums.ours, currency),
    }


def sums_of(sums: Totals, currency: str) -> dict[str, Any]:
    """The totals in words."""
    return {
        **brief(sums, currency),
        "rows": [
            (str(KINDS[kind]), told(cents, currency))
            for kind, cents in sums.by_kind.items()
        ],
        "lacking": sums.lacking,
        "covered": [(one.sponsor, money(one.cents, currency)) for one in sums.covered],
    }
