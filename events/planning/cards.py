"""Cards: the picture that goes with the address of a meetup when somebody passes it on.

1200 by 630 pixels (the Open Graph protocol leaves the size open; this is the one that the
places people write in show whole). A title, a day, a place, in the brand's colour, and the
half citrus of our posters. Whoever asks again for the same words receives the same bytes.
"""

import asyncio
import hashlib
import io
import math
from functools import cache, lru_cache

import msgspec
from PIL import Image, ImageDraw, ImageFont

from server import assets, colors

FORM = 1  # raised when the same words are drawn differently
WIDTH, HEIGHT = 1200, 630
FINE = 2  # what is round is drawn larger, then made small
MARGIN, COLUMN, WIDEST = 72, 636, 1056
TITLE_SIZES = (84, 72, 62, 54, 46)
MOST_LINES = 3
HORIZON = 374
TITLE_TOP, TITLE_HEIGHT, LEADING = 136, 215, 1.12
SUN, PITH = "#f2c230", "#f8e7ae"
ELLIPSIS = "…"


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """The words of a picture, from the top down."""

    brand: str
    color: str
    title: str
    day: str
    hours: str
    place: str = ""
    notice: str = ""

    @property
    def mark(self) -> str:
        """The mark of this picture (RFC 9110, 8.8.3): other words, another mark."""
        said = repr((FORM, self)).encode(errors="surrogatepass")
        return hashlib.sha256(said).hexdigest()[:32]


class Face(msgspec.Struct, frozen=True):
    """One weight of Inter at one size, in its two alphabets."""

    latin: ImageFont.FreeTypeFont
    extended: ImageFont.FreeTypeFont

    def runs(self, text: str) -> list[tuple[str, ImageFont.FreeTypeFont]]:
        """The text in pieces with the alphabet of each; what neither has is left out."""
        known, more = _letters(extended=False), _letters(extended=True)
        found: list[tuple[str, ImageFont.FreeTypeFont]] = []
        for letter in text:
            if letter not in known and letter not in more:
                continue
            font = self.latin if letter in known else self.extended
            if found and found[-1][1] is font:
                found[-1] = (found[-1][0] + letter, font)
            else:
                found.append((letter, font))
        return found

    def width(self, text: str) -> float:
        return sum(font.getlength(part) for part, font in self.runs(text))


# Rules


def lines_of(text: str, face: Face, width: float, most: int = MOST_LINES) -> list[str]:
    """The text broken between words, cut with an ellipsis where there is too much of it."""
    lines: list[str] = []
    known = _letters(extended=False) | _letters(extended=True)
    for word in "".join(letter for letter in text if letter in known).split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and face.width(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    kept, rest = lines[:most], lines[most:]
    if kept and rest:
        kept[-1] += ELLIPSIS
    return [_fitted(line, face, width) for line in kept]


def _fitted(line: str, face: Face, width: float) -> str:
    if face.width(line) <= width:
        return line
    line = line.removesuffix(ELLIPSIS)
    while line and face.width(line + ELLIPSIS) > width:
        line = line[:-1]
    return line.rstrip() + ELLIPSIS


@cache
def _letters(*, extended: bool) -> frozenset[str]:
    """What this alphabet can draw."""
    from fontTools.ttLib import TTFont  # noqa: PLC0415

    font = TTFont(io.BytesIO(assets.font_bytes(600, extended=extended)))
    return frozenset(map(chr, font.getBestCmap()))


@cache
def _face(weight: int, size: int) -> Face:
    latin, extended = (
        ImageFont.truetype(io.BytesIO(assets.font_bytes(weight, extended=more)), size)
        for more in (False, True)
    )
    return Face(latin, extended)


# Drawing


async def drawn(card: Card) -> bytes:
    """The picture as PNG, drawn off the loop."""
    return await asyncio.to_thread(_drawn, card)


@lru_cache(maxsize=128)
def _drawn(card: Card) -> bytes:
    palette = colors.brand(card.color)
    picture = _still_life(palette)
    ink = ImageDraw.Draw(picture)
    _write(ink, card.brand, _face(600, 34), (MARGIN, MARGIN), palette.on_fill)
    face, lines = _title(card.title or card.brand)
    top: float = TITLE_TOP
    for line in lines:
        _write(ink, line, face, (MARGIN, top), palette.on_fill)
        top += face.latin.size * LEADING
    facts = [card.notice, card.day, card.hours, card.place]
    small = _face(400, 34)
    told = [line for fact in facts if fact for line in lines_of(fact, small, WIDEST, 1)]
    top = HEIGHT - MARGIN - 46 * len(told) + 6
    for number, line in enumerate(told):
        weight = 600 if number == 0 else 400
        _write(ink, line, _face(weight, 34), (MARGIN, top), palette.on_fill)
        top += 46
    out = io.BytesIO()
    picture.quantize(96, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def _title(text: str) -> tuple[Face, list[str]]:
    """The largest size at which the title stands whole, or the smallest."""
    for size in TITLE_SIZES:
        face = _face(600, size)
        lines = lines_of(text, face, COLUMN)
        is_cut = any(line.endswith(ELLIPSIS) for line in lines)
        if not is_cut and len(lines) * size * LEADING <= TITLE_HEIGHT:
            break
    return face, lines


def _write(
    ink: ImageDraw.ImageDraw,
    text: str,
    face: Face,
    at: tuple[float, float],
    color: str,
) -> None:
    x, y = at
    for part, font in face.runs(text):
        ink.text((x, y), part, font=font, fill=color)
        x += font.getlength(part)


def _still_life(palette: colors.Brand) -> Image.Image:
    """The colour of the brand, a table, and half a citrus standing on it."""
    picture = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), palette.fill)
    ink = ImageDraw.Draw(picture)
    away = "#000000" if palette.on_fill == "#ffffff" else "#ffffff"
    table = _between(palette.fill, away, 0.16)  # further from the ink: it stays readable
    x, radius, horizon = 950 * FINE, 230 * FINE, HORIZON * FINE
    for color, size in ((SUN, radius), (PITH, radius - 26 * FINE)):
        ink.pieslice((x - size, horizon - size, x + size, horizon + size), 180, 360, color)
    ripe = radius - 40 * FINE
    ink.pieslice((x - ripe, horizon - ripe, x + ripe, horizon + ripe), 180, 360, SUN)
    for degrees in (30, 60, 90, 120, 150):
        angle = math.radians(degrees)
        end = (x - ripe * math.cos(angle), horizon - ripe * math.sin(angle))
        ink.line(((x, horizon), end), fill=PITH, width=9 * FINE)
    ink.rectangle((0, horizon, WIDTH * FINE, HEIGHT * FINE), fill=table)
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _between(one: str, other: str, share: float) -> str:
    pairs = ((int(one[at : at + 2], 16), int(other[at : at + 2], 16)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)
