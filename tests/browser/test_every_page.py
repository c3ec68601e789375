"""Every page of the site map in a real browser: axe finds nothing, nothing sticks out.

The list is the site map itself: a new address is looked at as soon as it exists, and one
whose parameters have no example here fails. `APERO_SHOTS=folder` keeps a picture of each.
"""

import asyncio
import io
import os
import re
from html import unescape
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
import zxingcpp
from PIL import Image

from server import sitemap
from server.demo.showing import PASSWORD, ROLES
from server.settings import Environment, Settings

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("demo")]

AXE = (Path(__file__).parents[2] / "server/static/built/dev/axe.min.js").read_text()
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 360, "height": 780}
SIZES = {"fr": (NARROW, WIDE), "en": (WIDE, NARROW)}
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
TONIGHT = "on-joue-au-prototype-ce-soir"
NEARLY_FULL = "on-joue-au-prototype-et-vous-nous-dites-tout"
DRAFT = "la-soiree-des-deux-ans"
SERIES = "lapero-des-lunatiques"
FOLLOWING = "/m/{workspace}/s/{series_slug}/following/{token}"
# The list in which each of these ids is named.
LISTED = {
    "member_id": "people",
    "merge_id": "merges",
    "identity_id": "identities",
    "ambassador_id": "ambassadors?stage=active",
    "package_id": "packages",
    "deliverable_id": "deliverables",
    "department_id": "departments",
}
# Files, not pages: they are asked for, and that is all that a browser would do.
FILES = re.compile(r"\.(pdf|csv|json|ics|css|ico|txt|js|webmanifest|xml)$")
FILE_NAMES = {
    "healthz",
    "readyz",
    "static",
    "favicon",
    "enclosure",
    "letter_itself",
    "counts",
    "face",
    "logo",
    "my_calendar",
    "photo",
    "picture",
}
# The same address in another state, or read by somebody else.
ELSEWHERE = {
    "camille": [
        f"/w/orbelune/meetups/{TONIGHT}",
        f"/w/orbelune/meetups/{TONIGHT}/registrations?status=attended",
        f"/w/orbelune/meetups/{TONIGHT}/registrations?q=personne",
        f"/w/orbelune/meetups/{NEARLY_FULL}",
        f"/w/orbelune/meetups/{DRAFT}",
        f"/w/orbelune/meetups/{DRAFT}/report",
        f"/w/orbelune/meetups/{DRAFT}/edit",
        "/w/tisane",
        "/w/tisane/meetups",
        "/w/tisane/people",
        "/w/tisane/communities",
        "/w/tisane/import",
        "/w/tisane/sponsors",
        "/w/tisane/reports",
        "/w/tisane/segments",
        "/w/tisane/ambassadors",
        "/w/tisane/duplicates",
        "/w/tisane/identities",
        "/w/tisane/merges",
        "/w/tisane/packages",
        "/w/tisane/deliverables",
        "/w/tisane/series",
        "/w/tisane/venues",
        "/w/tisane/budgets",
        "/w/tisane/charter",
        "/w/tisane/departments",
    ],
    "bilal": ["/account", f"/w/orbelune/meetups/{TONIGHT}/door"],
    "anybody": [f"/m/orbelune/{NEARLY_FULL}", "/m/tisane"],
}


def _addresses():
    """Every GET of the site map that a person may see: its path and who would read it."""
    key = b"0123456789abcdefghijklmnopqrstuvwxyz"
    demo = Settings(environment=Environment.DEMO, secret_key=key)
    for audience in sitemap.audiences(demo):
        if audience.prefix == sitemap.API:
            continue  # machines have tests of their own
        for handler in audience.handlers:
            if "GET" not in handler.http_methods:
                continue
            is_file = handler.handler_name in FILE_NAMES
            for path in sorted(handler.paths):
                full = (audience.prefix.rstrip("/") + path).rstrip("/") or "/"
                yield full, _reader(audience), is_file or bool(FILES.search(full))


def _reader(audience):
    own = {sitemap.PORTAL: "eiko", sitemap.AMBASSADOR: "nina"}
    if audience.prefix in own:
        return own[audience.prefix]
    return "anybody" if audience.guard is None else "camille"


PAGES = [(path, who) for path, who, is_file in _addresses() if not is_file]
ASKED = [(path, who) for path, who, is_file in _addresses() if is_file]


