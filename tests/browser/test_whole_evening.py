"""One evening from the first sign-in to the sponsor's page, as its people walk it.

Nothing is done behind the pages: letters are read in the mailbox, the camera of the door
films the very code that the PDF of the ticket prints.
"""

import asyncio
import csv
import io
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pypdf
import pytest
import zxingcpp
from PIL import Image
from playwright.async_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("evening")]

DESK = {"viewport": {"width": 1280, "height": 900}, "locale": "fr-FR"}
PHONE = {
    "viewport": {"width": 360, "height": 780},
    "locale": "fr-FR",
    "is_mobile": True,
    "has_touch": True,
}
FRAME = (640, 480)
PARIS = ZoneInfo("Europe/Paris")
MEMBERS = (
    "email;nom;pseudo;inscrit le\n"
    "alice@exemple.example;Alice Martin;alice;2025-03-01\n"
    "bruno@exemple.example;Bruno Petit;bruno;2025-04-02\n"
    "pas une adresse;Personne;;2025-04-03\n"
)
KINDS = (("post", 20), ("reply", 20), ("answer", 12), ("like", 8), ("check_in", 5))


async def test_a_whole_evening(house, chromium, with_camera, tmp_path):
    """Everything of an evening, in its order."""
    desk = await chromium.new_context(base_url=house, **DESK)
    desk.set_default_timeout(15_000)
    page = await desk.new_page()
    page.faults = _listen(page)
    await _sign_in(page, "camille@tilleuls.example")
    await _open_workspace(page)
    await _import_members(page, tmp_path)
    await _import_activity(page, tmp_path)
    address = await _plan_and_publish(page)
    people = {}
    for name in ("alice", "bruno", "chloe"):
        people[name] = await _register(chromium, house, address, name)
    assert [one["is_waiting"] for one in people.values()] == [False, False, True]
    await _read_tickets(page, people, tmp_path)
    film = a_film(tmp_path / "ticket.y4m", people["alice"]["picture"])
    await _at_the_door(page, with_camera, house, film, people["alice"])
    await _close(page)
    await _read_report(page)
    await _sponsor(page, chromium, house)
    await _timeline(page)
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


async def _button(page, name):
    await page.get_by_role("button", name=name, exact=True).click()


async def _said(page):
    """What the last act said, at the head of the page."""
    return await page.locator("#said").inner_text()


async def _letters(page, email):
    """The addresses of the letters to somebody, latest first."""
    await page.goto("/mailbox")
    found = page.locator("li", has_text=email).locator("a")
    return [await one.get_attribute("href") for one in await found.all()]


# Camille prepares


async def _sign_in(page, email):
    """A link in a letter, pressed in the letter itself."""
    await page.goto("/sign-in")
    await page.locator("#f-email").fill(email)
    await _button(page, "Recevoir mon lien")
    await _follow(page, email, "/sign-in/")


async def _follow(page, email, path):
    """Press the link of the latest letter to this address."""
    (letter, *_) = await _letters(page, email)
    await page.goto(letter)
    await page.frame_locator("iframe").locator(f"a[href*='{path}']").first.click()
    await page.wait_for_url(f"**{path}**")
    await _button(page, "Se connecter")
    await page.wait_for_url(lambda url: "/sign-in" not in url)


async def _open_workspace(page):
    await expect(page).to_have_url(re.compile("/new$"))
    await page.locator("#f-name").fill("Les Tilleuls")
    await _button(page, "Ouvrir")
    await expect(page).to_have_url(re.compile("/w/les-tilleuls"))
    await page.goto("/w/les-tilleuls/communities")
    await page.locator("#f-name").fill("Joueuses et joueurs")
    await _button(page, "Ouvrir la communauté")
    await page.locator("#f-name").fill("Le forum")
    await page.locator("#f-kind").select_option("forum")
    await _button(page, "Ajouter le canal")
    await expect(page.locator("main")).to_contain_text("Le forum")


async def _bring(page, kind, path, *, agreed=False):
    """Choose a file and look at what it would do."""
    await page.goto("/w/les-tilleuls/import")
    await page.locator(f"input[name=kind][value={kind}]").check(force=True)
    await page.locator("input[type=file]").set_input_files(path)
    await page.locator("#f-channel").select_option(label="Le forum (Joueuses et joueurs)")
    if agreed:
        await page.locator("#f-linking").check(force=True)
    await _button(page, "Regarder le fichier")
    await page.wait_for_url(re.compile(r"/import/[0-9a-f-]{36}$"))


