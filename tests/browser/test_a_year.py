"""The year of a freelance community manager: two brands, a monthly series, and calendars.

She plans in a real browser; somebody's calendar has followed the series since its dates
were announced, and is asked after each of her acts: what it shows is what she decided, and
nothing of her other brand. Nothing is done behind the pages.
"""

import asyncio
import re
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from html import unescape
from typing import NamedTuple
from zoneinfo import ZoneInfo

import httpx
import pytest
from playwright.async_api import expect

from tests.interop import readers

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("evening")]

DESK = {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB"}
PHONE = {"viewport": {"width": 360, "height": 780}, "locale": "fr-FR", "is_mobile": True}
PARIS = ZoneInfo("Europe/Paris")
HOME = "/w/les-pampres"
SERIES = f"{HOME}/series/tablees"
SPONSORS = ("Brasserie des Quais", "Librairie du Pont")
AMBASSADORS = ("Aline", "Basile", "Coline")


class Edition(NamedTuple):
    """One evening as she decided it."""

    on: date
    begins: time = time(19)
    ends: time = time(22)
    is_off: bool = False

    def seen(self):
        """The same as a program must show it."""
        starts, ends = (
            datetime.combine(self.on, at, PARIS).astimezone(UTC)
            for at in (self.begins, self.ends)
        )
        return readers.Seen(starts, ends, "Tablées", self.is_off)


def first_thursdays(number):
    """The first Thursday of each of the months to come, three days from now at least."""
    day, found = datetime.now(PARIS).date() + timedelta(days=3), []
    while len(found) < number:
        if day.weekday() == 3 and day.day <= 7:
            found.append(day)
        day += timedelta(days=1)
    return found


async def test_a_year_of_two_brands(house, chromium, tmp_path):
    """Everything of a year, in its order."""
    desk = await chromium.new_context(base_url=house, **DESK)
    desk.set_default_timeout(15_000)
    page = await desk.new_page()
    page.faults = _listen(page)
    await _sign_in(page)
    for name, community in (("Les Pampres", "Les tables"), ("Tisane", "Brewers")):
        await _open_workspace(page, name, community)
    dates = [Edition(day) for day in first_thursdays(12)]
    await _a_monthly_series(page, dates[0].on)
    with readers.caldav(tmp_path / "server") as server:
        (tmp_path / "home").mkdir()
        feeds = f"{house}/m/les-pampres/s"
        subscriber = await asyncio.to_thread(
            readers.Subscriber, tmp_path / "home", feeds, server, ["tablees"]
        )
        calendar = Calendar(house, subscriber, until=dates[-1].on)
        await calendar.agrees(dates)
        await _two_sponsors(page)
        codes = await _three_ambassadors(page)
        await _opens_the_next_three(page)
        await calendar.agrees(dates)
        guest = await _a_guest(chromium, house, page, codes[0])
        dates[1] = Edition(dates[1].on + timedelta(days=1), time(20), time(23, 30))
        await _moves(page, 2, dates[1])
        await calendar.agrees(dates)
        dates[2] = dates[2]._replace(is_off=True)
        await _calls_off(page, 3)
        await calendar.agrees(dates)
        await _the_guest_lets_go(page, guest)
        await calendar.agrees(dates)
    await _who_brought_her(page)
    await _the_other_brand_knows_nothing(page, house)
    assert page.faults == []
    await desk.close()


def _listen(page):
    """What a browser complains of."""
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "console", lambda said: faults.append(said.text) if said.type == "error" else None
    )
    return faults


class Calendar:
    """Somebody who follows the series, in six programs."""

    def __init__(self, house, subscriber, *, until):
        self.house, self.subscriber = house, subscriber
        self.since = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        ends = datetime.combine(until, time(0), UTC) + timedelta(days=2)
        self.span = self.since, ends

    async def agrees(self, dates):
        """Each shows these evenings, at these moments, and calls off the same ones."""
        address = f"{self.house}/m/les-pampres/s/tablees.ics"
        async with httpx.AsyncClient() as client:
            answer = await client.get(address)
        shown = await asyncio.to_thread(self._shown, answer.text)
        wanted = sorted(one.seen() for one in dates)
        for reader, found in shown.items():
            assert found == wanted, reader

    def _shown(self, text):
        self.subscriber.fetch()
        node = readers.under_node({"it": text}, *self.span)["it"]
        return node | {
            "vobject": readers.by_vobject(text, *self.span),
            "recurring": readers.by_recurring(text, *self.span),
            "khal": self.subscriber.shows(*self.span)["tablees"],
        }


# Camille's desk


