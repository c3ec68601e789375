"""The timeline of a member in words: what happened, latest first."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from events.people.consents import Purpose
from events.people.dossiers import Moment
from events.people.identities import Proof
from server.i18n import gettext as _
from server.i18n import lazy, ngettext, short_date
from server.workspaces import Seat

FEW = 2
PROOFS = {
    Proof.DECLARED: ("ask", lazy("Said by the person")),
    Proof.VERIFIED: ("yes", lazy("Verified")),
    Proof.IMPORTED: ("wait", lazy("Imported")),
}
# Each with its icon; what happened at a meetup names it.
MOMENTS = {
    "came": ("check", lazy("Came to %(meetup)s")),
    "did_not_come": ("cross", lazy("Did not come to %(meetup)s")),
    "invited": ("mail", lazy("Invited to %(meetup)s")),
    "registered": ("ticket", lazy("Registered for %(meetup)s")),
    "walked_in": ("door", lazy("Was registered at the door of %(meetup)s")),
    "waitlisted": ("clock", lazy("Waits for a place at %(meetup)s")),
    "lost_draw": ("clock", lazy("Was not drawn for %(meetup)s")),
    "gave_back": ("leave", lazy("Gave the place at %(meetup)s back")),
    "known": ("plus", lazy("Known to this workspace")),
}
VIAS = {"import": lazy("With an imported file"), "page": lazy("When registering")}
AGREED = {
    Purpose.LINKING: lazy("Agreed to be linked"),
    Purpose.PHOTOS: lazy("Agreed to photos"),
    Purpose.LETTERS: lazy("Agreed to letters"),
    Purpose.ACROSS: lazy("Agreed to be recognised across brands"),
}
WITHDREW = {
    Purpose.LINKING: lazy("Withdrew the agreement to be linked"),
    Purpose.PHOTOS: lazy("Withdrew the agreement to photos"),
    Purpose.LETTERS: lazy("Withdrew the agreement to letters"),
    Purpose.ACROSS: lazy("Withdrew the agreement to be recognised across brands"),
}


# Rules


def told_all(
    moments: Sequence[Moment], seat: Seat, time_zone: str
) -> Iterator[dict[str, Any]]:
    """A timeline in words; days online with nothing between them are told together."""
    for key, some in groupby(moments, lambda one: (one.kind == "active", one.title)):
        run = list(some)
        if key[0] and len(run) > FEW:
            yield _together(run, time_zone)
        else:
            yield from (told(one, seat, time_zone) for one in run)


def _together(run: list[Moment], time_zone: str) -> dict[str, Any]:
    """Several days online of one channel, as one line."""
    acts = sum(int(one.detail) for one in run)
    first, last = run[-1].at, run[0].at
    days = ngettext("%(num)s active day online", "%(num)s active days online", len(run))
    what = ngettext("%(num)s act online", "%(num)s acts online", acts)
    return {
        "when": f"{short_date(first, time_zone)} – {short_date(last, time_zone)}",
        "datetime": last.isoformat(),
        "icon": "voice",
        "title": days,
        "text": f"{run[0].title}, {what}",
        "href": None,
    }


def told(moment: Moment, seat: Seat, time_zone: str) -> dict[str, Any]:
    """A moment of a timeline in words."""
    icon, title, text = _words(moment)
    return {
        "when": short_date(moment.at, time_zone),
        "datetime": moment.at.isoformat(),
        "icon": icon,
        "title": title,
        "text": text,
        "href": f"/w/{seat.slug}/meetups/{moment.slug}" if moment.slug else None,
    }


def _words(moment: Moment) -> tuple[str, str, str]:
    """The icon, the sentence and the small print of a moment."""
    kind, title, detail = moment.kind, moment.title, moment.detail
    if kind == "active":
        acts = int(detail)
        return "voice", ngettext("%(num)s act online", "%(num)s acts online", acts), title
    if kind in {"imported", "linked"}:
        how = PROOFS[Proof.IMPORTED if kind == "imported" else Proof.DECLARED][1]
        return "person", _("Known as %(handle)s", handle=detail), f"{title}. {how}"
    if kind == "note":
        return "edit", _("Note by %(name)s", name=detail or _("a program")), title
    if kind in {"agreed", "withdrew"}:
        words = AGREED if kind == "agreed" else WITHDREW
        icon = "check" if kind == "agreed" else "cross"
        return icon, str(words[Purpose(title)]), via_words(detail)
    icon, sentence = MOMENTS[kind]
    return icon, sentence % {"meetup": title}, ""


def via_words(via: str) -> str:
    """How an answer came: what the team wrote, or where it was given."""
    where, _colon, rest = via.partition(":")
    return rest.strip() if where == "team" else str(VIAS.get(where, where))
