"""Bounces: letters that came back after a server had taken them.

The mail system hands the report over (`apero bounce`); the letter it is about is marked.
"""

from datetime import datetime
from email import message_from_bytes, policy
from email.message import Message
from uuid import UUID

from server.database import scoped, sql
from server.workspaces import everywhere


async def note_bounce(report: bytes, *, now: datetime) -> bool:
    """Record a delivery report (RFC 3464) that came back; True when the letter is ours."""
    message = message_from_bytes(report, policy=policy.default)
    for part in message.walk():
        if part.get_content_type() not in {"message/rfc822", "text/rfc822-headers"}:
            continue
        raw = part.get_payload(0) if part.is_multipart() else part.get_payload(decode=True)
        original = message_from_bytes(raw) if isinstance(raw, bytes) else raw
        if isinstance(original, Message) and original["Message-ID"]:
            return await _mark_bounced(str(original["Message-ID"]).strip(), now)
    return False


async def _mark_bounced(message_id: str, now: datetime) -> bool:
    """The Message-ID carries the letter's key: nothing has to be searched."""
    try:
        letter_id = UUID(hex=message_id.strip("<> ").partition("@")[0])
    except ValueError:
        return False
    async with scoped(await everywhere()):
        rows = await sql(
            "UPDATE letter SET bounced_at = $2, error = 'returned' WHERE id = $1"
            " AND message_id = $3 RETURNING id",
            letter_id,
            now,
            message_id,
        )
    return bool(rows)