async def _figure(page, name):
    """The figure under this name, as it is shown."""
    called = page.locator(".figure-name").filter(has_text=re.compile(f"^{name}$"))
    figure = page.locator(".figure").filter(has=called)
    return (await figure.locator(".figure-value").inner_text()).split()[0]


async def _import_members(page, folder):
    """Preview with reasons, then commit; the same file again changes nothing."""
    file = folder / "membres.csv"
    file.write_text(MEMBERS)
    await _bring(page, "members", file, agreed=True)
    assert [await _figure(page, name) for name in ("Nouvelles", "À régler")] == ["2", "1"]
    await expect(page.locator("main")).to_contain_text("L’adresse e-mail ne se lit pas.")
    await expect(page.locator("main")).to_contain_text("pas une adresse")
    await _button(page, "Importer ces lignes")
    await page.wait_for_url("**/done")
    assert await _figure(page, "Nouvelles") == "2"
    await _bring(page, "members", file, agreed=True)
    await expect(page.locator("main")).to_contain_text("Ce même fichier a déjà été importé")
    await _button(page, "Terminer")
    await page.wait_for_url("**/done")
    await expect(page.locator("main")).to_contain_text("rien n’a changé")
    await page.goto("/w/les-tilleuls/people")
    await expect(page.locator("tbody tr")).to_have_count(2)


async def _import_activity(page, folder):
    """Two days of qualified acts; a like and a check-in say nothing of that."""
    now = datetime.now(PARIS)
    rows = [
        f"a{number},alice,{kind},{(now - timedelta(days=days)).isoformat()}"
        for number, (kind, days) in enumerate(KINDS)
    ]
    file = folder / "activite.csv"
    file.write_text("external_id,handle,kind,at\n" + "\n".join(rows) + "\n")
    await _bring(page, "activity", file)
    assert await _figure(page, "Nouvelles") == "5"
    await _button(page, "Importer ces lignes")
    await page.wait_for_url("**/done")


async def _plan_and_publish(page):
    """A meetup that has just begun, with two places; gives its public address."""
    starts = datetime.now(PARIS) - timedelta(minutes=10)
    await page.goto("/w/les-tilleuls/meetups/new")
    await page.locator("#f-title").fill("L’apéro des Tilleuls")
    await page.locator("#f-day").fill(f"{starts:%Y-%m-%d}")
    await page.locator("#f-starts").fill(f"{starts:%H:%M}")
    await page.locator("#f-ends").fill(f"{starts + timedelta(hours=4):%H:%M}")
    await page.locator("#f-capacity").fill("2")
    await page.locator("#f-representative").fill("Camille")
    await _button(page, "Enregistrer en brouillon")
    await expect(page).to_have_url(re.compile("/meetups/lapero-des-tilleuls$"))
    await _button(page, "Publier")
    await expect(page.locator("#said")).to_contain_text("La page est ouverte")
    return await page.get_by_role("link", name="Voir la page").get_attribute("href")


# People register


async def _register(chromium, house, address, name):
    """On a phone, with nothing but a name and an address."""
    email = f"{name}@exemple.example"
    context = await chromium.new_context(base_url=house, **PHONE)
    page = await context.new_page()
    faults = _listen(page)
    await page.goto(address)
    is_waiting = await page.get_by_role("button", name="Attendre une place").count() == 1
    await page.locator("#f-first_name").fill(name.capitalize())
    await page.locator("#f-email").fill(email)
    await page.locator("form.form button[type=submit]").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(
        "Une lettre est en route"
    )
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    assert faults == []
    await context.close()
    return {"email": email, "is_waiting": is_waiting}


async def _read_tickets(page, people, folder):
    """Those who have a place hold a ticket, a code and a date; who waits holds a number."""
    for name in ("alice", "bruno"):
        (letter,) = await _letters(page, people[name]["email"])
        await page.goto(letter)
        pdf = await _download(page, "billet.pdf", folder / f"{name}.pdf")
        calendar = await _download(page, "invite.ics", folder / f"{name}.ics")
        assert b"BEGIN:VEVENT" in calendar.read_bytes()
        picture = await asyncio.to_thread(_printed_code, pdf)
        text = pypdf.PdfReader(pdf).pages[0].extract_text()
        typed = re.search(r"[0-9A-Z]{4}[ -][0-9A-Z]{4}", text)
        assert typed
        people[name] |= {"picture": picture, "typed": typed[0]}
    (letter,) = await _letters(page, people["chloe"]["email"])
    await page.goto(letter)
    assert await page.get_by_role("link", name="billet.pdf").count() == 0
    await expect(page.locator("details pre")).to_contain_text("1")


