"""Tickets: the proof a confirmed registration prints, for a camera or for a finger.

A code is computed, never stored: the secret of the installation, the meetup and the
registration give it back at every print, and raising the rotation replaces it. The
database keeps hashes, so a stolen dump opens no door. What the camera reads is signed
(Ed25519, RFC 8032), so a scanner without a network can tell a true code from a forged
one holding nothing but a public key.
"""

import base64
import hashlib
import hmac
import io
import re
import struct
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from html import escape
from itertools import groupby
from typing import TypeAlias
from uuid import UUID

import qrcode
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from PIL import Image

from server.settings import Settings

VERSION = 1
KEY_IDS = range(256)
SECRET_BYTES = 32
BODY = struct.Struct(">BBI8sH")  # version, key id, meetup number, ticket, type
SIGNED_TEXT = re.compile(r"[A-Z2-7]{128}")  # 16 bytes of body and 64 of signature
TYPED_TEXT = re.compile(r"[0-9A-HJKMNP-TV-Z]{8}")
ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?/?", re.IGNORECASE | re.ASCII)
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O or U
LONGEST_TYPED = 64  # dashes, spaces and doubts included
LOOK_ALIKES = str.maketrans("OILU", "011V")
LONGEST_SCAN = 2048
QUIET_ZONE = 4  # modules, ISO/IEC 18004


@dataclass(frozen=True)
class Keys:
    """The secrets of the installation by key id: the current one and those before it."""

    current: int
    secrets: Mapping[int, bytes] = field(repr=False)

    def __post_init__(self) -> None:
        if self.current not in self.secrets:
            raise ValueError("the current key has no secret")
        for kid, secret in self.secrets.items():
            if kid not in KEY_IDS or len(secret) < SECRET_BYTES:
                raise ValueError("a key id is a byte and its secret has 32 bytes or more")

    def at(self, kid: int) -> "Keys":
        """The keys as they were when this one was current, to print an old code again."""
        return replace(self, current=kid)


@dataclass(frozen=True)
class Signed:
    """What a camera reads: who printed it, for which meetup, and the signature."""

    kid: int
    meetup_number: int
    ticket: bytes
    type_: int
    signature: bytes

    @property
    def body(self) -> bytes:
        """The sixteen bytes that are signed."""
        return BODY.pack(VERSION, self.kid, self.meetup_number, self.ticket, self.type_)

    @property
    def hash(self) -> bytes:
        """What the database and the door's list know of this ticket."""
        return hashlib.sha256(self.ticket).digest()


@dataclass(frozen=True)
class Typed:
    """What a person reads aloud: eight characters, already tidied."""

    code: str


Scanned: TypeAlias = Signed | Typed


@dataclass(frozen=True)
class Code:
    """One registration's code, ready to print."""

    signed: Signed
    typed: str
    typed_hash: bytes

    @property
    def hash(self) -> bytes:
        """What the database stores to find the registration again."""
        return self.signed.hash

    @property
    def text(self) -> str:
        """The signed payload in base 32, which a QR code holds in few modules."""
        return base64.b32encode(self.signed.body + self.signed.signature).decode()

    def url(self, origin: str) -> str:
        """The address a phone's own camera opens, in capitals to keep the QR small."""
        if not ORIGIN.fullmatch(origin):
            raise ValueError("an origin is a scheme, a host and perhaps a port")
        return f"{origin.rstrip('/')}/T/{self.text}".upper()


# Rules


def read(text: str) -> Scanned | None:
    """What any scanned or typed text means, or nothing; it never fails."""
    if len(text) > LONGEST_SCAN:
        return None
    path = re.split(r"[?#]", "".join(text.split()).upper(), maxsplit=1)[0]
    code = path.rpartition("/T/")[2].rstrip("/")
    if not SIGNED_TEXT.fullmatch(code):
        typed = tidy(code)
        return Typed(typed) if typed else None
    payload = base64.b32decode(code)
    version, kid, meetup_number, ticket, type_ = BODY.unpack_from(payload)
    if version != VERSION:
        return None
    return Signed(kid, meetup_number, ticket, type_, payload[BODY.size :])


def tidy(typed: str) -> str | None:
    """The eight characters a person meant, whatever the case, dashes and look-alikes."""
    folded = unicodedata.normalize("NFKC", typed[:LONGEST_TYPED]).upper()
    kept = (c for c in folded if not c.isspace() and unicodedata.category(c) != "Pd")
    code = "".join(kept).translate(LOOK_ALIKES)
    return code if TYPED_TEXT.fullmatch(code) else None


def verify(scanned: Scanned, public_key: bytes) -> bool:
    """Did the meetup that holds this public key sign what was scanned?"""
    if not isinstance(scanned, Signed):
        return False
    key = Ed25519PublicKey.from_public_bytes(public_key)
    try:
        key.verify(scanned.signature, scanned.body)
    except InvalidSignature:
        return False
    return True


