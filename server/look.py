"""How a workspace looks and sounds: what pages, letters and documents need of it."""

from uuid import UUID

import msgspec


class Look(msgspec.Struct, frozen=True):
    """A workspace's name, colour, voice and habits."""

    id: UUID
    slug: str
    name: str
    color: str
    persona: str
    signature: str
    language: str
    time_zone: str
    currency: str
    reply_to: str
    disclosure_k: int
