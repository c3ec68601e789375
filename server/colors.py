"""Colours: one brand colour made into four that can be read, for letters and documents.

Mail programs and PDF know no relative colour, so the rule of `tokens.css` is computed here
once and written as hex. The space is OKLCH (Ottosson, "A perceptual color space for image
processing", 2020); contrast is the ratio of WCAG 2.2, success criterion 1.4.3.
"""

import math
from functools import cache

import msgspec

FLIP = 0.6
DARKEST_LIGHT_FILL = 0.64
LIGHTEST_DARK_FILL = 0.53
NEAR_BLACK = 0.14

Triple = tuple[float, float, float]


class Brand(msgspec.Struct, frozen=True):
    """The four colours a letter or a document needs, as `#rrggbb`."""

    fill: str
    on_fill: str
    accent: str
    tint: str


@cache
def brand(color: str) -> Brand:
    """The colours that follow from a workspace's own, readable whatever it is."""
    light, chroma, hue = _oklch(color)
    is_light = light > FLIP
    fill = max(light, DARKEST_LIGHT_FILL) if is_light else min(light, LIGHTEST_DARK_FILL)
    return Brand(
        fill=_hex(_from_lch(fill, min(chroma, 0.19), hue)),
        on_fill=_hex((NEAR_BLACK, 0, 0)) if is_light else "#ffffff",
        accent=_hex(_from_lch(min(light, 0.49), min(chroma, 0.15), hue)),
        tint=_hex(_mixed(_oklab(color), _from_lch(0.975, 0.012, 92), 0.09)),
    )


def contrast(one: str, other: str) -> float:
    """How far apart two colours are in brightness, from 1 to 21 (WCAG 2.2)."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


# The way to OKLab and back


def _linear(color: str) -> Triple:
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return _unbent(red), _unbent(green), _unbent(blue)


def _unbent(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004


def _bent(value: float) -> float:
    return value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055  # noqa: PLR2004


def _luminance(color: str) -> float:
    red, green, blue = _linear(color)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _oklab(color: str) -> Triple:
    red, green, blue = _linear(color)
    long = math.cbrt(0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue)
    medium = math.cbrt(0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue)
    short = math.cbrt(0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _oklch(color: str) -> Triple:
    light, a, b = _oklab(color)
    return light, math.hypot(a, b), math.degrees(math.atan2(b, a))


def _from_lch(light: float, chroma: float, hue: float) -> Triple:
    angle = math.radians(hue)
    return light, chroma * math.cos(angle), chroma * math.sin(angle)


def _mixed(one: Triple, other: Triple, share: float) -> Triple:
    light, a, b = (x * share + y * (1 - share) for x, y in zip(one, other, strict=True))
    return light, a, b


def _to_linear(lab: Triple) -> Triple:
    light, a, b = lab
    long = (light + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (light - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (light - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _hex(lab: Triple) -> str:
    """The nearest screen colour: chroma gives way, lightness and hue do not."""
    light, a, b = lab
    low, high = 0.0, 1.0
    if all(-0.0005 <= channel <= 1.0005 for channel in _to_linear(lab)):  # noqa: PLR2004
        low = 1.0
    else:
        for _ in range(16):
            share = (low + high) / 2
            inside = _to_linear((light, a * share, b * share))
            if all(0 <= channel <= 1 for channel in inside):
                low = share
            else:
                high = share
    channels = _to_linear((light, a * low, b * low))
    return "#" + "".join(
        f"{round(255 * _bent(min(1.0, max(0.0, channel)))):02x}" for channel in channels
    )
