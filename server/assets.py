"""Assets: the built files that pages, letters and PDF refer to by name.

The build (`server/static/build.py`) writes them beside this module with a manifest of
content hashes, so an address changes with its content and may be kept for ever. Paths
are resolved from this file: an editable tree and an installed wheel behave the same.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

BUILT = Path(__file__).parent / "static" / "built"
PREFIX = "/static/"
NEEDED = (
    "site.css",
    "site.js",
    "public.js",
    "print.css",
    "scanner.js",
    "sw.js",
    "zxing_reader.wasm",
)


class AssetsMissing(Exception):
    """The files that browsers receive were never built, or not all of them."""

    def __init__(self, missing: str) -> None:
        """Say which file is missing, and the command that makes it."""
        super().__init__(
            f"The built assets are missing ({missing}). Run `make install`; if it was "
            "already run, `python server/static/build.py` builds them again."
        )


class UnknownAsset(LookupError):
    """A page asked for a file that the build does not make."""


# Queries


@cache
def manifest() -> dict[str, str]:
    """The content hash of every built file, by name."""
    try:
        facts = json.loads((BUILT / "manifest.json").read_text())
    except FileNotFoundError:
        raise AssetsMissing("manifest.json") from None
    return dict(facts["files"])


def asset(name: str) -> str:
    """The address of a built file; a new content has a new address."""
    try:
        return f"{PREFIX}{name}?v={manifest()[name]}"
    except KeyError:
        raise UnknownAsset(name) from None


def is_current(name: str, version: str) -> bool:
    """Is this the version we serve, so that a browser may keep it for ever?"""
    return manifest().get(name) == version


def asset_bytes(name: str) -> bytes:
    """The content of a built file, for documents made without a browser."""
    if name not in manifest():
        raise UnknownAsset(name)
    return (BUILT / name).read_bytes()


def font_bytes(weight: int, *, extended: bool = False) -> bytes:
    """One fixed weight of Inter for PDF: 300, 400 or 600, basic or extended Latin."""
    alphabet = "latin-ext" if extended else "latin"
    return asset_bytes(f"inter-{alphabet}-{weight}-normal.woff2")


@cache
def third_party() -> dict[str, dict[str, Any]]:
    """What ships from elsewhere: version, licence, integrity and licence text by name."""
    try:
        return dict(json.loads((BUILT / "THIRD_PARTY.json").read_text()))
    except FileNotFoundError:
        raise AssetsMissing("THIRD_PARTY.json") from None


def check() -> None:
    """Refuse to start without the built files."""
    for name in NEEDED:
        if name not in manifest() or not (BUILT / name).exists():
            raise AssetsMissing(name)