async def _send(page, action, **answers):
    """Fill the form that is sent there, and send it."""
    form = (
        page.locator(f"form[action$='{action}']") if action else page.locator("main form")
    )
    for name, value in answers.items():
        field = form.locator(f"[name={name}]").first
        folded = form.locator(f"details:not([open]):has([name={name}]) > summary")
        if await folded.count():
            await folded.first.click()
        if await field.evaluate("one => one.tagName") == "SELECT":
            await field.select_option(label=value)
        elif await field.get_attribute("type") == "radio":
            await form.locator(f"[name={name}][value={value}]").check(force=True)
        else:
            await field.fill(value)
    await form.locator("button[type=submit]").first.click()


async def _said(page, text):
    await expect(page.locator("#said")).to_contain_text(re.compile(text))


async def _letter(page, email, path):
    """The address that a letter to somebody links to; it may still be on its way."""
    for _ in range(50):
        await page.goto("/mailbox")
        for line in await page.locator("li", has_text=email).locator("a").all():
            letter = await page.request.get(f"{await line.get_attribute('href')}/letter")
            found = re.search(rf'href="([^"]*{path}[^"]*)"', await letter.text())
            if found:
                return unescape(found[1])
        await asyncio.sleep(0.2)
    pytest.fail(f"No letter to {email} links to {path}.")


async def _sign_in(page):
    await page.goto("/sign-in")
    await _send(page, "/sign-in", email="camille@independante.example")
    await page.goto(await _letter(page, "camille@independante.example", "/sign-in/"))
    await page.locator("main form button[type=submit]").first.click()
    await page.wait_for_url(lambda url: "/sign-in" not in url)


async def _open_workspace(page, name, community):
    await page.goto("/new")
    await page.locator("#f-name").fill(name)
    await page.locator("main form button[type=submit]").first.click()
    await page.wait_for_url(re.compile("/w/[a-z-]+"))
    slug = name.lower().replace(" ", "-")
    await page.goto(f"/w/{slug}/communities")
    await _send(page, "/communities", name=community)
    await page.wait_for_url(re.compile("/communities/[a-z-]+$"))
    await _send(page, "/channels", name="The forum")
    await expect(page.locator("main")).to_contain_text("The forum")


async def _a_monthly_series(page, first):
    """Every first Thursday from seven to ten; the dates are public at once."""
    await page.goto(f"{HOME}/series/new")
    await _send(page, "", name="Tablées", capacity="2", representative="Camille, bénévole")
    await page.wait_for_url(re.compile("/series/tablees"))
    await page.goto(f"{SERIES}/dates")
    rhythm = {"starts_on": f"{first}", "starts": "19:00", "ends": "22:00"}
    await _send(page, "/dates", rule="FREQ=MONTHLY;BYDAY=1TH", pattern=OWN, **rhythm)
    await page.wait_for_url(re.compile("/series/tablees$"))
    await _send(page, "/announce")
    await expect(page.locator("form[action$='/withdraw']")).to_be_visible()


OWN = "A rule of one’s own"


async def _two_sponsors(page):
    """A package promises a logo; both buy it for the whole series."""
    await page.goto(f"{HOME}/packages/new")
    await _send(page, "/new", name="Une saison", price="900")
    await page.wait_for_url(re.compile("/packages/[0-9a-f-]{36}$"))
    await _send(page, "/promises", title="Logo sur la page")
    for name in SPONSORS:
        await page.goto(f"{HOME}/sponsors/new")
        await _send(page, "/new", name=name)
        await page.wait_for_url(re.compile("/sponsors/(?!new)[a-z-]+$"))
        await page.goto(f"{page.url}/sell")
        package = page.locator("#f-package option", has_text="Une saison")
        await page.locator("#f-package").select_option(
            value=await package.first.get_attribute("value")
        )
        await _send(page, "/sell", scope="series", series="Tablées")
        await page.wait_for_url(re.compile("/sponsorships/[0-9a-f-]{36}$"))
    await page.goto(f"{HOME}/deliverables")
    await expect(page.locator("main")).to_contain_text("Logo sur la page")
    for name in SPONSORS:
        await expect(page.locator("main")).to_contain_text(name)


async def _three_ambassadors(page):
    """Named with a term; gives the code of each personal link."""
    codes = []
    ends = datetime.now(PARIS).date() + timedelta(days=300)
    for name in AMBASSADORS:
        await page.goto(f"{HOME}/ambassadors/new")
        email = f"{name.lower()}@pampres.example"
        await _send(page, "/new", name=name, email=email, ends_on=f"{ends}")
        await page.wait_for_url(re.compile("/ambassadors/[0-9a-f-]{36}$"))
        found = re.search(r"/a/les-pampres/(\w+)", await page.content())
        codes.append(found[1])
        assert await _letter(page, email, "/ambassador/les-pampres")
    assert len({*codes}) == len(AMBASSADORS)
    return codes


