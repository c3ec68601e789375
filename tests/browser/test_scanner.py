"""The scanner in a real Chromium: a camera that shows a real ticket, and no network."""

import asyncio
import json
import os
import shutil
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from PIL import Image
from playwright.async_api import async_playwright, expect

from checkin import checkins, devices
from events.admission import tickets
from server.database import scoped, sql
from tests import world
from tests.checkin.evening import a_ticket, an_evening

pytestmark = [pytest.mark.browser, pytest.mark.committed]

ROOT = Path(__file__).parents[2]
AXE = ROOT / "server/static/built/dev/axe.min.js"
PHONE = {"width": 360, "height": 780}
FRAME = (640, 480)
SCREENS = [
    ("enter", "enter", None), ("exited", "enter", None), ("already_in", "wait", None),
    ("not_in", "wait", None), ("not_confirmed", "wait", "waitlisted"),
    ("not_confirmed", "wait", "lost_draw"), ("not_confirmed", "wait", "pending"),
    ("unpaid", "wait", None), ("too_early", "wait", None), ("needs_answer", "wait", None),
    ("capacity", "wait", None), ("rules", "wait", "other_gate"),
    ("cancelled", "stop", None),
    ("wrong_meetup", "stop", None), ("too_late", "stop", None), ("replaced", "stop", None),
    ("revoked", "stop", None), ("unknown", "stop", None), ("rules", "stop", "no_reentry"),
]  # fmt: skip
CAMERA = [
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--no-sandbox",
]


def a_film(path: Path, text: str) -> Path:
    """A camera's film (YUV4MPEG2): this code for a second, then an empty table."""
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
    while not server.started:  # noqa: ASYNC110 - uvicorn tells nobody
        await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


@asynccontextmanager
async def a_phone_at(address, film=None, lang="fr-FR", **more):
    """A phone's browser, perhaps with something before its camera."""
    film_args = [f"--use-file-for-fake-video-capture={film}"] if film else []
    async with async_playwright() as play:
        chromium = await play.chromium.launch(
            executable_path=shutil.which("chromium"), args=[*CAMERA, *film_args]
        )
        context = await chromium.new_context(
            viewport=PHONE, locale=lang, base_url=address, reduced_motion="reduce", **more
        )
        await context.grant_permissions(["camera"])
        page = await context.new_page()
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on(
            "console",
            lambda said: (
                page.faults.append(said.text) if "Content Security" in said.text else 0
            ),
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
        await expect(page.locator("#answer .who")).to_contain_text("Chloé D.")
        await expect(page.locator("#answer .since")).to_contain_text("Entrée à")
        await expect(page.locator("#waiting")).to_be_hidden()
        await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        await page.context.set_offline(True)
        await expect(page.locator("#net-word")).to_be_visible(timeout=10_000)
        await page.get_by_role("button", name="Suivant").click()
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


async def test_a_phone_that_is_alone_lets_in_and_tells_it_later(app, evening, tmp_path):
    ticket = await a_ticket(evening)
    film = a_film(tmp_path / "ticket.y4m", ticket.url)
    blocked = {"service_workers": "block"}
    async with (
        served(app) as address,
        a_phone_at(address, film, "en-GB", **blocked) as page,
    ):
        await page.route("**/api/v1/door/facts", lambda route: route.abort())
        await page.goto(f"/door#pair={await code_of(evening)}")
        await expect(page.locator("#answer h1")).to_have_text("Come in", timeout=20_000)
        await expect(page.locator("#waiting-number")).to_have_text("1", timeout=10_000)
        await _shot(page, "alone")
        await expect(page.locator("#answer h1")).to_have_text(
            "Here already", timeout=10_000
        )
        await page.get_by_role("button", name="Next").click()
        await expect(page.locator("#answer")).to_be_hidden()
        await _shot(page, "waiting")
        await page.unroute("**/api/v1/door/facts")
        await expect(page.locator("#waiting")).to_be_hidden(timeout=20_000)
    async with scoped(evening.by):
        rows = await sql("SELECT verdict, mode FROM checkin WHERE verdict = 'enter'")
        assert (await checkins.counts(evening.meetup.id)).inside == 1
    assert [tuple(row) for row in rows] == [("enter", "tell")]


async def test_a_lost_answer_is_asked_again_with_the_same_id(app, evening):
    ticket = await a_ticket(evening)
    asked = []
    blocked = {"service_workers": "block"}

    async def lost(route):
        """The server hears the question; its answer never arrives."""
        asked.append(json.loads(route.request.post_data)["facts"][0]["id"])
        await route.fetch()

    async with served(app) as address, a_phone_at(address, lang="en-GB", **blocked) as page:
        await page.goto(f"/door#pair={await code_of(evening)}")
        await expect(page.locator("#count")).to_contain_text("0")
        await page.route("**/api/v1/door/facts", lost)
        await _type(page, ticket.typed)
        await expect(page.locator("#answer h1")).to_have_text("No answer", timeout=3_000)
        await page.locator("#answer").dispatch_event("pointerdown")
        await _shot(page, "no-answer")
        await page.unroute("**/api/v1/door/facts")
        await page.get_by_role("button", name="Retry").click()
        await expect(page.locator("#answer h1")).to_have_text("Come in")
        await expect(page.locator("#answer")).to_be_hidden(timeout=3_000)
    async with scoped(evening.by):
        rows = await sql("SELECT id::text FROM checkin")
    assert [row["id"] for row in rows] == asked


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


async def test_the_rule_in_the_browser_gives_the_same_answers():
    vectors = json.loads((ROOT / "tests/vectors/verdicts.json").read_text())
    source = (ROOT / "checkin/scanner/verdict.js").read_text()
    async with a_phone_at("http://127.0.0.1") as page:
        given = await page.evaluate(
            """async ([source, vectors]) => {
              const address = "data:text/javascript," + encodeURIComponent(source);
              const rule = await import(address);
              const laid = (kind, one) => one[kind] === null
                ? null : { ...vectors.usual[kind], ...one[kind] };
              return vectors.cases.map((one) => rule.decide(laid("ticket", one), one.kind,
                laid("gate", one), laid("presence", one), one.now ?? vectors.usual.now));
            }""",
            [source, vectors],
        )
    assert given == [one["answer"] for one in vectors["cases"]]


async def _audited(page):
    """Nothing that an audit of accessibility (axe-core) would find."""
    await page.add_script_tag(content=AXE.read_text())
    found = await page.evaluate("axe.run().then((found) => found.violations)")
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]


