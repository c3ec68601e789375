"""Letterheads: what an act that writes letters has to know of their sender."""

from typing import TypedDict

from events.admission.tickets import Keys, keys_of
from server.look import Look
from server.web import Asking


class Letterhead(TypedDict):
    """Where the links of a letter lead, in whose name it leaves, what its codes are of."""

    origin: str
    workspace: Look
    keys: Keys


def letterhead(asking: Asking, look: Look) -> Letterhead:
    """The letterhead of a workspace in this installation, ready to be handed to an act."""
    settings = asking.settings
    return Letterhead(origin=settings.origin, workspace=look, keys=keys_of(settings))