class Reader(httpx.AsyncClient):
    """Somebody's browser without a window: finds the examples, keeps the cookies."""

    def __init__(self, origin):
        super().__init__(base_url=origin, follow_redirects=False, timeout=60)
        self.held = {}
        self.event_hooks["response"] = [self._keep]

    async def _keep(self, answer):
        for line in answer.headers.get_list("set-cookie"):
            name, value = line.split(";")[0].split("=", 1)
            self.held[name] = value
        self.headers["cookie"] = "; ".join(f"{k}={v}" for k, v in self.held.items())

    async def send_form(self, path, data, **more):
        headers = {
            "origin": str(self.base_url).rstrip("/"),
            "sec-fetch-site": "same-origin",
        }
        if "__Host-apero" in self.held:
            account = (await self.get("/account")).text
            headers["x-csrftoken"] = _first(r'name="csrf" content="([^"]+)"', account)
        for _ in range(30):
            answer = await self.post(path, data=data, headers=headers, **more)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(1)  # the house is catching its breath, and says so
        return answer

    async def first(self, path, pattern):
        """What the pattern finds first on that page."""
        answer = await self.get(path)
        assert answer.status_code == httpx.codes.OK, (path, answer.status_code)
        return _first(pattern, answer.text)


def _first(pattern, text):
    found = re.search(pattern, text)
    assert found, (pattern, text[:3000])
    return unescape(found[1])


@pytest.fixture(scope="module")
async def readers(demo):
    """Camille, Bilal, Eiko and Nina signed in with the demo's password, and anybody."""
    found = {"anybody": Reader(demo)}
    for email, name, _lang, _what in ROLES:
        reader = found[name.lower()] = Reader(demo)
        typed = {"email": email, "password": PASSWORD, "next": "/"}
        answer = await reader.send_form("/sign-in/password", typed)
        assert answer.status_code == httpx.codes.SEE_OTHER, answer.text[:2000]
    yield found
    for reader in found.values():
        await reader.aclose()


@pytest.fixture(scope="module")
async def examples(readers):
    """A value for each parameter of the site map; some depend on the address."""
    camille, anybody = readers["camille"], readers["anybody"]
    await anybody.send_form("/sign-in", {"email": "nouvelle@orbelune.example", "next": "/"})
    letter = await _letter_with("/r/", anybody)
    shown = (await anybody.get(f"/mailbox/{letter}/letter")).text
    capability = _first(r'/r/([^"/?]+)', shown)
    signing = await _letter_with("/sign-in/", anybody, "nouvelle@")
    closed = await camille.first("/w/orbelune/reports", r"/meetups/([^/\"]+-n-7)/report")
    usual = {
        "slug": "orbelune",
        "workspace": "orbelune",
        "meetup": TONIGHT,
        "meetup_slug": closed,
        "series_slug": SERIES,
        "sponsor_slug": "sabline",
        "community": "les-lunatiques",
        "community_slug": "les-lunatiques",
        "venue_slug": "le-comptoir-des-pentes",
        "letter_id": letter,
        "number": "0",
        "run_id": await _looked_at(camille),
        "capability": capability,
        "code": await _code_of(letter, anybody),
        "token": _first(
            r"/sign-in/([\w-]{20,})", (await anybody.get(f"/mailbox/{signing}")).text
        ),
        "name": "site.css",
    }
    usual |= await _ids(camille)
    return SimpleNamespace(usual=usual, special=await _specials(usual, **readers))


async def _ids(camille):
    """Somebody and something of every kind, as their lists name them first."""
    found = {}
    for name, page in LISTED.items():
        where = f"/w/orbelune/{page}"
        found[name] = await camille.first(where, rf'/{page.partition("?")[0]}/({UUID})"')
    pair = rf"/duplicates/({UUID}/{UUID})\""
    found["one_id"], found["other_id"] = (
        await camille.first("/w/orbelune/duplicates", pair)
    ).split("/")
    sponsor, community = "/w/orbelune/sponsors/sabline", "/w/orbelune/communities"
    found["sale_id"] = await camille.first(sponsor, rf"/sponsorships/({UUID})")
    found["channel_id"] = await camille.first(
        f"{community}/les-lunatiques", rf"/channels/({UUID})"
    )
    evening = f"/w/orbelune/meetups/{NEARLY_FULL}/evening"
    found["picture_id"] = await camille.first(evening, rf"/pictures/({UUID})")
    return found