def issue(
    keys: Keys,
    *,
    meetup_id: UUID,
    meetup_number: int,
    registration_id: UUID,
    rotation: int,
    type_: int = 0,
) -> Code:
    """The code of a registration; a lost rotation is never printed again."""
    number = _mac(_meetup_key(keys, meetup_id), _one(registration_id, rotation))
    ticket, spoken = number[:8], int.from_bytes(number[8:13])
    unsigned = Signed(keys.current, meetup_number, ticket, type_, b"")
    signature = _signing_key(keys.secrets[keys.current], meetup_id).sign(unsigned.body)
    typed = "".join(ALPHABET[spoken >> shift & 31] for shift in range(35, -1, -5))
    hashed = _mac(_meetup_key(keys, meetup_id), typed.encode())[:16]
    signed = replace(unsigned, signature=signature)
    return Code(signed, f"{typed[:4]}-{typed[4:]}", hashed)


def public_key(keys: Keys, meetup_id: UUID, kid: int) -> bytes:
    """The 32 bytes a scanner carries to check this meetup's signatures."""
    return _signing_key(keys.secrets[kid], meetup_id).public_key().public_bytes_raw()


def typed_hash(keys: Keys, meetup_id: UUID, typed: str) -> bytes | None:
    """What the database stores of a typed code, keyed because 40 bits can be guessed."""
    code = tidy(typed)
    return _mac(_meetup_key(keys, meetup_id), code.encode())[:16] if code else None


def capability(keys: Keys, meetup_id: UUID, registration_id: UUID, rotation: int) -> str:
    """The secret of the link that lets a person manage her own registration."""
    label = b"apero capability v1"
    secret = _mac(_meetup_key(keys, meetup_id), label, _one(registration_id, rotation))
    return base64.b32encode(secret).decode()[:26].lower()


def capability_hash(text: str) -> bytes:
    """What the database stores of a capability, however the link was retyped."""
    folded = "".join(text.split()).lower()
    return hashlib.sha256(folded.encode(errors="surrogatepass")).digest()


def qr_svg(text: str, *, title: str, module_mm: float | None = None) -> str:
    """The QR code as one stroked path on its own white ground, for page and paper."""
    rows = _modules(text)
    side, strokes = len(rows), []
    for y, row in enumerate(rows):
        x = 0
        for dark, run in groupby(row):
            width = len(list(run))
            if dark:
                strokes.append(f"M{x} {y}.5h{width}")
            x += width
    size = f"{side * (module_mm or 0):.2f}mm"
    measures = f' width="{size}" height="{size}"' if module_mm else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img"{measures}'
        f' viewBox="0 0 {side} {side}" shape-rendering="crispEdges">'
        f'<title>{escape(title)}</title><rect width="{side}" height="{side}" fill="#fff"/>'
        f'<path stroke="#000" d="{"".join(strokes)}"/></svg>'
    )


def qr_png(text: str, *, module_px: int = 8) -> bytes:
    """The QR code as a picture, for letters: many mail programs show no SVG."""
    rows = _modules(text)
    side = len(rows)
    dots = bytes(0 if dark else 255 for row in rows for dark in row)
    out = io.BytesIO()
    Image.frombytes("L", (side, side), dots).convert("1").resize(
        (side * module_px, side * module_px), Image.Resampling.NEAREST
    ).save(out, "PNG", optimize=True)
    return out.getvalue()


@lru_cache(maxsize=256)
def _modules(text: str) -> tuple[bytes, ...]:
    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, border=QUIET_ZONE)
    code.add_data(text, optimize=20)
    code.make(fit=True)
    return tuple(bytes(row) for row in code.get_matrix())


def _mac(key: bytes, *parts: bytes) -> bytes:
    return hmac.digest(key, b"".join(parts), "sha256")


def _one(registration_id: UUID, rotation: int) -> bytes:
    return registration_id.bytes + rotation.to_bytes(4)


def _meetup_key(keys: Keys, meetup_id: UUID) -> bytes:
    return _mac(keys.secrets[keys.current], b"apero meetup v1", meetup_id.bytes)


@lru_cache(maxsize=64)
def _signing_key(secret: bytes, meetup_id: UUID) -> Ed25519PrivateKey:
    seed = _mac(secret, b"apero sign v1", meetup_id.bytes)
    return Ed25519PrivateKey.from_private_bytes(seed)


# The keys of this installation


def key_id(secret: bytes) -> int:
    """The byte that names a secret in what is printed."""
    return hashlib.sha256(secret).digest()[0]


def keys_of(settings: Settings) -> Keys:
    """The keys in use: the current secret's, and the previous one's while it is kept."""
    known = {key_id(settings.secret_key): settings.secret_key}
    if settings.previous_secret_key:
        known = {key_id(settings.previous_secret_key): settings.previous_secret_key} | known
    return Keys(key_id(settings.secret_key), known)