async def _opens_the_next_three(page):
    await page.goto(SERIES)
    await _send(page, "/prepare")
    publish = page.locator("form[action$='/publish'] button")
    await expect(publish).to_be_visible()
    await publish.click()
    await page.locator("#ask-publish button[value=yes]").click()
    await expect(publish).to_have_count(0)


async def _moves(page, nth, edition):
    """The edition by itself, a day later and an hour and a half longer."""
    await _edition(page, nth)
    await page.goto(f"{page.url}/edit")
    await _send(
        page,
        "/edit",
        day=f"{edition.on}",
        starts=f"{edition.begins:%H:%M}",
        ends=f"{edition.ends:%H:%M}",
    )
    await page.wait_for_url(re.compile(r"/meetups/[a-z0-9-]+$"))


async def _calls_off(page, nth):
    await _edition(page, nth)
    await page.goto(f"{page.url}/cancel")
    await _send(page, "/cancel", reason="La salle est fermée.")
    await page.wait_for_url(re.compile(r"/meetups/[a-z0-9-]+$"))
    await expect(page.locator("main")).to_contain_text("La salle est fermée.")


async def _edition(page, nth):
    """The page of the series' nth date to come."""
    await page.goto(SERIES)
    links = page.locator("section[aria-labelledby=coming] .shelf-title a")
    await page.goto(await links.nth(nth - 1).get_attribute("href"))


# Somebody an ambassador brought


async def _a_guest(chromium, house, page, code):
    """By the personal link, on a telephone; her place has a page of its own."""
    context = await chromium.new_context(base_url=house, **PHONE)
    context.set_default_timeout(15_000)
    guest = await context.new_page()
    guest.faults = _listen(guest)
    await guest.goto(f"/a/les-pampres/{code}")
    assert f"via={code}" in guest.url
    await guest.locator("#f-first_name").fill("Solveig")
    await guest.locator("#f-email").fill("solveig@ami.example")
    await guest.locator("#f-handle").fill("solveig_s")
    await guest.locator("#f-linking").check(force=True)
    await guest.locator("form.form button[type=submit]").click()
    await expect(guest.get_by_role("heading", level=1)).to_have_text(
        "Une lettre est en route"
    )
    assert [
        one["name"] for one in await context.cookies() if "session" in one["name"]
    ] == []
    guest.place = await _letter(page, "solveig@ami.example", "/r/")
    return guest


async def _the_guest_lets_go(page, guest):
    """What she may do on her own page, she does there: her calendar, her name, then her place."""
    await guest.goto(guest.place)
    await _send(guest, "/agenda")
    link = guest.locator("a[href*='/my/']").first
    await expect(link).to_be_visible()
    found = re.search(r"/my/[a-z2-7]+\.ics", await guest.content())
    origin = re.match(r"https?://[^/]+", guest.url)[0]
    async with httpx.AsyncClient() as client:
        mine = (await client.get(f"{origin}{found[0]}")).text
    assert Counter(mine.split())["BEGIN:VEVENT"] == 1
    assert "Tablées" in mine
    await guest.goto(f"{guest.place}/names")
    await expect(guest.get_by_role("heading", level=1)).to_have_text("Vos noms en ligne")
    await _send(guest, "/code")
    await expect(guest.locator("p.code")).to_be_visible()
    await guest.goto(f"{guest.place}/release")
    await _send(guest, "/release")
    await guest.wait_for_url(lambda url: not url.endswith("/release"))
    await _edition(page, 1)
    await page.goto(f"{page.url}/registrations?status=cancelled")
    await expect(page.locator("main")).to_contain_text("Solveig")
    assert guest.faults == []
    await guest.context.close()


async def _who_brought_her(page):
    """The list of ambassadors says whose link it was."""
    await page.goto(f"{HOME}/ambassadors")
    for name in AMBASSADORS:
        await expect(page.locator("main")).to_contain_text(name)


# The other brand


async def _the_other_brand_knows_nothing(page, house):
    """Each of its pages is empty of the first; only her own calendar shows both."""
    ours = ("Tablées", "Solveig", *SPONSORS, *AMBASSADORS)
    for part in ("", "meetups", "series", "people", "sponsors", "ambassadors", "budgets"):
        await page.goto(f"/w/tisane/{part}".rstrip("/"))
        text = await page.locator("main").inner_text()
        assert [one for one in ours if one in text] == [], part
    async with httpx.AsyncClient() as client:
        for path in ("/m/tisane", "/m/tisane/feed.ics", "/m/tisane/s/tablees.ics"):
            answer = await client.get(f"{house}{path}")
            assert [one for one in ours if one in answer.text] == [], path
            assert answer.status_code == (404 if "/s/" in path else 200), path
    month = first_thursdays(1)[0]
    await page.goto(f"/calendar?month={month:%Y-%m}")
    await expect(page.locator("main")).to_contain_text("Tablées")
