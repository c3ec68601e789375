"""How a workspace looks and sounds: what pages, letters and documents need of it."""

import re
from datetime import datetime
from uuid import UUID

import msgspec

from server.i18n import gettext as _


class Look(msgspec.Struct, frozen=True):
    """A workspace's name, colour, voice and habits.

    `languages` are those its public pages offer; `hour_cents` is what an hour of its work
    costs, for budgets; `archived_at` says that it can only be read; `embed_origins` are the
    sites that may show its registration form in a frame.
    """

    id: UUID
    slug: str
    name: str
    color: str
    persona: str
    persona_role: str
    signature: str
    tone: str
    language: str
    languages: tuple[str, ...]
    time_zone: str
    currency: str
    sender: str
    reply_to: str
    logo_id: UUID | None
    hour_cents: int | None
    ranks_ambassadors: bool
    has_charter: bool
    has_ambassadors: bool
    disclosure_k: int
    archived_at: datetime | None
    embed_origins: tuple[str, ...] = ()

    @property
    def speaker(self) -> str:
        """Who speaks for the brand and as what, in the reader's language."""
        return (
            f"{self.persona}, {self.persona_role or _('organiser')}" if self.persona else ""
        )

    @property
    def sender_name(self) -> str:
        """What stands before the address of a letter: never a brand that hides a person."""
        return ", ".join(part for part in (self.speaker, self.sender or self.name) if part)

    def in_letters(self) -> "Look":
        """The same look, whose signature states the person's name and role once."""
        return msgspec.structs.replace(self, signature=self._signed())

    def _signed(self) -> str:
        """The signature as it was typed, and what it leaves unsaid of the person."""
        role = self.persona_role or _("organiser")
        typed, missing = self.signature, self.speaker
        if self.persona and _names(typed, self.persona.split()[0]):
            missing = "" if role.casefold() in typed.casefold() else role
            if missing and typed.splitlines()[-1].strip() == self.persona:
                return f"{typed.rstrip()}, {missing}"
        return "\n".join(line for line in (typed, missing) if line)


def _names(text: str, name: str) -> bool:
    """Is this name one of the words of the text?"""
    return bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE))
