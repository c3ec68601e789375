"""Rendering: a page or a letter from a template, and a PDF from a page.

This is the only module that knows Jinja and WeasyPrint. Templates are ours; what
organisers write is only ever a value in them, escaped, never a template. A document
becomes PDF in a jailed process: it sees the assets it was given and nothing else, it
has so much memory and so much time, and when it exceeds them it is killed and the next
one is printed as if nothing had happened.

Two libraries and one jail make it longer than the house likes; the printers are the
part to move out, as a package of this name, when it grows again.
"""

import asyncio
import gc
import io
import mimetypes
import os
import re
import resource
import select
import shutil
import signal
import struct
import sys
import tempfile
import time
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import msgspec
from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    pass_context,
    select_autoescape,
)
from markupsafe import Markup

from server import i18n
from server.assets import asset

TEMPLATES = i18n.ROOT / "templates"

# Control characters but tab and line feed, bidirectional controls, invisible joints
# that shape no letter, and surrogates; ZWJ and ZWNJ stay, names and emoji need them.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
WRONG_LINKS = Markup("<!--wrong fields-->")
WRONG_FIELD = re.compile(
    r'(?:id="(?P<set>[^"]+)" )?(?:class="field" )?data-wrong[^>]*>\s*'
    r'(?:<label[^>]* for="(?P<one>[^"]+)">(?:<input[^>]*>\s*<span>)?|<legend[^>]*>)'
    r"(?P<label>[^<]+)"
)
PLACEHOLDER = re.compile(r"\{([a-z][a-z_]{0,39})\}")
ATTRIBUTE_CHARACTERS = "!#$&+-.^_`|~"  # RFC 8187, 3.2.1
LONGEST_FILENAME = 120

# Text


def safe_text(text: str) -> str:
    """The text without the characters that hide, reorder or break what is shown."""
    clean = UNSAFE.sub("", text)
    return Markup(clean) if isinstance(text, Markup) else clean  # noqa: S704 - it was


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace `{first_name}` and other known names, once; the rest stays as written."""
    return PLACEHOLDER.sub(lambda match: values.get(match[1], match[0]), text)


def safe_filename(name: str) -> str:
    """A file name every system accepts, as close to the asked one as can be."""
    text = unicodedata.normalize("NFC", safe_text(name[:LONGEST_FILENAME]))
    text = " ".join(re.sub(r'[\\/:*?"<>|]', "-", text).split()).strip(". ")
    stem, dot, extension = text.rpartition(".")
    if not dot or len(extension) > len("markdown") or " " in extension:
        stem, dot, extension = text, "", ""
    while len(f"{stem}.{extension}".encode()) > LONGEST_FILENAME:
        stem = stem[:-1]
    stem = stem.rstrip(". ")
    if not stem or re.fullmatch(r"con|prn|aux|nul|(com|lpt)\d", stem, re.IGNORECASE):
        stem = f"file{stem}"
    return f"{stem}{dot}{extension}"


def content_disposition(name: str, *, inline: bool = False) -> str:
    """The header value that names a download, in ASCII (RFC 6266, RFC 8187)."""
    exact = safe_filename(name)
    plain = unicodedata.normalize("NFKD", exact).encode("ascii", "ignore").decode()
    plain = plain.replace("%", "_").strip()
    if not plain.strip(".") or plain.startswith("."):
        plain = f"file{plain}"
    kind = "inline" if inline else "attachment"
    encoded = quote(exact, safe=ATTRIBUTE_CHARACTERS)
    return f"{kind}; filename=\"{plain.rstrip('. ')}\"; filename*=UTF-8''{encoded}"


# Pages and letters


class Unsaid(StrictUndefined):
    """A name nobody gave: a template may ask whether it is there, never show it."""

    def __bool__(self) -> bool:  # type: ignore[override] # a question is no mistake
        return False


FILTERS: tuple[Callable[..., str], ...] = (
    *(i18n.long_date, i18n.short_date, i18n.hour),
    *(i18n.number, i18n.percent, i18n.money, safe_text),
)


@cache
def environment() -> Environment:
    """The one environment: everything escaped but plain letters, nothing undefined."""
    ours = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(disabled_extensions=("txt",), default=True),
        undefined=Unsaid,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=_shown,
    )
    ours.policies["ext.i18n.trimmed"] = True
    ours.install_gettext_callables(  # type: ignore[attr-defined]
        i18n.translate, i18n.translate_plural, newstyle=True
    )
    ours.filters |= {shows.__name__: _for_each_reader(shows) for shows in FILTERS}
    ours.globals |= {"asset": asset, "span": i18n.span, "language": i18n.language.get}
    ours.globals["wrong_links"] = lambda: WRONG_LINKS
    return ours


def reload_templates(*, on: bool = True) -> None:
    """See changes of templates at once; for debug only, it costs a look at the disk."""
    environment().auto_reload = on


def render(template: str, /, **context: object) -> str:
    """The page or letter in the reader's language."""
    return _linked(environment().get_template(template).render(context))


