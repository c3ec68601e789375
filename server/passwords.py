"""Passwords: Argon2id for staff who want one, never on the event loop."""

import asyncio
import secrets
from typing import ClassVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST_PASSWORD = 12


def is_good_password(password: str) -> bool:
    return SHORTEST_PASSWORD <= len(password) <= 200  # noqa: PLR2004


class Hasher:
    """Argon2id, two at a time and never on the event loop."""

    _argon: ClassVar = PasswordHasher()
    _gate: ClassVar = asyncio.Semaphore(2)
    _nobody: ClassVar[str] = _argon.hash(secrets.token_hex(8))

    @classmethod
    async def hash(cls, password: str) -> str:
        async with cls._gate:
            return await asyncio.to_thread(cls._argon.hash, password)

    @classmethod
    async def matches(cls, kept: str | None, password: str) -> bool:
        """Takes as long for nobody as for somebody."""
        async with cls._gate:
            return await asyncio.to_thread(cls._verify, kept, password)

    @classmethod
    def _verify(cls, kept: str | None, password: str) -> bool:
        try:
            cls._argon.verify(kept or cls._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return kept is not None