async def _shot(page, name):
    """A picture for whoever wants to look, in the folder that APERO_SHOTS names."""
    folder = os.environ.get("APERO_SHOTS")
    if folder:
        await page.screenshot(path=f"{folder}/{name}.png")


@pytest.mark.parametrize("lang", ["fr", "en"])
async def test_every_verdict_has_its_screen_and_passes_the_audit(app, evening, lang):
    saying = {}

    async def answer(route):
        fact = json.loads(route.request.post_data)["facts"][0]
        result = {"id": fact["id"], "label": "Chloé D.", "group": None, **saying}
        body = {"now": world.NOW.isoformat(), "results": [result]}
        await route.fulfill(json=body)

    phone = {"bypass_csp": True, "service_workers": "block"}
    titles = set()
    async with served(app) as address, a_phone_at(address, lang=lang, **phone) as page:
        await page.goto(f"/door#pair={await code_of(evening)}")
        await expect(page.locator("#count")).to_contain_text("0")
        await _shot(page, f"{lang}-ready")
        assert await _audited(page) == []
        await page.route("**/api/v1/door/facts", answer)
        for verdict, tone, sentence in SCREENS:
            at = world.NOW.isoformat() if verdict == "already_in" else None
            gate = "Cour" if at else None
            saying = {
                "verdict": verdict, "tone": tone, "sentence": sentence,
                "first_at": at, "first_gate": gate,
            }  # fmt: skip
            await page.locator("#tools [data-opens=find]").click()
            await page.locator("#find-text").fill("K7PM-42XD")
            await page.keyboard.press("Enter")
            await expect(page.locator(f"body[data-verdict={tone}]")).to_be_visible()
            await page.locator("#answer").dispatch_event("pointerdown")  # a finger holds it
            titles.add(await page.locator("#answer h1").inner_text())
            await _shot(page, f"{lang}-{verdict}-{sentence or ''}")
            assert await _audited(page) == [], verdict
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"], verdict
            await page.locator("#answer-tools button").last.click()
            await expect(page.locator("#content")).to_be_visible()
    assert len(titles) == len(SCREENS)


