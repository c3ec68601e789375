"""Rendering: what organisers write stays text, and the jail holds whatever it prints."""

import asyncio
import os
import re
import signal
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote

import pypdf
import pytest
import pytest_asyncio
import weasyprint
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader, UndefinedError, nodes

from server import i18n, rendering
from server.assets import asset_bytes, font_bytes
from server.rendering import (
    PdfPool,
    RenderFailed,
    content_disposition,
    environment,
    fill,
    render,
    safe_filename,
    safe_text,
)

SECRET = "root:x:0:0"
PAGE = (
    "<html lang=fr><head><title>Not this one</title></head><body>"
    "<h1>Apéro</h1><p>Bienvenue</p></body></html>"
)
BOMB = "<table><tr><td colspan=100000>x</td></tr></table>" * 3
LONG_PAGE = "<p>Apéro</p>" * 1000


@pytest.fixture
def templates(monkeypatch):
    """Templates written by a test, in the house's own environment."""
    written = {}
    monkeypatch.setattr(environment(), "loader", DictLoader(written))
    environment().cache.clear()
    yield written
    environment().cache.clear()


@pytest_asyncio.fixture(scope="module")
async def press():
    pool = PdfPool(2, seconds=10)
    await pool.start()
    await pool.warm()
    yield pool
    await pool.stop()


@pytest.fixture
def canary():
    """A server on loopback that counts who comes."""
    visits = []

    class Canary(BaseHTTPRequestHandler):
        def do_GET(self):
            visits.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Canary)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", visits
    server.shutdown()
    thread.join()
    server.server_close()


def read(pdf: bytes) -> pypdf.PdfReader:
    return pypdf.PdfReader(BytesIO(pdf))


def everything_in(pdf: bytes) -> bytes:
    """The file and all its streams, unpacked."""
    parts = [pdf]
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        try:
            parts.append(zlib.decompressobj().decompress(stream))
        except zlib.error:
            parts.append(stream)
    return b"\n".join(parts)


# Text


def test_only_known_placeholders_are_filled_and_only_once():
    values = {"first_name": "{meetup}", "meetup": "Apéro"}
    assert fill("{first_name} at {meetup}, {unknown}", values) == (
        "{meetup} at Apéro, {unknown}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "{{7*7}}",
        "{x.__class__}",
        "{x.__init__.__globals__[SECRET]}",
        "{x!r} {x:>99999999} {0} {} {",
        "{% for a in b %}",
        "%(x)s %s ${y} #{ x }",
    ],
)
def test_what_an_organiser_writes_is_never_an_expression(templates, text):
    templates["page.txt"] = "{{ said }}"
    assert fill(text, {"x": "leak"}) == text
    assert render("page.txt", said=fill(text, {"x": "leak"})) == text


def test_characters_that_hide_or_reorder_are_removed():
    assert safe_text("A\x00na\u202eexe.\u200b\ud800\x85\x1b[31m") == "Anaexe.[31m"
    assert safe_text("两\tlignes\n👩\u200d🍳 \u0645\u06cc\u200c\u062e") == (
        "两\tlignes\n👩\u200d🍳 \u0645\u06cc\u200c\u062e"
    )


@given(st.text())
def test_safe_text_can_always_be_sent(text):
    safe_text(text).encode()
    assert safe_text(safe_text(text)) == safe_text(text)


@pytest.mark.parametrize(
    ("asked", "given_back"),
    [
        ("李.csv", "李.csv"),
        ("../../etc/passwd", "-..-etc-passwd"),
        ("report\r\nSet-Cookie: a=b.pdf", "report Set-Cookie- a=b.pdf"),
        ("CON", "fileCON"),
        ("", "file"),
        (" . ", "file"),
        ('a"b\\c.pdf', "a-b-c.pdf"),
        ("Apéro n°\xa05.ics", "Apéro n° 5.ics"),
    ],
)
def test_file_names_are_safe_everywhere(asked, given_back):
    assert safe_filename(asked) == given_back