async def _download(page, name, path):
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name=name).click()
    await (await waiting.value).save_as(path)
    return path


def _printed_code(pdf):
    """The code as the paper shows it: the square that a reader finds on the page."""
    import subprocess

    picture = pdf.with_suffix("")
    subprocess.run(
        ["pdftoppm", "-r", "150", "-png", "-singlefile", pdf, picture], check=True
    )
    with Image.open(picture.with_suffix(".png")) as page:
        paper = page.convert("L")
    found = zxingcpp.read_barcode(paper)
    assert found, "No code can be read on the ticket."
    corners = found.position
    points = (corners.top_left, corners.bottom_right)
    (left, top), (right, bottom) = ((one.x, one.y) for one in points)
    quiet = (right - left) // 10
    return paper.crop((left - quiet, top - quiet, right + quiet, bottom + quiet))


def a_film(path: Path, picture):
    """A camera's film (YUV4MPEG2): the ticket for a second, then a table for three."""
    width, height = FRAME
    table = Image.new("L", FRAME, 90)
    grey = bytes([128]) * (width * height // 2)
    empty = b"FRAME\n" + table.tobytes() + grey
    table.paste(picture.resize((380, 380)), ((width - 380) // 2, (height - 380) // 2))
    shown = b"FRAME\n" + table.tobytes() + grey
    head = f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\n".encode()
    path.write_bytes(head + shown * 10 + empty * 32)
    return path


# At the door


async def _at_the_door(page, with_camera, house, film, alice):
    """A phone is paired and reads; somebody without a ticket is let in."""
    await page.goto("/w/les-tilleuls/meetups/lapero-des-tilleuls/door")
    await page.locator("form[action$='/gates'] #f-name").fill("Porte")
    await _button(page, "Ajouter la porte")
    await page.locator("#f-device-name").fill("Téléphone de Bilal")
    await _button(page, "Afficher son code")
    link = await page.get_by_role("link", name="Utiliser ce téléphone").get_attribute(
        "href"
    )
    browser = await with_camera(film)
    context = await browser.new_context(base_url=house, reduced_motion="reduce", **PHONE)
    await context.grant_permissions(["camera"])
    phone = await context.new_page()
    faults = _listen(phone)
    await phone.goto(link)
    answer = phone.locator("#answer h1")
    await expect(answer).to_have_text("Entrez", timeout=20_000)
    await expect(phone.locator("#answer .who")).to_have_text("Alice M.")
    await expect(answer).to_have_text("Déjà là", timeout=15_000)
    await expect(phone.locator("#answer .who")).to_contain_text("Entrée à")
    await _type(phone, alice["typed"])
    await expect(answer).to_have_text("Déjà là")
    await _walk_in(phone, "Zoé P")
    await expect(phone.locator("#count")).to_contain_text("2", timeout=15_000)
    await context.close()
    assert all("409" in one for one in faults), faults  # the full room, said in HTTP


async def _type(phone, text):
    await phone.locator("[data-opens=find]:visible").first.click()
    await phone.locator("#find-text").fill(text)
    await phone.keyboard.press("Enter")


async def _walk_in(phone, name):
    """The room is full on paper: whoever is at the door decides, and says so."""
    await phone.locator("[data-opens=walk-in]:visible").first.click()
    await phone.locator("#walk-in-name").fill(name)
    await phone.keyboard.press("Enter")
    await expect(phone.locator("#answer h1")).to_have_text("Complet", timeout=10_000)
    await phone.locator("#answer").dispatch_event("pointerdown")  # a finger holds it
    # The camera still films the first ticket: its answer may follow this one at once.
    async with phone.expect_response("**/api/v1/door/walk-ins") as waiting:
        await (
            phone.locator("#answer-tools")
            .get_by_role("button", name="Laisser passer")
            .click()
        )
    let_in = await (await waiting.value).json()
    assert (let_in["verdict"], let_in["label"]) == ("enter", "Zoé P.")


async def _close(page):
    await page.goto("/w/les-tilleuls/meetups/lapero-des-tilleuls")
    await page.locator("main").get_by_role("button", name="Clore la soirée").click()
    await page.locator("dialog[open]").get_by_role("button", name="Clore la soirée").click()
    await expect(page.locator("#said")).to_contain_text("close")


# Afterwards


async def _read_report(page):
    """The page, the PDF, the CSV and the JSON say the same."""
    base = "/w/les-tilleuls/meetups/lapero-des-tilleuls/report"
    await page.goto(base)
    seen = {name: await _figure(page, name) for name in ("Venus", "Inscrits à la porte")}
    assert seen == {"Venus": "2", "Inscrits à la porte": "1"}
    await expect(page.locator("main")).to_contain_text("Provisoire.")
    files = {
        kind: await _fetched(page, f"{base}.{kind}") for kind in ("json", "csv", "pdf")
    }
    said = {one["key"]: one["value"] for one in json.loads(files["json"])["figures"]}
    rows = csv.DictReader(io.StringIO(files["csv"].decode("utf-8-sig")))
    listed = {row["key"]: row["value"] for row in rows if row["section"] == "figure"}
    assert {
        key: "" if value is None else str(value) for key, value in said.items()
    } == listed
    expected = {"attended": 2, "registered": 2, "walk_ins": 1, "waitlisted": 1}
    assert {key: said[key] for key in expected} == expected
    assert (said["show_up_rate"], said["no_show_rate"]) == (0.5, 0.5)
    paper = "".join(
        one.extract_text() for one in pypdf.PdfReader(io.BytesIO(files["pdf"])).pages
    )
    for one in json.loads(files["json"])["figures"]:
        if one["value"] is not None:
            assert one["label"] in " ".join(paper.split()), one
            assert one["text"].replace("\u202f", " ") in paper.replace("\u202f", " "), one


async def _fetched(page, address):
    """A file as the page's own link downloads it."""
    async with page.expect_download() as waiting:
        await page.locator(f"a[href='{address}']").click()
    return Path(await (await waiting.value).path()).read_bytes()


async def _sponsor(page, chromium, house):
    """A sponsor's contact signs in by letter, and reads groups only."""
    await page.goto("/w/les-tilleuls/sponsors/new")
    await page.locator("#f-name").fill("Sabline")
    await _button(page, "Enregistrer")
    await page.locator("#f-email").fill("eiko@sabline.example")
    await _button(page, "Envoyer l’invitation")
    await page.goto("/w/les-tilleuls/meetups/lapero-des-tilleuls")
    await page.locator("#f-sponsor").select_option(label="Sabline")
    await _button(page, "Ajouter")
    await expect(page.locator("main")).to_contain_text("eiko@sabline.example")
    await _button(page, "Ajouter et envoyer le rapport")
    paying = page.locator("section[aria-labelledby=sponsors] .shelf")
    await expect(paying).to_contain_text("Sabline")
    context = await chromium.new_context(base_url=house, **DESK)
    eiko = await context.new_page()
    faults = _listen(eiko)
    await _sign_in(eiko, "eiko@sabline.example")
    await eiko.goto("/portal/les-tilleuls")
    await eiko.get_by_role("link", name="L’apéro des Tilleuls").click()
    text = await eiko.locator("main").inner_text()
    for name in ("Alice", "Bruno", "Chloe", "Zoé", "@exemple.example"):
        assert name not in text
    figures = await eiko.locator(".figure-value").all_inner_texts()
    assert figures
    assert all(not re.search(r"\d", one) for one in figures), figures
    pdf = await _fetched(
        eiko, "/portal/les-tilleuls/sabline/lapero-des-tilleuls/report.pdf"
    )
    paper = "".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    assert "Sabline" in paper
    assert "Alice" not in paper
    assert (await eiko.goto("/w/les-tilleuls/people")).status == 404
    await context.close()
    assert all("404" in one for one in faults), faults


async def _timeline(page):
    """Coming is on her timeline and is not counted as being active online."""
    await page.goto("/w/les-tilleuls/people")
    await page.get_by_role("link", name="Alice Martin").click()
    timeline = page.locator("section[aria-labelledby=timeline]")
    await expect(timeline).to_contain_text("L’apéro des Tilleuls")
    assert await _figure(page, "Venus") == "1"
    assert await _figure(page, "Jours actifs en ligne") == "2"
    await page.goto("/w/les-tilleuls/communities/joueuses-et-joueurs")
    assert await _figure(page, "Membres") == "4"
