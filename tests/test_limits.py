"""Rate limits: counted for everybody together, and by the address that is really there."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest

from server import limits
from server.database import sql
from server.edge import address_of, short_address
from server.errors import TooMany
from tests import world

HOUR = timedelta(hours=1)


async def test_a_window_holds_so_many_and_no_more():
    for _ in range(3):
        await limits.spend("t", "a", most=3, window=HOUR, now=world.NOW)
    with pytest.raises(TooMany) as refused:
        await limits.spend("t", "a", most=3, window=HOUR, now=world.NOW)
    assert 0 < refused.value.seconds <= 3600
    await limits.spend("t", "b", most=3, window=HOUR, now=world.NOW)
    await limits.spend("u", "a", most=3, window=HOUR, now=world.NOW)
    await limits.spend("t", "a", most=3, window=HOUR, now=world.NOW + HOUR)


async def test_twenty_at_once_are_counted_one_by_one():
    done = await asyncio.gather(
        *(limits.spend("t", "x", most=5, window=HOUR, now=world.NOW) for _ in range(20)),
        return_exceptions=True,
    )
    assert sum(one_ is None for one_ in done) == 5


async def test_windows_that_are_over_are_forgotten():
    await limits.spend("t", "old", most=5, window=HOUR, now=world.NOW - timedelta(days=3))
    await limits.spend("t", "new", most=5, window=HOUR, now=world.NOW)
    await limits.sweep(world.NOW)
    assert [row["key"] for row in await sql("SELECT key FROM rate_bucket")] == ["t|new"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("198.51.100.7", "", "198.51.100.7"),
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6, evil", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("unix", "203.0.113.9", "unix"),
    ],
)
def test_only_a_proxy_named_by_us_is_believed(settings, peer, forwarded, address):
    house = replace(settings, trusted_proxies=(ip_network("10.0.0.0/8"),))
    assert address_of(peer, forwarded, house) == address


@pytest.mark.parametrize(
    ("address", "short"),
    [
        ("203.0.113.9", "203.0.113.0"),
        ("2001:db8:1:2::3", "2001:db8:1::"),
        ("unix", ""),
        ("", ""),
    ],
)
def test_addresses_are_kept_short(address, short):
    assert short_address(address) == short


async def test_an_address_behind_no_proxy_cannot_choose_another(browser):
    now = datetime.now(UTC)
    for _ in range(200):
        await limits.spend("link", "127.0.0.0", most=200, window=HOUR, now=now)
    for spoof in ("203.0.113.9", "6.6.6.6, 127.0.0.1", "::1"):
        answer = await browser.post(
            "/sign-in", data={"email": "x@x.example"}, headers={"x-forwarded-for": spoof}
        )
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
