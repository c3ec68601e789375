"""Pictures people send: a logo, a face, a proof. Nothing is kept as it came.

What is decoded is one of three formats, small enough to be held in memory; it is drawn
again without its metadata (a photo carries where it was taken) and only that is stored.
"""

import asyncio
import base64
import hashlib
import io
import warnings
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from uuid import UUID

import msgspec
from piccolo.columns import Bytea, Integer, Text, Timestamptz
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from server import audit
from server.audit import Actor
from server.database import Record, atomic, one, uuid7
from server.errors import Invalid, NotFound
from server.i18n import lazy

LARGEST_FILE = 10 * 1024 * 1024
LARGEST_TEXT = 4 * (LARGEST_FILE // 3 + 1)  # the same in base64
# A picture, and what a form puts around it.
LARGEST_FORM = LARGEST_FILE + 1024 * 1024
MOST_PIXELS = 40_000_000
FORMATS = ("PNG", "JPEG", "WEBP")
NOT_A_PICTURE = lazy("This is not a picture that can be read. Send a PNG, JPEG or WebP.")
TOO_LARGE = lazy("A picture has 10 MB and 40 million pixels at most.")


class Kind(StrEnum):
    LOGO = "logo"
    FACE = "face"
    PROOF = "proof"


LONGEST_SIDE = {Kind.LOGO: 800, Kind.FACE: 600, Kind.PROOF: 1600}


class Picture(Record):
    """One picture, drawn again by us."""

    kind = Text()
    media_type = Text()
    width = Integer()
    height = Integer()
    content = Bytea()
    sha256 = Bytea()
    created_at = Timestamptz()


class Drawn(msgspec.Struct, frozen=True):
    """A picture as it is served; sizes in pixels."""

    id: UUID
    kind: Kind
    media_type: str
    width: int
    height: int
    content: bytes
    sha256: bytes


class Fresh(msgspec.Struct, frozen=True):
    """A picture drawn again, and not kept yet."""

    kind: Kind
    content: bytes
    media_type: str
    width: int
    height: int


# Rules


def redraw(content: bytes, longest_side: int) -> tuple[bytes, str, int, int]:
    """The same picture, upright, small and bare: content, media type, width, height.

    Raises Invalid(picture=…) for what is no picture, is broken, or is a bomb.
    """
    if len(content) > LARGEST_FILE:
        raise Invalid(picture=TOO_LARGE)
    try:
        # WeasyPrint, where it is loaded, lets Pillow draw what is cut short.
        ImageFile.LOAD_TRUNCATED_IMAGES = False
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _redraw(content, longest_side)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise Invalid(picture=TOO_LARGE) from error
    except Invalid:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise Invalid(picture=NOT_A_PICTURE) from error


def _redraw(content: bytes, longest_side: int) -> tuple[bytes, str, int, int]:
    with Image.open(io.BytesIO(content), formats=FORMATS) as found:
        if found.width * found.height > MOST_PIXELS:
            raise Invalid(picture=TOO_LARGE)
        found.draft("RGB", (longest_side, longest_side))
        upright = ImageOps.exif_transpose(found)
    is_clear = upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info
    drawn = upright.convert("RGBA" if is_clear else "RGB")
    drawn.thumbnail((longest_side, longest_side))
    bare = Image.new(drawn.mode, drawn.size)
    bare.paste(drawn)
    out = io.BytesIO()
    if is_clear:
        bare.save(out, "PNG", optimize=True)
    else:
        bare.save(out, "JPEG", quality=86, optimize=True, progressive=True)
    media_type = "image/png" if is_clear else "image/jpeg"
    return out.getvalue(), media_type, bare.width, bare.height


async def small(found: Drawn, longest_side: int) -> bytes:
    """The picture as WebP no larger than it is shown, drawn off the loop."""
    return await asyncio.to_thread(_small, found.content, longest_side)


@lru_cache(maxsize=256)
def _small(content: bytes, longest_side: int) -> bytes:
    with Image.open(io.BytesIO(content), formats=FORMATS) as found:
        drawn = found.convert("RGBA" if "A" in found.getbands() else "RGB")
    drawn.thumbnail((longest_side, longest_side))
    out = io.BytesIO()
    drawn.save(out, "WEBP", quality=80)
    return out.getvalue()


def written(found: Drawn, longest_side: int) -> str:
    """The picture, small, written out as an address for a document that travels alone."""
    content, media_type, _width, _height = redraw(found.content, longest_side)
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


async def draw(kind: Kind, content: bytes) -> Fresh:
    """Draw a picture again, off the loop; nothing is written and nothing is locked."""
    drawn = await asyncio.to_thread(redraw, content, LONGEST_SIDE[Kind(kind)])
    return Fresh(Kind(kind), *drawn)


async def draw_text(kind: Kind, text: str) -> Fresh | None:
    """The same for a picture that came in base64; None when none came."""
    if not text:
        return None
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError as error:
        raise Invalid(picture=NOT_A_PICTURE) from error
    return await draw(kind, content)


# Commands


async def keep(kind: Kind, content: bytes, *, by: Actor, now: datetime) -> UUID:
    """Draw a picture again and keep it."""
    return await store(await draw(kind, content), by=by, now=now)


@atomic()
async def store(fresh: Fresh, *, by: Actor, now: datetime) -> UUID:
    """Keep a picture, in the transaction of what shows it: refused together with it."""
    picture = Picture(
        id=uuid7(),
        workspace_id=by.workspace_id,
        kind=fresh.kind.value,
        media_type=fresh.media_type,
        width=fresh.width,
        height=fresh.height,
        content=fresh.content,
        sha256=hashlib.sha256(fresh.content).digest(),
        created_at=now,
    )
    await picture.save()
    await audit.note(by, "kept_picture", picture, at=now)
    id_: UUID = picture.id
    return id_


# Queries


async def picture(picture_id: UUID) -> Drawn:
    """The picture of this key in the workspaces in view, or NotFound."""
    found = await one(
        "SELECT id, kind, media_type, width, height, content, sha256 FROM picture"
        " WHERE workspace_id = ANY (apero_scope()) AND id = $1",
        picture_id,
        into=Drawn,
    )
    if found is None:
        raise NotFound
    return found


async def is_public(picture_id: UUID) -> bool:
    """Does a published meetup show this face?"""
    shown = await one(
        "SELECT 1 FROM representative r JOIN meetup m"
        " ON m.workspace_id = r.workspace_id AND m.id = r.meetup_id"
        " WHERE r.workspace_id = ANY (apero_scope()) AND r.picture_id = $1"
        " AND m.published_at IS NOT NULL LIMIT 1",
        picture_id,
    )
    return shown is not None
