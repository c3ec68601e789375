"""The scanner in a real Chromium: a camera that shows a real ticket, and no network."""

import asyncio
import json
import shutil
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import uvicorn
from PIL import Image
from playwright.async_api import async_playwright, expect

from checkin import devices
from events.admission import tickets
from server.database import scoped, sql
from tests.checkin.evening import a_ticket, an_evening
from tests import world

pytestmark = [pytest.mark.browser, pytest.mark.committed]

ROOT = Path(__file__).parents[2]
AXE = ROOT / "server/static/built/dev/axe.min.js"
PHONE = {"width": 360, "height": 780}
FRAME = (640, 480)
CAMERA = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--no-sandbox",
]


def a_film(path: Path, text: str) -> Path:
    """A camera's film (YUV4MPEG2): this code for a second, then an empty table for three."""
    width, height = FRAME
    table = Image.new("L", FRAME, 90)
    code = Image.frombytes(*_square(text)).resize((360, 360), Image.Resampling.NEAREST)
    table.paste(code, ((width - 360) // 2, (height - 360) // 2))
    grey = bytes([128]) * (width * height // 2)
    shown = b"FRAME\n" + table.tobytes() + grey
    empty = b"FRAME\n" + Image.new("L", FRAME, 90).tobytes() + grey
    head = f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(head + shown * 10 + empty * 32)
    return path


def _square(text: str):
    rows = tickets._modules(text)
    dots = bytes(0 if dark else 255 for row in rows for dark in row)
    return "L", (len(rows), len(rows)), dots


@asynccontextmanager
async def served(app):
    """The application on a real port, in this loop."""
    config = uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def a_phone_at(address, film=None, lang="fr-FR"):
    """A phone's browser, perhaps with something before its camera."""
    film_args = [f"--use-file-for-fake-video-capture={film}"] if film else []
    async with async_playwright() as play:
        chromium = await play.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*CAMERA, *film_args]
        )
        context = await chromium.new_context(
            viewport=PHONE, locale=lang, base_url=address, reduced_motion="reduce"
        )
        await context.grant_permissions(["camera"])
        page = await context.new_page()
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on(
            "console",
            lambda said: page.faults.append(said.text) if "Content Security" in said.text else 0,
        )
        yield page
        await chromium.close()


@pytest.fixture
async def evening(pool, settings):
    cast = await world.cast()
    evening = await an_evening(cast, settings)
    evening.now = world.NOW
    return evening


@pytest.fixture(autouse=True)
async def tonight(monkeypatch):
    """The meetup is on while the clock of the browser runs."""
    from datetime import UTC, datetime

    monkeypatch.setattr(world, "NOW", datetime.now(UTC).replace(microsecond=0))


async def code_of(evening, name="Bilal"):
    pairing = await devices.add_device(
        name, gate_id=evening.gate.id, language="fr", by=evening.by, now=world.NOW
    )
    return pairing.code


async def test_a_camera_reads_a_ticket_with_and_without_a_network(app, evening, tmp_path):
    ticket = await a_ticket(evening)
    film = a_film(tmp_path / "ticket.y4m", ticket.url)
    async with served(app) as address, a_phone_at(address, film) as page:
        await page.goto(f"/door#pair={await code_of(evening)}")
        answer = page.locator("#answer h1")
        await expect(answer).to_have_text("Entrez", timeout=15_000)
        assert "pair=" not in page.url
        await expect(page.locator("#answer .who")).to_have_text("Chloé D.")
        await expect(answer).to_have_text("Déjà là", timeout=10_000)
        await expect(page.locator("#answer .who")).to_contain_text("Entrée à")
        await expect(page.locator("#waiting")).to_be_hidden()
        await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        await page.context.set_offline(True)
        await expect(page.locator("#net-word")).to_be_visible(timeout=10_000)
        await expect(page.locator("#waiting-number")).not_to_have_text("0", timeout=10_000)
        await expect(page.locator("#waiting")).to_be_visible()
        await expect(answer).to_have_text("Déjà là")
        await page.reload()  # the shell and the pairing are on the phone
        await expect(page.locator("#waiting")).to_be_visible(timeout=15_000)
        await page.context.set_offline(False)
        await expect(page.locator("#waiting")).to_be_hidden(timeout=20_000)
        assert page.faults == []
    async with scoped(evening.by):
        rows = await sql("SELECT mode, verdict, count(*) FROM checkin GROUP BY 1, 2")
    counted = {(row["mode"], row["verdict"]): row["count"] for row in rows}
    assert counted[("ask", "enter")] == 1
    assert counted[("tell", "already_in")] >= 1


async def test_a_ticket_is_let_in_by_a_phone_that_is_alone(app, evening, tmp_path):
    ticket = await a_ticket(evening)
    film = a_film(tmp_path / "nothing.y4m", "HTTPS://EXAMPLE.ORG/NOTHING")
    async with served(app) as address, a_phone_at(address, film, "en-GB") as page:
        await page.goto(f"/door#pair={await code_of(evening)}")
        await expect(page.locator("#answer h1")).to_have_text("Unknown code", timeout=15_000)
        await page.context.set_offline(True)
        await _type(page, ticket.typed)
        await expect(page.locator("#answer h1")).to_have_text("No answer")
        await page.context.set_offline(False)


async def _type(page, text):
    await page.locator("#answer").wait_for(state="hidden", timeout=10_000)
    await page.get_by_role("button", name="Look for").first.click()
    await page.locator("#find-text").fill(text)
    await page.keyboard.press("Enter")


async def test_a_pairing_code_that_was_used_says_so(app, evening):
    code = await code_of(evening)
    await devices.pair(code, by=evening.by, now=world.NOW)
    async with served(app) as address, a_phone_at(address) as page:
        await page.goto(f"/door#pair={code}")
        await expect(page.locator("#pair-problem")).to_contain_text("déjà servi")
        await expect(page.locator("#unpaired h1")).to_be_visible()


async def test_the_rule_in_the_browser_gives_the_same_answers(pool):
    vectors = json.loads((ROOT / "tests/vectors/verdicts.json").read_text())
    source = (ROOT / "checkin/scanner/verdict.js").read_text()
    async with a_phone_at("http://127.0.0.1") as page:
        given = await page.evaluate(
            """async ([source, vectors]) => {
              const rule = await import("data:text/javascript," + encodeURIComponent(source));
              const laid = (kind, one) => one[kind] === null
                ? null : { ...vectors.usual[kind], ...one[kind] };
              return vectors.cases.map((one) => rule.decide(laid("ticket", one), one.kind,
                laid("gate", one), laid("presence", one), one.now ?? vectors.usual.now));
            }""",
            [source, vectors],
        )
    assert given == [one["answer"] for one in vectors["cases"]]