def _linked(html: str) -> str:
    """Name each wrong field where the form says that answers are wrong, and lead to it."""
    if WRONG_LINKS not in html:
        return html
    links = ", ".join(
        f'<a href="#{found["one"] or found["set"]}">{found["label"].strip()}</a>'
        for found in WRONG_FIELD.finditer(html)
        if found["one"] or found["set"]
    )
    return html.replace(WRONG_LINKS, links)


def _for_each_reader(shows: Callable[..., str]) -> Callable[..., str]:
    """Keep Jinja from showing a constant once, in the language of the first reader."""
    return pass_context(lambda _context, *values: shows(*values))


def _shown(value: Any) -> Any:  # noqa: ANN401 - Jinja prints anything
    return safe_text(value) if isinstance(value, str) else value


# Documents

FORMAT = "pdf/ua-1"
SCHEME = "asset:"
LONGEST_DATA_URL = 100_000
LARGEST_PDF = 64 << 20
MOST_OPEN_FILES = 64
START_SECONDS = 60.0
GRACE_SECONDS = 30.0
PATIENCE = 3  # wall seconds granted for one of CPU: other processes want the cores too
HEADER = struct.Struct(">Q")
DONE, FAILED, END = b"+", b"-", b"\0."
# The jail knows no secret: it gets these variables of ours and no other.
INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "PYTHONPATH", "LD_LIBRARY_PATH")
PRINTER = (
    "import sys; sys.path.append(sys.argv[1]);"
    "from server.rendering import print_documents; print_documents()"
)


class RenderFailed(Exception):
    """The document could not be made within its limits."""


class Document(msgspec.Struct):
    """One document to print, with all it may look at and all it may use."""

    html: str
    assets: dict[str, bytes]
    title: str
    language: str
    seconds: float
    memory: int


class PdfPool:
    """A few printers, each a process that forks a jailed child for every document."""

    def __init__(
        self, size: int = 2, *, seconds: float = 10.0, memory: int = 1 << 30
    ) -> None:
        self._size = size
        self._seconds = seconds
        self._memory = memory
        self._printers: list[_Printer] = []
        self._idle: asyncio.Queue[_Printer]
        self._folder: Path

    async def start(self) -> None:
        """Start the printers without waiting for them to be warm."""
        self._folder = Path(tempfile.mkdtemp(prefix="apero-print-"))
        self._idle = asyncio.Queue()
        self._printers = [_Printer(self._folder) for _number in range(self._size)]
        for printer in self._printers:
            await printer.start()
            self._idle.put_nowait(printer)

    async def warm(self) -> None:
        """Wait until every printer can print."""
        taken = [await self._idle.get() for _printer in self._printers]
        try:
            for printer in taken:
                await printer.ready()
        finally:
            for printer in taken:
                self._idle.put_nowait(printer)

    async def stop(self) -> None:
        """End the printers, whatever they are doing."""
        printers, self._printers = self._printers, []
        for printer in printers:
            await printer.end()
        if printers:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def render(
        self,
        html: str,
        assets: Mapping[str, bytes],
        *,
        title: str,
        seconds: float | None = None,
    ) -> bytes:
        """A tagged PDF/UA-1 of the page; large documents may ask for more seconds."""
        if not self._printers:
            raise RenderFailed("no printer is running")
        document = Document(
            html=safe_text(html),
            assets=dict(assets),
            title=safe_text(title),
            language=i18n.language.get(),
            seconds=seconds or self._seconds,
            memory=self._memory,
        )
        idle = self._idle
        printer = await idle.get()
        try:
            return await printer.print(document)
        finally:
            idle.put_nowait(printer)


