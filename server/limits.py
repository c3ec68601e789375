"""Rate limits, counted in PostgreSQL so that every process and host counts together.

A limit is a purpose, a subject (an account, an address) and a number per window. Sign-in
fails closed; the door is never limited by address, for a venue shares one.
"""

from datetime import UTC, datetime, timedelta

from server.database import DB, sql
from server.errors import TooMany


async def spend(
    purpose: str, subject: str, *, most: int, window: timedelta, now: datetime
) -> None:
    """Count one attempt, or raise TooMany. Stands even when the caller's work is undone."""
    seconds = int(window.total_seconds())
    start = int(now.timestamp()) // seconds * seconds
    rows = await DB._run_in_pool(  # noqa: SLF001 - outside any transaction, on purpose
        "INSERT INTO rate_bucket (key, bucket, hits) VALUES ($1, $2, 1)"
        " ON CONFLICT (key, bucket) DO UPDATE SET hits = rate_bucket.hits + 1"
        " RETURNING hits",
        (f"{purpose}|{subject}", datetime.fromtimestamp(start, UTC)),
    )
    if rows[0]["hits"] > most:
        raise TooMany(start + seconds - int(now.timestamp()))


async def sweep(now: datetime) -> None:
    """Forget windows that are over."""
    await sql("DELETE FROM rate_bucket WHERE bucket < $1", now - timedelta(days=2))