@pytest.mark.parametrize(
    ("name", "plain", "encoded"),
    [
        ("李.csv", "file.csv", "%E6%9D%8E.csv"),
        ("李", "file", "%E6%9D%8E"),
        ("0.ȴ", "0", "0.%C8%B4"),
        ("œuvre 5 €.pdf", "uvre 5 .pdf", "%C5%93uvre%205%20%E2%82%AC.pdf"),
        ("a\r\nX: 1.pdf", "a X- 1.pdf", "a%20X-%201.pdf"),
        ("100 %.csv", "100 _.csv", "100%20%25.csv"),
    ],
)
def test_downloads_are_named_in_ascii_with_the_exact_name_beside(name, plain, encoded):
    assert content_disposition(name) == (
        f"attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}"
    )


@given(st.text(max_size=400))
def test_any_name_makes_a_header_that_reads_back(name):
    header = content_disposition(name, inline=True)
    parts = re.fullmatch(
        r'inline; filename="([^"\\%]+)"; filename\*=UTF-8\'\'(\S+)', header
    )
    assert parts
    assert header.isascii()
    assert header.isprintable()
    exact = unquote(parts[2])
    assert exact == safe_filename(name) == safe_filename(exact)
    assert len(exact.encode()) <= rendering.LONGEST_FILENAME


# Pages and letters


def test_values_are_escaped_in_pages_and_plain_in_plain_letters(templates):
    templates["page.html"] = templates["letter.txt"] = "{{ name }}"
    assert render("page.html", name="<b>&\u202e") == "&lt;b&gt;&amp;"
    assert render("letter.txt", name="<b>&\u202e") == "<b>&"


def test_a_form_leads_to_each_wrong_field_by_its_label(templates):
    for name in ("macros/forms.html", "macros/icons.html"):
        templates[name] = (rendering.TEMPLATES / name).read_text()
    templates["page.html"] = (
        '{% import "macros/forms.html" as forms %}'
        "{{ forms.errors_notice(errors) }}"
        '{{ forms.field("name", "Nom <i>", "", errors, optional=true) }}'
        '{{ forms.field("right", "Bon", typed, errors) }}'
        '{{ forms.choice("role", "Rôle", [("a", "A")], "", errors) }}'
        '{{ forms.tick("agrees", "Oui", false, errors) }}'
        '{{ forms.select("place", "Lieu", [("a", "A")], "", errors, id="f-own") }}'
    )
    wrong = dict.fromkeys(("name", "role", "agrees", "place", "nowhere"), "Faux.")
    typed = '<div data-wrong><label for="x">Piège</label><!--wrong fields-->'
    shown = render("page.html", errors=wrong, typed=typed)
    assert re.findall(r'<a href="#([^"]*)">([^<]*)</a>', shown) == [
        ("f-name", "Nom &lt;i&gt;"),
        ("f-role", "Rôle"),
        ("f-agrees", "Oui"),
        ("f-own", "Lieu"),
    ]
    for name in ("f-name", "f-role", "f-agrees", "f-own"):
        assert f'id="{name}"' in shown
    assert "href" not in render("page.html", errors={}, typed=typed)


def test_translated_sentences_escape_what_they_are_given(templates):
    templates["page.html"] = (
        "{% trans name=name %}\n  Hello <b>{{ name }}</b>\n{% endtrans %}"
        "{{ _('Hello %(name)s', name=name) }}"
        "{{ ngettext('%(num)s seat', '%(num)s seats', 2) }}"
    )
    assert render("page.html", name="<i>") == (
        "Hello <b>&lt;i&gt;</b>Hello &lt;i&gt;2 seats"
    )


def test_a_value_nobody_gave_is_an_error_not_a_blank(templates):
    templates["page.html"] = "{{ nothing }}"
    with pytest.raises(UndefinedError):
        render("page.html")


