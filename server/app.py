"""The application: its factory, its processes, and the place where no becomes an answer.

A refusal becomes a page, a form with its messages, or an RFC 9457 problem.
"""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import asyncpg
import uvicorn
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from events.admission import letters
from events.admission.followers import Herald
from events.planning.nudges import Nudges
from events.planning.reminders import Reminders
from server import assets, errors, jobs, schema, telemetry
from server.access import DEPENDENCIES, same_site
from server.database import DB, Address, is_retryable
from server.edge import Edge
from server.errors import Invalid, NotSignedIn, Refusal, TooMany
from server.i18n import lazy
from server.mail import Postman
from server.postgres import AlreadyKept, EmbeddedPostgres, PostgresWontStart, running
from server.rendering import PdfPool
from server.settings import Settings
from server.sitemap import routes
from server.web import Asking, away, page

LARGEST_BODY = 2_000_000

log = logging.getLogger("apero.app")

STATUS: tuple[tuple[type[Refusal], int], ...] = (
    (errors.NotFound, 404),
    (errors.NotSignedIn, 401),
    (errors.Forbidden, 403),
    (errors.TooMany, 429),
    (errors.Busy, 503),
    (errors.Invalid, 422),
    (Refusal, 409),
)

TITLES = {
    400: lazy("This request cannot be read."),
    404: lazy("There is nothing here."),
    405: lazy("This address does not take this kind of request."),
    413: lazy("This is too large to take in."),
    415: lazy("This kind of content is not read here."),
    500: lazy("Something broke on our side. It is written down; try again in a moment."),
    503: lazy("We are catching our breath. Try again in a moment."),
}


def status_of(refusal: Refusal) -> int:
    """The number HTTP gives to this family of refusals."""
    return next(status for family, status in STATUS if isinstance(refusal, family))


def refused(request: Request[Any, Any, Any], refusal: Refusal) -> Response[Any]:
    """A no, in the form the asker reads."""
    status = status_of(refusal)
    asking = _asking(request)
    if wants_problem(request):
        body = problem(status, str(refusal), code=refusal.code, asking=asking)
        if isinstance(refusal, Invalid):
            body["fields"] = {name: str(text) for name, text in refusal.fields.items()}
        response = Response[Any](
            body, status_code=status, media_type="application/problem+json"
        )
        if status == HTTPStatus.UNAUTHORIZED:
            response.headers["www-authenticate"] = "Bearer"
    elif isinstance(refusal, NotSignedIn) and request.method == "GET":
        wanted = f"{asking.path}?{asking.query}" if asking.query else asking.path
        return away(asking, f"/sign-in?next={quote(wanted, errors='replace')}")
    else:
        response = error_page(asking, status, str(refusal), refusal)
    if isinstance(refusal, TooMany):
        response.headers["retry-after"] = str(refusal.seconds)
    return response


def broken(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """What the framework or the world refused; the rest is a bug, logged with its id."""
    asking = _asking(request)
    if isinstance(error, NotAuthorizedException):
        return refused(request, NotSignedIn())
    if isinstance(error, HTTPException):
        status = error.status_code
    elif is_retryable(error):
        status = 503
    elif isinstance(error, asyncpg.DataError | UnicodeError | RecursionError):
        status = 404 if "\0" in asking.path else 400
    else:
        status = 500
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("broken", exc_info=error, extra={"request": asking.request_id})
    text = str(
        TITLES.get(
            status,
            TITLES[400] if status < HTTPStatus.INTERNAL_SERVER_ERROR else TITLES[500],
        )
    )
    if wants_problem(request):
        code = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}.get(
            status, "invalid" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "broken"
        )
        body = problem(status, text, code=code, asking=asking)
        return Response(body, status_code=status, media_type="application/problem+json")
    return error_page(asking, status, text, None)


def problem(status: int, title: str, *, code: str, asking: Asking) -> dict[str, Any]:
    """The body of an RFC 9457 problem."""
    return {
        "type": f"urn:apero:{code}",
        "title": title,
        "status": status,
        "code": code,
        "request": asking.request_id,
    }


def wants_problem(request: Request[Any, Any, Any]) -> bool:
    """Is the asker a machine?"""
    return request.scope["path"].startswith(
        "/api/"
    ) or "application/json" in request.headers.get("accept", "")


def error_page(
    asking: Asking, status: int, text: str, refusal: Refusal | None
) -> Response[Any]:
    """A calm page that says what happened and what to do."""
    fields = refusal.fields if isinstance(refusal, Invalid) else {}
    return page(
        asking,
        "public/error.html",
        status=status,
        text=text,
        number=status,
        fields={name: str(sentence) for name, sentence in fields.items()},
        request_id=asking.request_id,
    )


def _asking(request: Request[Any, Any, Any]) -> Asking:
    """What is known already: a page about a failure asks the database nothing."""
    asking: Asking = request.scope["state"]["asking"]
    return asking