async def test_what_has_to_be_chosen_stays_and_the_count_follows(app, evening):
    ticket = await a_ticket(evening, "Inès Roux")
    async with scoped(evening.by):
        await sql(
            "UPDATE registration SET status = 'waitlisted', wait_no = 1 WHERE id = $1",
            ticket.id,
        )
    blocked = {"service_workers": "block"}
    async with served(app) as address, a_phone_at(address, **blocked) as page:
        await page.goto(f"/door#pair={await code_of(evening)}")
        await expect(page.locator("#count")).to_have_text("0 dedans")
        silent = {"now": world.NOW.isoformat()}  # only the answer itself tells the count
        await page.route("**/api/v1/door/status", lambda route: route.fulfill(json=silent))
        await page.locator("#tools [data-opens=find]").click()
        await page.locator("#find-text").fill("ines")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Inès R.").click()
        await expect(page.locator("#found p")).to_have_text("Inès R. · en liste d’attente")
        await page.get_by_role("button", name="C’est elle").click()
        await expect(page.locator("#answer h1")).to_have_text("Liste d’attente")
        await expect(page.locator("#answer .who")).to_have_text("Inès R.")
        await page.wait_for_timeout(2500)
        await expect(page.locator("#answer h1")).to_have_text("Liste d’attente")
        await page.locator("#answer-tools button").first.click()
        await expect(page.locator("#answer h1")).to_have_text("Entrez")
        await expect(page.locator("#count")).to_have_text("1 dedans", timeout=2000)
        await expect(page.locator("#answer")).to_be_hidden(timeout=3000)
        assert page.faults == []


async def test_without_a_camera_the_code_is_typed_on_the_spot(app, evening):
    phone = {"bypass_csp": True, "service_workers": "block"}
    async with served(app) as address, a_phone_at(address, **phone) as page:
        await page.add_init_script(
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error())"
        )
        await page.goto(f"/door#pair={await code_of(evening)}")
        await expect(page.locator("#hint")).to_contain_text("Pas de caméra")
        await _shot(page, "no-camera")
        assert await _audited(page) == []
        await page.get_by_role("button", name="Taper le code").click()
        await page.locator("#find-text").fill("AAAA-BBBB")
        await page.keyboard.press("Enter")
        await expect(page.locator("#answer h1")).to_have_text("Code inconnu")


async def test_a_closed_meetup_is_said_and_what_waits_is_sent(app, evening):
    phone = {"bypass_csp": True, "service_workers": "block"}

    async def over(route):
        body = (await (await route.fetch()).json()) | {"is_closed": True}
        await route.fulfill(json=body)

    async with served(app) as address, a_phone_at(address, **phone) as page:
        await page.goto(f"/door#pair={await code_of(evening)}")
        await expect(page.locator("#count")).to_have_text("0 dedans")
        await page.route("**/api/v1/door/walk-ins", lambda route: route.abort())
        await page.locator("#tools [data-opens=walk-in]").click()
        await page.locator("#walk-in-name").fill("Zoé P")
        await page.keyboard.press("Enter")
        await expect(page.locator("#waiting-number")).to_have_text("1", timeout=10_000)
        await page.route("**/api/v1/door/status", over)
        await page.unroute("**/api/v1/door/walk-ins")
        await expect(page.locator("#closed h1")).to_have_text(
            "La rencontre est close", timeout=15_000
        )
        await expect(page.locator("#waiting")).to_be_hidden(timeout=10_000)
        await expect(page.locator("#tools")).to_be_hidden()
        await _shot(page, "closed")
        assert await _audited(page) == []


@pytest.mark.parametrize("lang", ["fr", "en"])
async def test_panels_and_the_unpaired_page_pass_the_audit(app, evening, lang):
    await a_ticket(evening, "Éloïse Besson")
    phone = {"bypass_csp": True, "service_workers": "block"}
    async with served(app) as address, a_phone_at(address, lang=lang, **phone) as page:
        await page.goto("/door")
        await expect(page.locator("#unpaired h1")).to_be_visible()
        await _shot(page, f"{lang}-unpaired")
        assert await _audited(page) == []
        await page.goto(f"/door?again#pair={await code_of(evening)}")
        await page.locator("#tools [data-opens=find]").click()
        await page.locator("#find-text").fill("eloi")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Éloïse B.").click()
        await _shot(page, f"{lang}-find")
        assert await _audited(page) == []
        await expect(page.locator("#found p")).to_contain_text("Éloïse B. · ")
        yes = "C’est elle" if lang == "fr" else "That is her"
        await page.get_by_role("button", name=yes).click()
        await expect(page.locator("#answer .who")).to_have_text("Éloïse B.")
        await expect(page.locator("#answer")).to_be_hidden(timeout=3000)  # by itself
        await page.locator("#tools [data-opens=walk-in]").click()
        await page.locator("#walk-in-name").fill("Zoé P")
        await _shot(page, f"{lang}-walk-in")
        assert await _audited(page) == []
        await page.keyboard.press("Enter")
        await expect(page.locator("#answer .who")).to_have_text("Zoé P.")
        await expect(page.locator("#count")).to_contain_text("2", timeout=10_000)