def test_dates_money_and_assets_are_at_hand_in_templates(templates):
    templates["page.html"] = (
        "{{ language() }} {{ 1250|money('EUR') }} {{ 0.5|percent }} {{ 3|number(1) }} "
        "{{ asset('print.css') }}"
    )
    with i18n.use("fr"):
        shown = render("page.html")
    assert shown.startswith("fr 12,50\xa0€ 50\xa0% 3,0 /static/print.css?v=")


async def test_pages_served_together_keep_their_language(templates):
    templates["page.html"] = "{{ language() }} {{ 0.5|percent }} {{ _('x') }}"

    async def page(lang):
        with i18n.use(lang):
            await asyncio.sleep(0)
            return await asyncio.to_thread(render, "page.html")

    readers = ["fr", "en"] * 100
    pages = await asyncio.gather(*map(page, readers))
    assert set(pages[::2]) == {"fr 50\xa0% x"}
    assert set(pages[1::2]) == {"en 50% x"}


def test_templates_translate_only_what_is_written_in_them():
    written = [
        (name, source)
        for name in environment().list_templates()
        for source in [environment().loader.get_source(environment(), name)[0]]
    ]
    assert [name for name, source in written if translates_a_value(source)] == []
    assert translates_a_value("{{ _(name) }}")
    assert not translates_a_value("{{ _('Hello %(name)s', name=name) }}")


def translates_a_value(source: str) -> bool:
    """Does a value pass as a sentence of ours, which would leave it unescaped?"""
    return any(
        isinstance(call.node, nodes.Name)
        and call.node.name in {"_", "gettext", "ngettext"}
        and not isinstance(call.args[0], nodes.Const)
        for call in environment().parse(source).find_all(nodes.Call)
    )


def test_every_template_compiles():
    for name in environment().list_templates(extensions=["html", "txt", "svg"]):
        environment().get_template(name)


# Documents


async def test_a_document_is_tagged_and_says_its_language_and_title(press):
    pdf = read(await press.render(PAGE, {}, title="Soirée de \u202enovembre"))
    root = pdf.trailer["/Root"]
    assert root["/Lang"] == "fr"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/StructTreeRoot"]
    assert b"pdfuaid:part" in root["/Metadata"].get_data()
    assert pdf.metadata.title == "Soirée de novembre"
    assert "Bienvenue" in pdf.pages[0].extract_text()


async def test_a_document_that_forgot_its_language_takes_the_readers(press):
    with i18n.use("fr"):
        pdf = read(await press.render("<p>Bonjour", {}, title="x"))
    assert pdf.trailer["/Root"]["/Lang"] == "fr"


async def test_a_document_uses_the_assets_it_was_given(press):
    assets = {
        "print.css": asset_bytes("print.css"),
        "inter-latin-400-normal.woff2": font_bytes(400),
        "dot.svg": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    }
    html = "<link rel=stylesheet href=asset:print.css><p>Ana<img src=asset:dot.svg>"
    pdf = read(await press.render(html, assets, title="x"))
    fonts = pdf.pages[0]["/Resources"]["/Font"].values()
    names = {font.get_object()["/BaseFont"] for font in fonts}
    assert any("Inter" in name for name in names)
    assert pdf.pages[0].mediabox.width == pytest.approx(595.3, abs=0.1), "A4"


async def test_a_broken_font_costs_the_font_and_not_the_page(press):
    assets = {"a.woff2": b"wOF2 and no more"}
    style = "<style>@font-face {font-family:a;src:url(asset:a.woff2)}</style>"
    assert await press.render(style + PAGE, assets, title="x")


