"""A file of activity: each row an online act, read twice and never held whole.

The first reading finds ids that contradict each other, the second one writes. An act
without an id of its own is known by who, what and when, and by how many look the same.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from events.engagement import activity
from events.engagement.activity import LONGEST_ID, Act, row_key
from events.engagement.imports import headings
from events.engagement.imports.dates import Ambiguous, Dates, NotADate
from events.engagement.imports.headings import Columns
from events.engagement.imports.members import email_of, has_too_many, why_not
from events.engagement.imports.sheets import Sheet
from events.people import identities
from events.people.identities import tidy_handle
from server.errors import Invalid
from server.forms import clean

AT_ONCE = 5_000
LONGEST_KIND = 40
LONGEST_TEXT = 400

# How channels and people call the kinds that we count.
_KINDS = {
    "topic": "post", "thread": "post", "toot": "post", "status": "post",
    "publication": "post",
    "billet": "post", "sujet": "post", "comment": "reply", "commentaire": "reply",
    "reponse": "reply", "solution acceptee": "solution", "accepted solution": "solution",
    "accepted answer": "solution", "pr": "pull_request", "pull request": "pull_request",
    "merge request": "pull_request", "mentorat": "mentoring", "chat": "message",
    "chat message": "message", "vue": "view", "lecture": "view", "j aime": "like",
    "favourite": "like", "favorite": "like", "heart": "like", "check in": "check_in",
    "pointage": "check_in", "inscription": "rsvp", "private message": "private",
    "pm": "private",
    "dm": "private", "direct message": "private", "message prive": "private",
}  # fmt: skip

CODES = {
    activity.Fate.KEPT: "new_act",
    activity.Fate.KNOWN: "known_act",
    activity.Fate.CONFLICT: "differs",
}

Row = tuple[int, list[str]]


class Reading:
    """One reading of the file's rows as acts; made anew for each time it is read."""

    def __init__(
        self, sheet: Sheet, columns: Columns, dates: Dates, *, now: datetime
    ) -> None:
        self.sheet = sheet
        self.columns = columns
        self.dates = dates
        self.now = now
        self.alike: Counter[str] = Counter()

    def parts(self) -> Iterator[list[tuple[Row, Act | str, str]]]:
        """The rows, a few thousand at a time: the act or the reason, and the e-mail."""
        part: list[tuple[Row, Act | str, str]] = []
        for line, row in self.sheet.rows():
            act, email = self._act(row)
            part.append(((line, row), act, email))
            if len(part) == AT_ONCE:
                yield part
                part = []
        if part:
            yield part

    def _act(self, row: list[str]) -> tuple[Act | str, str]:
        columns = self.columns
        if has_too_many(columns, row):
            return "too_many_cells", ""
        try:
            email = email_of(columns, row)
            at = self.dates.moment(columns.said(row, "at"))
        except (Invalid, Ambiguous, NotADate) as error:
            return why_not(error), ""
        handle = _handle(columns.said(row, "handle")[:LONGEST_TEXT]) or email
        kind = kind_of(columns.said(row, "kind")[:LONGEST_TEXT])
        if wrong := self._wrong(handle, kind, at, row):
            return wrong, ""
        external_id = clean(columns.said(row, "external_id"))[:LONGEST_ID]
        return Act(external_id or self._key(handle, kind, at), handle, kind, at), email

    def _wrong(self, handle: str, kind: str, at: datetime, row: list[str]) -> str:
        if not handle:
            return "name_only" if headings.name_in(self.columns, row) else "empty"
        if not kind:
            return "no_kind"
        if kind == "private":
            return "private"
        return "" if activity.is_plausible(at, self.now) else "future"

    def _key(self, handle: str, kind: str, at: datetime) -> str:
        first = row_key(handle, kind, at, 0)
        self.alike[first] += 1
        nth = self.alike[first] - 1
        return row_key(handle, kind, at, nth) if nth else first


@lru_cache(maxsize=4096)
def _handle(text: str) -> str:
    """The same few people write most of a file."""
    return tidy_handle(text)


@lru_cache(maxsize=1024)
def kind_of(text: str) -> str:
    """The kind as we call it; one that we do not know is kept, and never qualified."""
    plain = headings.plain(text)[:LONGEST_KIND]
    return _KINDS.get(plain, plain.replace(" ", "_"))


def twins(reading: Reading, differ: set[int]) -> Iterator[None]:
    """Walk through a file, and put the ids that contradict each other into `differ`.

    Ids and what is said of them are held as 64-bit hashes, so that a million rows fit.
    """
    said: dict[int, int] = {}
    for part in reading.parts():
        for _, act, _ in part:
            if isinstance(act, Act):
                key, what = hash(act.external_id), hash(act.same())
                if said.setdefault(key, what) != what:
                    differ.add(key)
        yield


async def fates(acts: list[Act], channel_id: UUID, seen: set[int]) -> list[str]:
    """What would become of each act, were it recorded now."""
    there = await activity.look_up(acts, channel_id=channel_id)
    found = []
    for act in acts:
        key = hash(act.external_id)
        if key in seen:
            found.append("said_before")
        elif act.external_id in there:
            found.append(CODES[there[act.external_id]])
        else:
            found.append("new_act")
        seen.add(key)
    return found


async def of_nobody(acts: list[Act], channel_id: UUID) -> int:
    """How many of these acts are by a name that the channel links to no member."""
    handles = {tidy_handle(act.handle) for act in acts if act.member_id is None}
    named = await identities.identities_named(sorted(handles), channel_id=channel_id)
    linked = {handle for handle, (_, member_id) in named.items() if member_id}
    return sum(
        act.member_id is None and tidy_handle(act.handle) not in linked for act in acts
    )