def render_pdf_once(html: str, assets: Mapping[str, bytes], *, title: str) -> bytes:
    """The same document from a command line, with a minute of CPU at most."""

    async def once() -> bytes:
        pool = PdfPool(1, seconds=60)
        await pool.start()
        try:
            return await pool.render(html, assets, title=title)
        finally:
            await pool.stop()

    return asyncio.run(once())


class _Printer:
    """Our end of one printer process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process
        self._is_ready = False
        self._is_ended = False

    async def start(self) -> None:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        self._is_ready = False
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", PRINTER, str(i18n.ROOT)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={**inherited, "TMPDIR": str(self._folder)},
            limit=LARGEST_PDF,  # a reader that pauses would not see a dead process
            start_new_session=True,  # an interrupt is for us; a kill takes the child too
        )

    async def ready(self) -> None:
        """Start the process again if it died, and wait until it can print."""
        if self._is_ended:
            raise RenderFailed("the printer was stopped")
        if self._process.returncode is not None:
            await self.start()
        if not self._is_ready:
            await self._exchange(b"", START_SECONDS)
            self._is_ready = True

    async def print(self, document: Document) -> bytes:
        await self.ready()
        question = msgspec.msgpack.encode(document)
        wall = document.seconds * PATIENCE + GRACE_SECONDS
        return await self._exchange(HEADER.pack(len(question)) + question, wall)

    async def _exchange(self, question: bytes, seconds: float) -> bytes:
        """Say something and hear the answer; a conversation cut short ends the process."""
        says, hears = self._process.stdin, self._process.stdout
        assert says is not None  # noqa: S101 - both are pipes, which their types forget
        assert hears is not None  # noqa: S101
        is_whole = False
        try:
            async with asyncio.timeout(seconds):
                says.write(question)
                await says.drain()
                (size,) = HEADER.unpack(await hears.readexactly(HEADER.size))
                answer = await hears.readexactly(size)
            is_whole = True
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError) as error:
            raise RenderFailed(f"the printer is gone: {error!r}") from None
        finally:
            if not is_whole:
                await self._kill()
        if answer[:1] != DONE:
            raise RenderFailed(answer[1:].decode(errors="replace"))
        return answer[1:]

    async def end(self) -> None:
        self._is_ended = True
        await self._kill()

    async def _kill(self) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


# Inside the jail


def print_documents() -> None:
    """The life of a printer process: hear a document, print it in a child, answer."""
    heard = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 0)
    os.dup2(2, 1)  # whatever a library prints is not an answer
    try:
        _pdf(Document("<title>.</title>.", {}, ".", "en", 0, 0))  # loads the fonts
        gc.collect()
        gc.freeze()
    except Exception as error:  # noqa: BLE001 - said to whoever started us
        _answer(answers, FAILED + repr(error).encode())
        return
    _answer(answers, DONE)
    while header := heard.read(HEADER.size):
        (size,) = HEADER.unpack(header)
        document = msgspec.msgpack.decode(heard.read(size), type=Document)
        document.assets = {n: _unpacked(data) for n, data in document.assets.items()}
        _answer(answers, _print_in_child(document, (heard, answers)))
    with suppress(OSError):  # our house was killed and cannot tidy up
        Path(os.environ["TMPDIR"]).rmdir()


def _answer(answers: BinaryIO, body: bytes) -> None:
    answers.write(HEADER.pack(len(body)) + body)
    answers.flush()


def _print_in_child(document: Document, ours: tuple[BinaryIO, BinaryIO]) -> bytes:
    """What the child answered before its time was up."""
    folder = tempfile.mkdtemp()
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        for pipe in ours:
            os.close(pipe.fileno())
        tempfile.tempdir = folder
        _print_and_die(document, writes)
    os.close(writes)
    try:
        return _listen(reads, time.monotonic() + document.seconds * PATIENCE)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(reads)
        shutil.rmtree(folder, ignore_errors=True)


def _print_and_die(document: Document, writes: int) -> None:
    """In the child: give up what is not needed, print, answer, and never return."""
    try:
        seconds = max(1, round(document.seconds))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_AS, (document.memory, document.memory))
        resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_PDF, LARGEST_PDF))
        resource.setrlimit(resource.RLIMIT_NOFILE, (MOST_OPEN_FILES, MOST_OPEN_FILES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        answer = DONE + _pdf(document)
    except BaseException as error:  # noqa: BLE001 - nothing may leave the jail but words
        answer = FAILED + type(error).__name__.encode()
    with suppress(OSError), os.fdopen(writes, "wb") as pipe:
        pipe.write(answer + END)
    os._exit(0)


def _listen(reads: int, deadline: float) -> bytes:
    heard = bytearray()
    while select.select([reads], [], [], max(0.0, deadline - time.monotonic()))[0]:
        part = os.read(reads, 1 << 20)
        if not part and heard.endswith(END):
            return bytes(heard.removesuffix(END))
        if not part:
            return FAILED + b"killed by its limits"
        heard += part
        if len(heard) > LARGEST_PDF:
            return FAILED + b"too large"
    return FAILED + b"out of time"


@lru_cache(maxsize=64)
def _unpacked(content: bytes) -> bytes:
    """A compressed font as the plain one: done once, it is most of a page's time."""
    if not content.startswith(b"wOF2"):
        return content
    from fontTools.ttLib import woff2  # noqa: PLC0415

    plain = io.BytesIO()
    try:
        woff2.decompress(io.BytesIO(content), plain)
    except Exception:  # noqa: BLE001 - a broken font: the page is printed without it
        return content
    return plain.getvalue()


