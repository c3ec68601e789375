"""What pages know of a request, and how they answer it.

`Asking` is one request: who, from where, when, in which language. A page is rendered with
its frame around it; what an act wants said travels to the next page in a sealed cookie.
Links are built from the configured origin, never from what a request says of itself.
"""

import base64
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, quote
from uuid import UUID

from litestar.connection import ASGIConnection, Request
from litestar.datastructures import Cookie, FormMultiDict
from litestar.response import Response

from server.accounts import SignedIn, signed_in
from server.audit import Actor, ActorKind
from server.errors import Invalid, NotFound
from server.i18n import LANGUAGES, lazy
from server.i18n import language as spoken
from server.look import Look
from server.rendering import render
from server.settings import Settings
from server.workspaces import OWNERS, ROLE_NAMES, TEAM, Role, Seat, look

SESSION_COOKIE = "__Host-apero"
BROWSER_COOKIE = "__Host-browser"
SAID_COOKIE = "__Host-said"
LANGUAGE_COOKIE = "apero_lang"
MOST_FIELDS = 500
SPONSORS = ("/packages", "/sponsorships", "/deliverables")
PEOPLE = (
    *("/communities", "/segments", "/ambassadors", "/duplicates", "/import"),
    *("/merges", "/identities", "/channels"),
)
LANGUAGE_NAMES = {"fr": "Français", "en": "English"}
AnyConnection = ASGIConnection[Any, Any, Any, Any]


@dataclass
class Asking:
    """One request: who, from where, when, in which language."""

    settings: Settings
    request_id: str
    address: str
    now: datetime
    lang: str
    path: str
    query: str
    cookies: dict[str, str] = field(default_factory=dict)
    account: SignedIn | None = None
    token: str = ""
    seat: Seat | None = None
    seats: list[Seat] = field(default_factory=list)
    looked: bool = False

    @property
    def csrf(self) -> str:
        """Bound to the session: one browser's token is nothing in another."""
        if not self.token:
            return ""
        key = self.settings.secret_key
        digest = hmac.digest(key, b"apero csrf v1 " + self.token.encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:18]).decode()

    def anyone(self, *workspace_ids: UUID) -> Actor:
        """Whoever asks, acting as nobody in particular in these workspaces."""
        return Actor(
            ActorKind.PUBLIC,
            scope=frozenset(workspace_ids),
            request_id=self.request_id,
            address=self.address,
        )

    def myself(self, *workspace_ids: UUID, role: str = "") -> Actor:
        """The account that asks, acting in these workspaces."""
        return Actor(
            ActorKind.ACCOUNT,
            scope=frozenset(workspace_ids),
            id=self.account.account_id if self.account else None,
            role=role,
            request_id=self.request_id,
            address=self.address,
        )


# Rules


def safe_next(path: str | None, otherwise: str = "/") -> str:
    """A path of ours to go on to; never another site."""
    if not path or not path.startswith("/") or path[1:2] in {"/", "\\"}:
        return otherwise
    if not path.isprintable() or "\\" in path:
        return otherwise
    return path


def asked_language(query: str) -> str | None:
    if "lang=" not in query:
        return None
    asked = parse_qs(query).get("lang", [""])[-1]
    return asked if asked in LANGUAGES else None


async def asking_of(connection: AnyConnection) -> Asking:
    """What is known of this request, with the account behind its cookie if there is one."""
    asking: Asking = connection.scope["state"]["asking"]
    if not asking.looked:
        asking.looked = True
        token = asking.cookies.get(SESSION_COOKIE, "")
        if token:
            asking.account = await signed_in(token[:100], now=asking.now)
            asking.token = token if asking.account else ""
        if asking.account and not _has_chosen(asking):
            asking.lang = asking.account.language
            spoken.set(asking.lang)
    return asking


def _has_chosen(asking: Asking) -> bool:
    return bool(asked_language(asking.query)) or LANGUAGE_COOKIE in asking.cookies


# Answers


def page(
    asking: Asking,
    template: str,
    /,
    *,
    status: int = 200,
    **context: Any,  # noqa: ANN401
) -> Response[str]:
    """A page of ours, in the reader's language."""
    # Whoever found the account may have done so in another task, with its own context.
    spoken.set(asking.lang)
    said, gone = _said(asking)
    shown = {
        "lang": asking.lang,
        "csrf_token": asking.csrf,
        "lang_links": _lang_links(asking),
        # A refusal repeats nothing of what was asked.
        "page_address": "" if status >= 400 else _address(asking),  # noqa: PLR2004
        "said": said,
        "workspace": asking.seat,
        **_frame(asking),
        **context,
    }
    look = shown["workspace"]
    if look is not None:
        shown.setdefault("brand_href", brand_href(look))
    html = render(template, **shown)
    return Response(html, media_type="text/html", status_code=status, cookies=gone)


def _address(asking: Asking) -> str:
    """The whole address of this page; "" for a path that looks like another site's."""
    if asking.path.startswith("//"):
        return ""
    return asking.settings.origin + quote(asking.path, errors="replace")


def brand_href(look: Look | Seat) -> str:
    """Where a workspace's colour is served; another colour has another address."""
    return f"/w/{look.slug}/brand.css?v={look.color.removeprefix('#')}"


def home_of(seat: Seat) -> str:
    """The first page of this role in this workspace."""
    if seat.role in TEAM:
        return f"/w/{seat.slug}"
    if seat.role is Role.DOOR:
        return f"/w/{seat.slug}/doors"
    own = {Role.SPONSOR: "/portal", Role.AMBASSADOR: "/ambassador"}.get(seat.role)
    return f"{own}/{seat.slug}" if own else "/account"