async def _specials(usual, camille, eiko, nina, anybody, **_):
    """What the same parameters mean below some addresses."""
    portal = await eiko.first(
        "/portal/orbelune", rf'href="/portal/orbelune/(?!{UUID})([^"/]+/[^"/]+)"'
    )
    own = f"/r/{usual['capability']}"
    await anybody.send_form(f"{own}/agenda", {})
    follows = await _letter_with("/following/", anybody, "ines.bravo@")
    invited = await _letter_with("/i/orbelune/", anybody, "oriane@")
    following = await anybody.first(f"/mailbox/{follows}/letter", r"/following/([\w-]+)")
    invitation = await anybody.first(
        f"/mailbox/{invited}/letter", r"/i/orbelune/([^/]+/[^/\"<?]+)"
    )
    evening = {"meetup_slug": NEARLY_FULL}
    held = {"meetup_slug": portal.split("/")[1]}
    meetup, page = "/w/{slug}/meetups/{meetup_slug}", "/portal/{slug}/{sponsor_slug}"
    return {
        "/w/{slug}/import/{run_id}/done": {
            "run_id": await camille.first(
                "/w/orbelune/import", rf'/import/({UUID})">soirees.csv'
            )
        },
        f"{meetup}/edit": evening,
        f"{meetup}/cancel": evening,
        f"{meetup}/postpone": evening,
        f"{meetup}/evening": evening,
        f"{meetup}/preview": {"meetup_slug": DRAFT},
        f"{meetup}/door": {"meetup_slug": TONIGHT},
        f"{meetup}/registrations": {"meetup_slug": TONIGHT},
        f"{page}/{{meetup_slug}}": held,
        f"{page}/{{meetup_slug}}/report.pdf": held,
        f"{page}/{{proof_id}}/photo": {
            "proof_id": await eiko.first("/portal/orbelune", rf"/({UUID})/photo")
        },
        "/my/{token}": {"token": await anybody.first(own, r"/my/([\w-]+)")},
        FOLLOWING: {"token": following},
        f"{FOLLOWING}/stop": {"token": following},
        "/i/{workspace}/{invitation_id}/{given}": dict(
            zip(("invitation_id", "given"), invitation.split("/"), strict=True)
        ),
        "/ambassador/{slug}/pictures/{picture_id}": {
            "picture_id": await nina.first("/ambassador/orbelune", rf"/pictures/({UUID})")
        },
        "/a/{workspace}/{code}": {
            "code": await nina.first("/ambassador/orbelune", r"/a/orbelune/(\w+)")
        },
    }


async def _letter_with(link, anybody, to=""):
    """The latest letter with such a link, to somebody; the worker still writes others."""
    path = "/mailbox"
    for _ in range(20):
        text = (await anybody.get(path)).text
        lines = [line for line in text.split("<li") if to in line]
        for letter in re.findall(rf'href="/mailbox/({UUID})"', "".join(lines)):
            if link in (await anybody.get(f"/mailbox/{letter}/letter")).text:
                return letter
        path = _first(r'href="(/mailbox\?before=[^"]+)"', text)
    pytest.fail(f"No letter of the demo holds {link}.")


async def _code_of(letter, anybody):
    """The code that the letter's picture shows."""
    for number in range(5):
        enclosure = await anybody.get(f"/mailbox/{letter}/enclosures/{number}")
        if enclosure.headers["content-type"] == "image/png":
            read = zxingcpp.read_barcode(Image.open(io.BytesIO(enclosure.content)))
            return read.text.rpartition("/")[2]
    pytest.fail("The letter shows no code.")


async def _looked_at(camille):
    """An import that was looked at and not yet done, with a reason for each fate."""
    text = await camille.first("/w/orbelune/import", rf'value="({UUID})"')
    rows = b"email,name\nnouvelle@exemple.example,Nouvelle\npas une adresse,Erreur\n"
    answer = await camille.send_form(
        "/w/orbelune/import",
        {"kind": "members", "community": text},
        files={"file": ("nouvelles.csv", rows, "text/csv")},
    )
    return _first(rf"/import/({UUID})", answer.headers["location"])


def _filled(path, examples):
    plain = re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
    values = examples.usual | examples.special.get(plain, {})
    return plain.format(**values)


@pytest.fixture(scope="module")
async def windows(chromium, demo, readers):
    """One page for each reader and language, opened when it is first asked for."""
    made = {}

    async def window(who, lang):
        if (who, lang) not in made:
            context = await chromium.new_context(
                base_url=demo,
                locale={"fr": "fr-FR", "en": "en-GB"}[lang],
                color_scheme={"fr": "dark", "en": "light"}[lang],
                reduced_motion="reduce",
                service_workers="block",
                viewport=SIZES[lang][0],
            )
            made[who, lang] = page = await context.new_page()
            await _sign_in(page, who)
            _listen(page)
        return made[who, lang]

    yield window
    for page in made.values():
        await page.context.close()


