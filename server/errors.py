"""Refusals: the reasons the house says no, each a type of its own.

A refusal carries a sentence for the reader and a stable code made of its name. One
place (`server/app.py`) turns its family into a page or an RFC 9457 problem; the domain
knows nothing of HTTP.
"""

import re

from server.i18n import Lazy, lazy


class Refusal(Exception):
    """A no with its reason."""

    message: str | Lazy = lazy("This is not possible now.")

    def __init__(self, **details: object) -> None:
        super().__init__(type(self).__name__)
        self.details = details

    @property
    def code(self) -> str:
        """The stable name for machines: `MeetupFull` is `meetup_full`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    def __str__(self) -> str:
        return str(self.message) % self.details if self.details else str(self.message)


class NotFound(Refusal):
    """What a person may not see does not exist."""

    message = lazy("There is nothing here.")


class Forbidden(Refusal):
    """You are known, the thing is yours to see, but this act is not yours."""

    message = lazy("Your role does not allow this.")


class Conflict(Refusal):
    """The state of things does not allow it."""


class TooMany(Refusal):
    """Asked too often; `seconds` says how long to wait."""

    message = lazy("Too many attempts. Try again in a few minutes.")

    def __init__(self, seconds: int = 60) -> None:
        super().__init__()
        self.seconds = seconds


class Busy(Refusal):
    """The house is overloaded or restarting; the same request may succeed shortly."""

    message = lazy("We are catching our breath. Try again in a moment.")


class NotSignedIn(Refusal):
    """Nobody knows who is asking."""

    message = lazy("Sign in to go on.")


class Invalid(Refusal):
    """The input is wrong; `fields` says where, in the reader's words."""

    message = lazy("Some answers need another look.")

    def __init__(self, **fields: str | Lazy) -> None:
        super().__init__()
        self.fields = fields
