"""A real house in a process of its own, and real browsers to walk it.

`house` is `apero serve` on an empty data folder; `demo` is `apero demo`, filled with its
story. Both have their own PostgreSQL and a mailbox page.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Playwright, async_playwright

ROOT = Path(__file__).parents[2]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LONGEST_START = 240


def chromium_path() -> str:
    """The browser that `.ci/install-system` sees to."""
    wanted = (os.environ.get("CHROMIUM", ""), *NAMES)
    found = next((path for name in wanted if name and (path := shutil.which(name))), None)
    assert found, "Chromium is missing; `.ci/install-system test` installs it."
    return found


@contextmanager
def running(command: str) -> Iterator[str]:
    """`apero <command>` in an empty folder until the block ends; gives its address."""
    folder = Path(tempfile.mkdtemp(prefix="apero-browser-"))
    folder.chmod(0o755)  # PostgreSQL may run as somebody else
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if name[:6] != "APERO_"}
    env = kept | {
        "APERO_ENV": "demo",
        "APERO_DATA": str(folder / "data"),
        "PORT": str(port),
    }
    said = folder / "said.log"
    with said.open("wb") as out:
        house = subprocess.Popen(
            [Path(sys.executable).with_name("apero"), command],
            cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        origin = f"http://127.0.0.1:{port}"
        _wait_until_ready(house, origin, said)
        yield origin
        assert house.poll() is None, f"The house fell.\n{said.read_text()[-5000:]}"
    finally:
        house.send_signal(signal.SIGTERM)
        try:
            house.wait(30)
        finally:
            house.kill()
            house.wait()
            shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(house: subprocess.Popen, origin: str, said: Path) -> None:
    until = time.monotonic() + LONGEST_START
    while time.monotonic() < until:
        assert house.poll() is None, said.read_text()[-3000:]
        try:
            if httpx.get(f"{origin}/readyz", timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    pytest.fail(f"Not ready after {LONGEST_START} s.\n{said.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def house() -> Iterator[str]:
    """The address of an empty house."""
    with running("serve") as origin:
        yield origin


@pytest.fixture(scope="session")
def demo() -> Iterator[str]:
    """The address of a house with the demo's story in it."""
    with running("demo") as origin:
        yield origin


@pytest.fixture(scope="session")
async def play() -> AsyncIterator[Playwright]:
    async with async_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
async def chromium(play: Playwright) -> AsyncIterator[Browser]:
    """A browser without a camera."""
    browser = await play.chromium.launch(executable_path=chromium_path(), args=QUIET)
    yield browser
    await browser.close()


@pytest.fixture
async def with_camera(play: Playwright):
    """Open a browser whose camera shows this film; they are closed after the test."""
    opened = []

    async def open_(film: Path) -> Browser:
        shows = [
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--use-file-for-fake-video-capture={film}",
        ]
        browser = await play.chromium.launch(
            executable_path=chromium_path(), args=[*QUIET, *shows]
        )
        opened.append(browser)
        return browser

    yield open_
    for browser in opened:
        await browser.close()