async def _sign_in(page, who):
    """Through the form, as one does; nobody in particular only chooses a language."""
    if who == "anybody":
        return
    await page.goto("/sign-in/password")
    (email,) = [email for email, name, _, _ in ROLES if name.lower() == who]
    await page.locator("#f-email").fill(email)
    await page.locator("#f-password").fill(PASSWORD)
    await page.locator("main button[type=submit]").click()
    await page.wait_for_url(lambda url: "sign-in" not in url)


def _listen(page):
    """Keep what the browser complains of, what the strict policy forbids included."""
    page.faults = []
    page.on("pageerror", lambda error: page.faults.append(f"script: {error}"))
    page.on(
        "console",
        lambda said: (
            page.faults.append(f"console: {said.text}") if said.type == "error" else None
        ),
    )


async def _look(window, who, lang, path):
    """Read the page; says everything that is wrong with it.

    French is read in the dark on a telephone, English in the light at a desk: what the two
    languages share is drawn by the same rules, and its width is tried in both.
    """
    page = await window(who, lang)
    page.faults.clear()
    first, second = SIZES[lang]
    theme = "dark" if lang == "fr" else "light"
    answer = await page.goto(_in(lang, path), wait_until="load")
    faults = []
    if answer.status >= 400 or await page.locator("html").get_attribute("lang") != lang:
        faults.append(f"answer: {answer.status}")
    faults += await _audited(page, theme)
    faults += await _overflow(page, first)
    await _shot(page, who, path, lang, theme, first)
    await page.set_viewport_size(second)
    faults += await _overflow(page, second)
    await _shot(page, who, path, lang, theme, second)
    await page.set_viewport_size(first)
    return [f"{path} [{lang}] {fault}" for fault in faults + page.faults]


def _in(lang, path):
    return f"{path}{'&' if '?' in path else '?'}lang={lang}"


async def _audited(page, theme):
    """What an audit of accessibility (axe-core) finds."""
    await page.evaluate(
        "new Promise(requestAnimationFrame).then(() => Promise.all("
        "document.getAnimations().map(one => one.finished.catch(() => null)))).then(() => null)"
    )
    await page.evaluate(AXE)
    found = await page.evaluate(
        "axe.run(document, {resultTypes: ['violations']}).then(found => found.violations.map("
        "one => [one.id, one.nodes.map(node => node.html.slice(0, 200))]))"
    )
    return [f"{theme} axe: {name} {nodes[:3]}" for name, nodes in found]


async def _overflow(page, size):
    wide = await page.evaluate("document.documentElement.scrollWidth")
    return [f"{wide} px in {size['width']}"] if wide > size["width"] else []


async def _shot(page, who, path, lang, theme, size):
    """A picture for whoever wants to look."""
    folder = os.environ.get("APERO_SHOTS")
    if folder:
        name = re.sub(rf"{UUID}|(?<=/sign-in/)[\w-]{{43}}|(?<=/[rtT]/)[^/]+", "x", path)
        name = name.strip("/").replace("/", "_")
        name = re.sub(r"[^\w.=-]", "~", name) or "landing"
        file = f"{who}.{name}.{lang}.{size['width']}.{theme}.png"
        await page.screenshot(path=Path(folder) / file, full_page=True)


@pytest.mark.parametrize(("path", "who"), PAGES)
async def test_a_page_of_the_site_map(path, who, examples, windows):
    address = _filled(path, examples)
    faults = await asyncio.gather(
        *(_look(windows, who, lang, address) for lang in ("fr", "en"))
    )
    assert list(chain.from_iterable(faults)) == []


@pytest.mark.parametrize(
    ("path", "who"), [(path, who) for who, paths in ELSEWHERE.items() for path in paths]
)
async def test_the_same_address_in_another_state(path, who, windows, readers):
    faults = await asyncio.gather(
        *(_look(windows, who, lang, path) for lang in ("fr", "en"))
    )
    assert list(chain.from_iterable(faults)) == []


@pytest.mark.parametrize(("path", "who"), ASKED)
async def test_a_file_of_the_site_map_is_there(path, who, examples, readers):
    answer = await readers[who].get(_filled(path, examples))
    if path == "/favicon.ico":
        answer = await readers[who].get(answer.headers["location"])
    assert answer.status_code == httpx.codes.OK
    assert answer.content


@pytest.mark.parametrize("lang", ["fr", "en"])
async def test_a_page_that_is_not_there_says_so(lang, windows):
    page = await windows("camille", lang)
    answer = await page.goto(_in(lang, "/w/nulle-part"))
    assert answer.status == httpx.codes.NOT_FOUND
    assert await _audited(page, "light") == []
    assert await _overflow(page, SIZES[lang][0]) == []
    await _shot(page, "camille", "/404", lang, "light", SIZES[lang][0])