def _pdf(document: Document) -> bytes:
    from weasyprint import HTML  # noqa: PLC0415 - a second to import: only in the jail

    fetcher = _only(document.assets)
    page = HTML(string=document.html, base_url=SCHEME, url_fetcher=fetcher)
    pdf = page.render(pdf_variant=FORMAT)
    pdf.metadata.title = document.title
    pdf.metadata.lang = pdf.metadata.lang or document.language
    return bytes(pdf.write_pdf(pdf_variant=FORMAT))


def _only(assets: Mapping[str, bytes]) -> Any:  # noqa: ANN401 - WeasyPrint has no types
    """A fetcher that knows these assets and small images written in the page."""
    from weasyprint import urls  # noqa: PLC0415 - only in the jail

    class Assets(urls.URLFetcher):  # type: ignore[misc]
        def fetch(self, url: str, headers: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401
            if url.startswith("data:image/") and len(url) <= LONGEST_DATA_URL:
                return super().fetch(url, headers)
            name = url.removeprefix(SCHEME)
            if name not in assets:
                raise ValueError(url)  # the page is printed without it
            kind, _encoding = mimetypes.guess_type(name)
            headers = {"Content-Type": kind or "application/octet-stream"}
            return urls.URLFetcherResponse(url, assets[name], headers)

    return Assets(allowed_protocols={"data"}, allow_redirects=False)