def lifespan(
    settings: Settings, addresses: schema.Addresses, *, does_jobs: bool
) -> Callable[[Litestar], Any]:
    """Open what the application needs, do its jobs, and close it all again."""

    @asynccontextmanager
    async def live(app: Litestar) -> AsyncIterator[None]:
        assets.check()
        stop = asyncio.Event()
        await DB.open(addresses.app, size=settings.pool_size)
        await app.state.pdf.start()
        tasks = [asyncio.create_task(_watch_outbox(stop))]
        if does_jobs:
            tasks.append(asyncio.create_task(jobs.work(addresses.app, stop=stop)))
        try:
            yield
        finally:
            stop.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 3)
            await asyncio.shield(app.state.pdf.stop())
            await asyncio.shield(DB.close())

    return live


async def _watch_outbox(stop: asyncio.Event) -> None:
    """Keep the age of the oldest waiting job in the metrics."""
    while not stop.is_set():
        with suppress(Exception):
            telemetry.OUTBOX_AGE.set(await jobs.oldest_waiting())
            telemetry.JOBS_GIVEN_UP.set(await jobs.given_up())
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 15)


def make_app(
    settings: Settings, addresses: schema.Addresses | None = None, *, does_jobs: bool = True
) -> Edge:
    """The application as an ASGI callable.

    Without addresses the caller has opened the database and the PDF pool itself (tests).
    """
    Postman(settings)
    Nudges(settings)
    Reminders(settings)
    Herald(settings)
    app = Litestar(
        route_handlers=routes(settings),
        dependencies=DEPENDENCIES,
        guards=[same_site],
        exception_handlers={Refusal: refused, Exception: broken},
        lifespan=[lifespan(settings, addresses, does_jobs=does_jobs)] if addresses else [],
        openapi_config=OpenAPIConfig(
            title="Apéro",
            version="1",
            path="/api/v1/schema",
            render_plugins=[JsonRenderPlugin()],
        ),
        request_max_body_size=LARGEST_BODY,
        multipart_form_part_limit=100,
        logging_config=None,
        debug=False,
    )
    app.state.settings = settings
    app.state.pdf = PdfPool(settings.pdf_workers)
    app.state.draining = False
    letters.register_makers(settings, lambda: app.state.pdf)
    return Edge(app, settings)


# The processes


@contextmanager
def database(settings: Settings) -> Iterator[tuple[Address, EmbeddedPostgres | None]]:
    """The database of this installation: the one named, or the embedded one.

    Gives where its administrator signs in, and our server when this process keeps it.
    """
    if settings.database_url:
        yield Address(url=settings.database_url), None
        return
    home = settings.data / "postgres"
    with ExitStack() as stack:
        server: EmbeddedPostgres | None = EmbeddedPostgres(home)
        try:
            assert server is not None  # noqa: S101 - made on the line above
            found = server.start()
            stack.callback(server.stop)
        except AlreadyKept:
            server, found = None, stack.enter_context(running(home))
        yield (
            Address(
                host=found.host, port=found.port, role=found.user, password=found.password
            ),
            server,
        )


async def _keep_alive(server: EmbeddedPostgres) -> None:
    """Start PostgreSQL again when it died; it repairs itself from its log."""
    while True:
        await asyncio.sleep(0.5)
        if server.watch() is not None:
            log.error("postgres.died")
            try:
                await asyncio.to_thread(server.start)
            except PostgresWontStart as error:
                log.exception("postgres.wont_start", exc_info=error)


async def ready_database(settings: Settings, admin: Address) -> schema.Addresses:
    """The roles and the schema brought up to date."""
    addresses = await schema.prepare(settings, admin)
    await schema.migrate(addresses)
    return addresses


class Server(uvicorn.Server):
    """Uvicorn that says it is leaving before it stops listening."""

    def __init__(self, config: uvicorn.Config, app: Litestar) -> None:
        super().__init__(config)
        self.litestar = app

    def handle_exit(self, sig: int, frame: Any) -> None:  # noqa: ANN401 - signal's signature
        self.litestar.state.draining = True
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Hear the signals and do not raise them again: there is more to close after us."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


async def serve(
    settings: Settings,
    admin: Address,
    keeps: EmbeddedPostgres | None = None,
    *,
    does_jobs: bool = True,
) -> None:
    """Serve until told to stop; what was begun is finished within ten seconds."""
    addresses = await ready_database(settings, admin)
    edge = make_app(settings, addresses, does_jobs=does_jobs)
    telemetry.open_port(settings.metrics_port)
    config = uvicorn.Config(
        edge,
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=9,
    )
    keeper = asyncio.create_task(_keep_alive(keeps)) if keeps else None
    try:
        await Server(config, edge.app).serve()
    finally:
        if keeper:
            keeper.cancel()


async def work(settings: Settings, admin: Address) -> None:
    """Do jobs until told to stop, in a process of its own."""
    addresses = await ready_database(settings, admin)
    edge = make_app(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await DB.open(addresses.app, size=settings.pool_size)
    await edge.app.state.pdf.start()
    try:
        await jobs.work(addresses.app, stop=stop)
    finally:
        await edge.app.state.pdf.stop()
        await DB.close()
