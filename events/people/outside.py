"""Outside: one public page of another site, read with care.

The address comes from people, so nothing it names is trusted (OWASP, server-side request
forgery): https only, on its usual port; every address the name stands for must be public,
and the connection goes to the very address that was looked at; each redirect is looked at
the same way; what comes back is cut short in bytes and in time.
"""

import asyncio
import http.client
import socket
import ssl
import time
from collections.abc import Collection
from contextlib import closing
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

LARGEST_PAGE = 512 * 1024
LONGEST_WAIT = 5.0
LONGEST_READ = 12.0
MOST_REDIRECTS = 2
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PIECE = 16 * 1024
HTTPS = 443
OK = 200
# Addresses that another network may turn into one of its own (RFC 4291, 6052, 8215, 2765).
TRANSLATED = tuple(
    map(
        ip_network,
        ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "fec0::/10"),
    )
)


class Unreachable(Exception):
    """The page cannot be read, or may not be asked for."""


class Place(NamedTuple):
    """Where a page is asked for: the name, and the address it was seen to stand for."""

    scheme: str
    host: str
    port: int
    address: str
    path: str


async def read(url: str, *, reachable: Collection[str] = ()) -> bytes:
    """The page at this address. Raises Unreachable.

    `reachable` names origins that may be asked though they are not public: tests only.
    """
    try:
        async with asyncio.timeout(LONGEST_READ + LONGEST_WAIT):
            return await asyncio.to_thread(_read, url, frozenset(reachable))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(type(error).__name__) from error


def may_be_asked(url: str) -> bool:
    """Does this look like the address of a public site? Its name is not looked up yet."""
    try:
        parts = urlsplit(url)
        port = HTTPS if parts.port is None else parts.port
    except ValueError:
        return False
    host = parts.hostname or ""
    if parts.scheme != "https" or port != HTTPS or "@" in parts.netloc or "." not in host:
        return False
    try:
        return is_public(host)
    except ValueError:
        return not host.endswith((".local", ".internal", ".localhost"))


def _read(url: str, reachable: frozenset[str]) -> bytes:
    until = time.monotonic() + LONGEST_READ
    for _ in range(MOST_REDIRECTS + 1):
        place = _place(url, reachable)
        with closing(_connection(place)) as connection:
            headers = {"Host": _host(place), "Accept": "application/json"}
            connection.request("GET", place.path, headers=headers)
            answer = connection.getresponse()
            if answer.status not in REDIRECTS:
                return _body(answer, until)
            url = urljoin(url, answer.headers.get("location", ""))
    message = "too many redirects"
    raise Unreachable(message)


def _host(place: Place) -> str:
    return place.host if place.port == HTTPS else f"{place.host}:{place.port}"


def _place(url: str, reachable: frozenset[str]) -> Place:
    """Where this address leads, if every address behind its name is public."""
    parts = urlsplit(url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if f"{parts.scheme}://{parts.netloc}" in reachable:
        address = parts.hostname or ""
        return Place(parts.scheme, address, parts.port or HTTPS, address, path)
    if not may_be_asked(url) or not parts.hostname:
        message = "not a public https address"
        raise Unreachable(message)
    found = socket.getaddrinfo(parts.hostname, HTTPS, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    if not addresses or not all(is_public(one) for one in addresses):
        message = "not a public address"
        raise Unreachable(message)
    return Place("https", parts.hostname, HTTPS, addresses[0], path)


def is_public(text: str) -> bool:
    """Is this the address of a machine of the public internet?"""
    address = ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    if mapped is not None:
        address = mapped
    if any(address in network for network in TRANSLATED):
        return False
    return address.is_global and not address.is_multicast


def _connection(place: Place) -> http.client.HTTPConnection:
    """A connection to the address that was looked at, and to no other."""
    if place.scheme == "http":
        return http.client.HTTPConnection(place.address, place.port, timeout=LONGEST_WAIT)
    context = ssl.create_default_context()
    connection = http.client.HTTPSConnection(
        place.host, place.port, timeout=LONGEST_WAIT, context=context
    )
    raw = socket.create_connection((place.address, place.port), LONGEST_WAIT)
    try:
        connection.sock = context.wrap_socket(raw, server_hostname=place.host)
    except BaseException:
        raw.close()
        raise
    return connection


def _body(answer: http.client.HTTPResponse, until: float) -> bytes:
    """The body, if it is a page, is not endless and does not take for ever."""
    if answer.status != OK:
        message = f"status {answer.status}"
        raise Unreachable(message)
    pieces: list[bytes] = []
    while piece := answer.read1(PIECE):
        pieces.append(piece)
        if sum(map(len, pieces)) > LARGEST_PAGE or time.monotonic() > until:
            message = "too much, or too slow"
            raise Unreachable(message)
    return b"".join(pieces)
