"""Definitions: what each figure is called, what it means, and why one may be missing.

The only place these words are written; `docs/metrics.md` says the same at length.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from server.i18n import Lazy, lazy


@dataclass(frozen=True)
class Definition:
    """What a figure is called and what it means."""

    label: Lazy
    meaning: Lazy


MEETUP: Mapping[str, Definition] = {
    "registered": Definition(
        lazy("Registered"),
        lazy("Confirmed registrations, without those made at the door."),
    ),
    "attended": Definition(
        lazy("Came"),
        lazy("People who came in, walk-ins included. Whoever came back in counts once."),
    ),
    "show_up_rate": Definition(
        lazy("Show-up rate"),
        lazy("Those who came without the walk-ins, divided by the registered."),
    ),
    "no_show_rate": Definition(
        lazy("No-show rate"),
        lazy("The registered who never came in, divided by the registered, once closed."),
    ),
    "walk_ins": Definition(
        lazy("Walk-ins"), lazy("People who came and were registered at the door.")
    ),
    "waitlisted": Definition(
        lazy("On the waiting list"), lazy("Registrations that still wait for a place.")
    ),
    "fill_rate": Definition(lazy("Filled"), lazy("All who came, divided by the capacity.")),
    "first_timers": Definition(
        lazy("First time"),
        lazy("People who came and had come to no earlier meetup of this workspace."),
    ),
    "first_timer_share": Definition(
        lazy("Share of first-timers"), lazy("First-timers, divided by all who came.")
    ),
    "returning": Definition(
        lazy("Came before"),
        lazy("People who came and had come to an earlier meetup of this workspace."),
    ),
    "newcomers": Definition(
        lazy("New in the community"),
        lazy("People who came and had joined less than 29 days before; of those whose"
             " joining date is known."),
    ),
    "link_coverage": Definition(
        lazy("Linked to an online account"),
        lazy("People who came, gave their consent and have a known online identity, divided"
             " by all who came. Nothing is known online of the others."),
    ),
    "active_after": Definition(
        lazy("Active online afterwards"),
        lazy("Of the linked registered people who came, those with a qualified act from day"
             " 2 to day 29 after the meetup."),
    ),
}  # fmt: skip

SERIES: Mapping[str, Definition] = {
    "meetups": Definition(lazy("Meetups"), lazy("Meetups of the series that have begun.")),
    "attendances": Definition(
        lazy("Attendances"), lazy("People who came, added up over the meetups.")
    ),
    "people": Definition(
        lazy("People"), lazy("Different people who came to one meetup or more.")
    ),
    "returning_share": Definition(
        lazy("Returning share"),
        lazy("Attendances of people who had come to an earlier meetup of the series,"
             " divided by all attendances from the second meetup on."),
    ),
    "met": Definition(
        lazy("Pairs who met"), lazy("Pairs of people who came to one same meetup or more.")
    ),
    "met_again": Definition(
        lazy("Met twice or more"),
        lazy("Pairs of people who came to the same meetup at least two times."),
    ),
}  # fmt: skip

COSTS: Mapping[str, Definition] = {
    "cost_per_attendance": Definition(
        lazy("Cost of one who came"),
        lazy("The whole cost divided by the people who came; in a series, by attendances."),
    ),
    "cost_per_newcomer": Definition(
        lazy("Cost of one newcomer"),
        lazy("The whole cost divided by the people who came and had joined the community"
             " less than 29 days before."),
    ),
    "cost_per_active": Definition(
        lazy("Cost of one active afterwards"),
        lazy("The whole cost divided by the linked people who came and were active online"
             " from day 2 to day 29. It does not say that the meetup made them active."),
    ),
}  # fmt: skip

DEFINITIONS: Mapping[str, Definition] = {**MEETUP, **SERIES, **COSTS}

WHYS: Mapping[str, Lazy] = {
    "not_begun": lazy("the meetup has not begun"),
    "not_closed": lazy("known when the meetup is closed"),
    "no_checkin": lazy("nobody was checked in"),
    "nobody": lazy("there is nothing to divide by"),
    "list_of_who_came": lazy("the imported list only names those who came"),
    "no_joining_dates": lazy("no joining date is known"),
    "nobody_linked": lazy("nobody who came is linked to an online account"),
    "not_before": lazy("not before %(on)s"),
    "no_activity": lazy("online activity was not imported up to %(on)s"),
    "too_few": lazy("too few people"),
    "one_meetup": lazy("it takes two meetups"),
    "cost_missing": lazy("no cost is written down"),
    "cost_incomplete": lazy("a line has no real cost yet"),
    "cancelled": lazy("the meetup was cancelled"),
    "not_settled": lazy("not before 30 days after a meetup"),
}
