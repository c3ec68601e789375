"""Slugs: the part of an address that is made from a name, free in its workspace."""

from collections.abc import Collection
from typing import Literal
from uuid import UUID

from server.database import sql

# Pages of ours have these addresses, beside those of meetups, series and sponsors.
TAKEN_WORDS = frozenset(
    {"new", "ambassadors", "c", "charter", "faces", "feed", "logo", "s"}
)

# Queries


async def free_slug(
    table: Literal["meetup", "venue"],
    slug: str,
    workspace_id: UUID,
    also: Collection[str] = (),
) -> str:
    """This slug, or the first free one after it; two who write at once wait in line."""
    await sql("SELECT id FROM workspace WHERE id = $1 FOR NO KEY UPDATE", workspace_id)
    rows = await sql(
        f"SELECT slug FROM {table} WHERE workspace_id = $1"  # noqa: S608 - one of our own two
        " AND (slug = $2 OR slug LIKE $2 || '-%')",
        workspace_id,
        slug,
    )
    taken = {row["slug"] for row in rows} | TAKEN_WORDS | set(also)
    if slug not in taken:
        return slug
    return next(
        f"{slug}-{n}" for n in range(2, len(taken) + 3) if f"{slug}-{n}" not in taken
    )