NESTED = (
    "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'"
    " xmlns:xlink='http://www.w3.org/1999/xlink'>"
    "<image xlink:href='{canary}/nested' width='9' height='9'/></svg>"
)
INJECTIONS = [
    "<link rel=attachment href=file:///etc/passwd>",
    "<a rel=attachment href=file:///etc/passwd>x</a>",
    "<link rel=stylesheet href={canary}/link>",
    "<link rel=stylesheet href=file:///etc/passwd>",
    "<style>@import url({canary}/import);</style>",
    "<style>@font-face {{font-family:a;src:url({canary}/font)}}</style>",
    "<style>@font-face {{font-family:a;src:url(file:///etc/passwd)}}</style>",
    "<style>body {{background:url({canary}/background)}}</style>",
    "<style>li {{list-style-image:url({canary}/list)}}</style><li>x",
    "<style>p::before {{content:url({canary}/content)}}</style><p>x",
    "<img src={canary}/img>",
    "<img src=file:///etc/passwd>",
    "<object data={canary}/object></object>",
    "<object data=file:///etc/passwd></object>",
    "<embed src={canary}/embed>",
    "<svg width=9 height=9><image href={canary}/svg width=9 height=9 /></svg>",
    "<svg width=9 height=9><use href={canary}/use#a /></svg>",
    f'<img src="data:image/svg+xml,{NESTED}">',
    "<base href={canary}/><img src=based>",
    "<img src=ASSET:/etc/passwd><img src=asset:../../../etc/passwd>",
    "<img src=/etc/passwd><img src=FILE:///etc/passwd>",
]


@pytest.mark.parametrize("injected", INJECTIONS)
async def test_injected_markup_reaches_nothing(press, canary, injected):
    address, visits = canary
    html = injected.format(canary=address)
    pdf = await press.render(f"<html><body>{html}</body></html>", {}, title="x")
    assert visits == []
    assert SECRET.encode() not in everything_in(pdf)
    assert dict(read(pdf).attachments) == {}


def test_the_same_markup_does_reach_out_with_the_librarys_own_fetcher(canary):
    address, visits = canary
    html = "".join(INJECTIONS).format(canary=address)
    pdf = weasyprint.HTML(string=html).write_pdf()
    assert {"/img", "/import", "/font", "/svg", "/object", "/nested"} <= set(visits)
    assert SECRET.encode() in everything_in(pdf)


def test_small_pictures_may_be_written_in_the_page_and_nothing_else():
    square = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'>{}</svg>"
    fetch = rendering._only({"a.css": b"p {}"}).fetch
    assert fetch("asset:a.css").content_type == "text/css"
    assert fetch("data:image/svg+xml," + square).read().startswith(b"<svg")
    for refused in (
        "data:text/css,p{}",
        "data:image/svg+xml," + "x" * rendering.LONGEST_DATA_URL,
        "asset:b.css",
        "http://127.0.0.1/",
        "file:///etc/passwd",
    ):
        with pytest.raises(ValueError, match=re.escape(refused[:20])):
            fetch(refused)


async def test_a_bomb_is_stopped_and_the_pool_goes_on(press):
    printers = [printer._process.pid for printer in press._printers]
    started = time.monotonic()
    bombs = (press.render(BOMB, {}, title="x", seconds=1) for _number in range(3))
    results = await asyncio.gather(*bombs, return_exceptions=True)
    reasons = {str(result) for result in results}
    assert reasons <= {"killed by its limits", "out of time"}  # as busy cores allow
    assert time.monotonic() - started < 20
    assert await press.render(PAGE, {}, title="x")
    assert [printer._process.pid for printer in press._printers] == printers


@pytest.mark.parametrize("nested", ["<div>" * 3000, "<svg>" + "<g>" * 5000])
async def test_a_page_nested_beyond_reason_harms_nobody(press, nested):
    (result,) = await asyncio.gather(
        press.render(nested, {}, title="x"), return_exceptions=True
    )
    assert isinstance(result, bytes | RenderFailed)
    assert await press.render(PAGE, {}, title="x")