def _frame(asking: Asking) -> dict[str, Any]:
    account = asking.account
    seat = asking.seat
    return {
        "account": {
            "name": account.name or account.email,
            "role": str(ROLE_NAMES[seat.role]) if seat else "",
        }
        if account
        else None,
        "workspaces": [
            {
                "name": one.name,
                "initial": one.name[:1].upper(),
                "href": home_of(one),
                "current": one is seat,
            }
            for one in asking.seats
        ],
        "nav": _nav(asking, seat.slug) if seat and seat.role in TEAM else [],
        "is_archived": seat is not None and seat not in asking.seats,
        "home_href": home_of(seat) if seat else "/",
        "settings_href": f"/w/{seat.slug}/settings" if seat and seat.role in OWNERS else "",
        "search_href": f"/w/{seat.slug}/people" if seat and seat.role in TEAM else "",
        "account_href": "/account" if account else "",
        "signout_href": "/sign-out" if account else "",
        "has_mailbox": asking.settings.has_mailbox,
    }


def _nav(asking: Asking, slug: str) -> list[dict[str, object]]:
    """The rail of the organiser's pages."""
    links = (
        ("", lazy("Home"), "home", ()),
        ("/meetups", lazy("Meetups"), "calendar", ("/series", "/venues", "/budgets")),
        ("/people", lazy("People"), "people", PEOPLE),
        ("/sponsors", lazy("Sponsors"), "gift", SPONSORS),
        ("/reports", lazy("Reports"), "chart", ()),
    )
    here = asking.path.removeprefix(f"/w/{slug}")
    return [
        {
            "href": f"/w/{slug}{path}",
            "label": str(label),
            "icon": icon,
            "current": any(
                here == one or bool(one and here.startswith(f"{one}/"))
                for one in (path, *also)
            ),
        }
        for path, label, icon, also in links
    ]


def _lang_links(asking: Asking) -> list[tuple[str, str, str]]:
    kept = [
        part for part in asking.query.split("&") if part and not part.startswith("lang=")
    ]
    return [
        # Without a path: the page's own address, which may look like another site's.
        (code, LANGUAGE_NAMES[code], f"?{'&'.join([*kept, f'lang={code}'])}")
        for code in LANGUAGES
        if code != asking.lang
    ]


def away(
    asking: Asking, path: str, *, said: str | None = None, tone: str = "good"
) -> Response[None]:
    """Go on to another page of ours, which will say what was done."""
    response: Response[None] = Response(None, status_code=303)
    response.headers["location"] = quote(
        safe_next(path), safe="/?&=#%:@+,;~!$'()*", errors="replace"
    )
    if said:
        response.set_cookie(
            Cookie(
                SAID_COOKIE,
                value=_sealed(asking.settings, {"text": said, "tone": tone}),
                path="/",
                max_age=60,
                secure=True,
                httponly=True,
                samesite="lax",
            )
        )
    return response


def _sealed(settings: Settings, value: dict[str, str]) -> str:
    body = base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
    return f"{body}.{_seal(settings, body)}"


def _seal(settings: Settings, body: str) -> str:
    return hmac.digest(
        settings.secret_key, b"apero said v1 " + body.encode(), "sha256"
    ).hex()


def _said(asking: Asking) -> tuple[dict[str, str] | None, list[Cookie]]:
    """What the last act wants said, once; a cookie that is not ours says nothing."""
    cookie = asking.cookies.get(SAID_COOKIE, "")
    if not cookie:
        return None, []
    gone = [Cookie(SAID_COOKIE, value="", path="/", max_age=0, secure=True, httponly=True)]
    body, _, seal = cookie.partition(".")
    if not hmac.compare_digest(seal.encode(), _seal(asking.settings, body).encode()):
        return None, gone
    said: dict[str, str] = json.loads(
        base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    )
    return said, gone


async def typed(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """What was typed, field by field: text once or, where it came several times, a list."""
    if request.content_type[0] == "application/json":
        try:
            body = await request.json()
        except Exception as error:
            raise Invalid(body=lazy("This is not JSON.")) from error
        if not isinstance(body, dict):
            raise Invalid(body=lazy("Send a JSON object."))
        return body
    return {
        name: values[0] if len(values) == 1 else values
        for name, values in (await form_of(request)).dict().items()
    }


def key_of(text: str | None) -> UUID | None:
    """Where a list is read on; what is no key leads nowhere (NotFound)."""
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise NotFound from error


async def form_of(request: Request[Any, Any, Any]) -> FormMultiDict:
    """The form that was sent; refused when nobody could read or fill it."""
    try:
        form = await request.form()
    except LookupError as error:
        raise Invalid(body=lazy("This form cannot be read.")) from error
    if len(form) > MOST_FIELDS:
        raise Invalid(body=lazy("This form cannot be read."))
    return form


async def public_look(asking: Asking, slug: str) -> Look:
    """The workspace of a public address; what follows is said in one of its languages."""
    found = await look(slug)
    _speak(asking, found)
    return found


def _speak(asking: Asking, workspace: Look) -> None:
    if asking.lang not in workspace.languages:
        asking.lang = workspace.language
        spoken.set(asking.lang)


def in_workspace_frame(asking: Asking, workspace: Look) -> dict[str, Any]:
    """What a public page of this workspace shows around its content."""
    _speak(asking, workspace)
    home = f"/m/{workspace.slug}"
    links = (
        (workspace.has_charter, lazy("Charter"), f"{home}/charter"),
        (
            workspace.has_ambassadors,
            lazy("Become an ambassador"),
            f"{home}/ambassadors/apply",
        ),
    )
    return {
        "lang_links": [one for one in _lang_links(asking) if one[0] in workspace.languages],
        "workspace": workspace,
        "home_href": home,
        "agenda_href": home,
        "foot_links": [(str(label), href) for shown, label, href in links if shown],
    }
