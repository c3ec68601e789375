"""Pictures people send: drawn again, small and bare, or refused with a sentence."""

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image

from server import pictures
from server.database import one, scoped
from server.errors import Invalid, NotFound
from server.pictures import LONGEST_SIDE, Kind, redraw


def drawing(kind="PNG", size=(40, 20), mode="RGB", **more):
    out = io.BytesIO()
    Image.new(mode, size, "#1d3a8a" if mode == "RGB" else 0).save(out, kind, **more)
    return out.getvalue()


def opened(content):
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_keeps_its_shape_and_fits(kind):
    content, media_type, width, height = redraw(drawing(kind, (4000, 1000)), 800)
    assert (width, height) == (800, 200) == opened(content).size
    assert media_type == "image/jpeg"


def test_what_is_clear_stays_clear():
    content, media_type, _, _ = redraw(drawing(mode="RGBA"), 800)
    assert (media_type, opened(content).mode) == ("image/png", "RGBA")


def test_where_a_photo_was_taken_is_forgotten_and_it_stands_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010E] = "48.8566 N, 2.3522 E"
    content, _, width, height = redraw(drawing("JPEG", (40, 20), exif=exif), 800)
    assert (width, height) == (20, 40)
    assert not opened(content).getexif()
    assert b"48.8566" not in content


def test_what_hides_behind_the_pixels_is_not_kept():
    content, _, _, _ = redraw(drawing() + b"<script>alert(1)</script>", 800)
    assert b"script" not in content


def bomb():
    """A PNG of a few hundred bytes that says it is 60,000 pixels wide and high."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    crc = zlib.crc32(b"IHDR" + head)
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + head + struct.pack(">I", crc)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a" + bytes(40),
        drawing("GIF", mode="L"),
        drawing("BMP"),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        drawing()[:60],
        drawing("JPEG")[:200],
        bomb(),
        bytes(pictures.LARGEST_FILE + 1),
    ],
)
def test_what_is_no_picture_is_refused_with_a_sentence(content):
    with pytest.raises(Invalid) as refused:
        redraw(content, 800)
    assert "picture" in refused.value.fields


@given(some.binary(max_size=300), some.integers(0, 200))
def test_a_damaged_picture_is_drawn_or_refused_but_never_breaks(noise, at):
    whole = drawing("JPEG", (64, 64))
    try:
        redraw(whole[:at] + noise + whole[at + len(noise) :], 100)
    except Invalid as refused:
        assert "picture" in refused.fields  # noqa: PT017 - both ends are right


async def test_a_picture_is_kept_for_its_workspace_alone(cast):
    id_ = await pictures.keep(
        Kind.LOGO, drawing("PNG", (900, 90)), by=cast.as_ana, now=cast.now
    )
    async with scoped(cast.as_ana):
        kept = await pictures.picture(id_)
        noted = await one("SELECT action FROM audit_entry ORDER BY id DESC")
    assert (kept.width, kept.kind, kept.media_type) == (
        LONGEST_SIDE[Kind.LOGO],
        "logo",
        "image/jpeg",
    )
    assert noted["action"] == "kept_picture"
    async with scoped(cast.as_dov):
        with pytest.raises(NotFound):
            await pictures.picture(id_)