async def test_memory_is_limited(press):
    cramped = PdfPool(1, memory=8 << 20)
    await cramped.start()
    try:
        with pytest.raises(RenderFailed, match=r"MemoryError|killed by its limits"):
            await cramped.render(LONG_PAGE * 8, {}, title="x", seconds=60)
    finally:
        await cramped.stop()
    assert await press.render(LONG_PAGE, {}, title="x"), "with a gibibyte it prints"


async def test_a_printer_that_dies_is_replaced(press):
    for printer in press._printers:
        os.killpg(printer._process.pid, signal.SIGKILL)
        await printer._process.wait()
    pdfs = await asyncio.gather(*(press.render(PAGE, {}, title="x") for _ in range(4)))
    assert all(pdf.startswith(b"%PDF") for pdf in pdfs)


async def test_a_printer_that_dies_at_work_fails_that_document_only(press):
    work = asyncio.create_task(press.render(BOMB, {}, title="x"))
    await asyncio.sleep(0.3)
    (busy,) = set(press._printers) - set(press._idle._queue)
    os.killpg(busy._process.pid, signal.SIGKILL)
    with pytest.raises(RenderFailed, match="the printer is gone"):
        await work
    assert await press.render(PAGE, {}, title="x")


async def test_a_reader_who_leaves_takes_the_work_away(press):
    work = asyncio.create_task(press.render(BOMB, {}, title="x"))
    await asyncio.sleep(0.3)
    (busy,) = set(press._printers) - set(press._idle._queue)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert busy._process.returncode == -signal.SIGKILL
    pdfs = await asyncio.gather(*(press.render(PAGE, {}, title="x") for _ in range(4)))
    assert len(pdfs) == 4


async def test_the_loop_goes_on_while_documents_are_printed(press):
    turns = 0

    async def count():
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    counting = asyncio.create_task(count())
    with pytest.raises(RenderFailed):
        await press.render(BOMB, {}, title="x", seconds=1)
    counting.cancel()
    assert turns > 30


async def test_a_pool_that_stopped_answers_those_who_wait():
    pool = PdfPool(1)
    await pool.start()
    waiting = [
        asyncio.create_task(pool.render(BOMB, {}, title="x")) for _number in range(3)
    ]
    await asyncio.sleep(0.1)
    await pool.stop()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(result) for result in results] == [RenderFailed] * 3
    with pytest.raises(RenderFailed, match="no printer is running"):
        await pool.render(PAGE, {}, title="x")
    await pool.stop()


def test_a_silent_child_is_out_of_time_and_a_talkative_one_too_large(monkeypatch):
    reads, writes = os.pipe()
    assert rendering._listen(reads, time.monotonic() + 0.05) == b"-out of time"
    monkeypatch.setattr(rendering, "LARGEST_PDF", 10)
    os.write(writes, b"+" * 11)
    assert rendering._listen(reads, time.monotonic() + 5) == b"-too large"
    os.close(writes)
    os.close(reads)


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        (b"+%PDF\0.", b"+%PDF"),
        (b"+%PD", b"-killed by its limits"),
        (b"", b"-killed by its limits"),
    ],
)
def test_a_child_killed_while_it_answers_has_not_answered(written, heard):
    reads, writes = os.pipe()
    os.write(writes, written)
    os.close(writes)
    assert rendering._listen(reads, time.monotonic() + 5) == heard
    os.close(reads)


async def test_the_jail_inherits_no_secret(monkeypatch):
    monkeypatch.setenv("APERO_SECRET_KEY", "not for the jail")
    fresh = PdfPool(1)
    await fresh.start()
    await fresh.warm()
    process = fresh._printers[0]._process
    seen = await asyncio.to_thread(Path(f"/proc/{process.pid}/environ").read_bytes)
    await fresh.stop()
    assert b"TMPDIR" in seen
    assert b"not for the jail" not in seen


def test_one_document_can_be_printed_from_a_command_line():
    pdf = rendering.render_pdf_once(PAGE, {}, title="Rapport")
    assert read(pdf).metadata.title == "Rapport"
