"""Settings: everything that may differ between two installations, read once at start.

Values come from the environment; a secret may come from a file named by `<NAME>_FILE`.
Production refuses to start with a setting that would weaken the walls of the house.
"""

import hashlib
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SHORTEST_SECRET = 32
FEWEST_LETTERS = 8
LOG_LEVELS = ("debug", "info", "warning", "error")


class Environment(StrEnum):
    PRODUCTION = "production"
    DEVELOPMENT = "development"
    DEMO = "demo"
    TEST = "test"


class BadSettings(Exception):
    """The house refuses to start; the message says which setting to mend and how."""


@dataclass(frozen=True)
class Settings:
    """One frozen set of settings; `docs/running.md` describes each."""

    environment: Environment = Environment.PRODUCTION
    data: Path = Path("data")
    database_url: str | None = field(default=None, repr=False)
    app_database_url: str | None = field(default=None, repr=False)
    report_database_url: str | None = field(default=None, repr=False)
    secret_key: bytes = field(default=b"", repr=False)
    previous_secret_key: bytes | None = field(default=None, repr=False)
    origin: str = "http://127.0.0.1:8000"
    host: str = "127.0.0.1"
    port: int = 8000
    metrics_port: int = 0
    trusted_proxies: tuple[Any, ...] = ()  # networks; Litestar cannot read their union
    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str = "apero@localhost"
    pool_size: int = 10
    pdf_workers: int = 2
    open_sign_up: bool = True
    is_debug: bool = False
    log_level: str = "info"
    secret_is_generated: bool = field(default=False, compare=False)

    @property
    def is_production(self) -> bool:
        return self.environment is Environment.PRODUCTION

    @property
    def has_mailbox(self) -> bool:
        """May a page show every letter sent, so that links can be clicked?"""
        return self.environment in {Environment.DEMO, Environment.DEVELOPMENT}

    @property
    def has_test_clock(self) -> bool:
        """May a header set the time? Only where nobody's real evening is at stake."""
        return self.environment is Environment.TEST

    @property
    def may_seed(self) -> bool:
        return self.environment in {Environment.TEST, Environment.DEMO}


def _secret(env: Mapping[str, str], name: str) -> str | None:
    """A secret, from the variable or from the file that `<NAME>_FILE` names."""
    if path := env.get(f"{name}_FILE"):
        try:
            return Path(path).read_text().strip() or None
        except OSError as error:
            message = f"{name}_FILE names {path}, which cannot be read: {error.strerror}."
            raise BadSettings(message) from error
    return env.get(name) or None


def _instance_key(data: Path) -> bytes:
    """The key of this installation, made once and kept in its data folder."""
    path = data / "secret.key"
    if not path.exists():
        data.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=data, prefix=".secret-")  # for its owner only
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(48))
        # A link is made whole or not at all; of two that start together one comes first.
        with suppress(FileExistsError):
            os.link(draft, path)
        Path(draft).unlink()
    return path.read_text().strip().encode()


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """The proxies named one by one; a star would believe anybody."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    try:
        networks = tuple(ip_network(name, strict=False) for name in names if name != "*")
    except ValueError as error:
        message = f"APERO_TRUSTED_PROXIES: {error}"
        raise BadSettings(message) from error
    if "*" in names or any(network.prefixlen == 0 for network in networks):
        message = "APERO_TRUSTED_PROXIES must name addresses, never * or everybody."
        raise BadSettings(message)
    return networks


def _number(env: Mapping[str, str], name: str, otherwise: int) -> int:
    text = env.get(name) or str(otherwise)
    try:
        return int(text)
    except ValueError as error:
        message = f"{name} must be a whole number, not {text!r}."
        raise BadSettings(message) from error


def _yes(env: Mapping[str, str], name: str, *, otherwise: bool) -> bool:
    """A setting that is on or off."""
    text = (env.get(name) or "").lower()
    return text not in {"0", "no", "off", "false"} if text else otherwise


def read(env: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises BadSettings with a sentence to act on."""
    env = os.environ if env is None else env
    try:
        environment = Environment(env.get("APERO_ENV") or "production")
    except ValueError as error:
        message = f"APERO_ENV must be one of {', '.join(Environment)}."
        raise BadSettings(message) from error
    data = Path(env.get("APERO_DATA") or "data").expanduser().absolute()
    port = _number(env, "PORT", 8000)
    given = _secret(env, "APERO_SECRET_KEY")
    previous = _secret(env, "APERO_PREVIOUS_SECRET_KEY")
    settings = Settings(
        environment=environment,
        data=data,
        database_url=_secret(env, "APERO_DATABASE_URL"),
        app_database_url=_secret(env, "APERO_APP_DATABASE_URL"),
        report_database_url=_secret(env, "APERO_REPORT_DATABASE_URL"),
        secret_key=given.encode() if given else _instance_key(data),
        previous_secret_key=previous.encode() if previous else None,
        origin=(env.get("APERO_ORIGIN") or f"http://127.0.0.1:{port}").rstrip("/"),
        host=env.get("APERO_HOST") or "127.0.0.1",
        port=port,
        metrics_port=_number(env, "APERO_METRICS_PORT", 0),
        trusted_proxies=_networks(env.get("APERO_TRUSTED_PROXIES", "")),
        smtp_url=_secret(env, "APERO_SMTP_URL"),
        mail_from=env.get("APERO_MAIL_FROM") or "apero@localhost",
        pool_size=_number(env, "APERO_POOL_SIZE", 10),
        pdf_workers=_number(env, "APERO_PDF_WORKERS", 2),
        open_sign_up=_yes(
            env, "APERO_OPEN_SIGN_UP", otherwise=environment is not Environment.PRODUCTION
        ),
        is_debug=_yes(env, "APERO_DEBUG", otherwise=False),
        log_level=(env.get("APERO_LOG_LEVEL") or "info").lower(),
        secret_is_generated=given is None,
    )
    check(settings)
    return settings


def check(settings: Settings) -> None:
    """Refuse what would weaken the walls. Raises BadSettings."""
    problems = []
    if len(settings.secret_key) < SHORTEST_SECRET:
        problems.append("APERO_SECRET_KEY needs at least 32 characters.")
    previous = settings.previous_secret_key
    if previous and _key_byte(previous) == _key_byte(settings.secret_key):
        problems.append(
            "APERO_SECRET_KEY must be replaced by another one: tickets could not tell it"
            " from APERO_PREVIOUS_SECRET_KEY."
        )
    if urlsplit(settings.origin).scheme not in {"http", "https"}:
        problems.append("APERO_ORIGIN must start with https:// (or http:// for a try-out).")
    if settings.log_level not in LOG_LEVELS:
        problems.append(f"APERO_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}.")
    if settings.pool_size < 1 or settings.pdf_workers < 1:
        problems.append("APERO_POOL_SIZE and APERO_PDF_WORKERS must be at least 1.")
    if settings.is_production:
        problems += _production_problems(settings)
    if problems:
        raise BadSettings("\n".join(problems))


def _key_byte(secret: bytes) -> int:
    """How a ticket names the secret it was printed with."""
    return hashlib.sha256(secret).digest()[0]


def _production_problems(settings: Settings) -> list[str]:
    problems = []
    if settings.is_debug:
        problems.append("APERO_DEBUG must be off in production.")
    if not settings.origin.startswith("https://"):
        problems.append(
            "APERO_ORIGIN must be the https:// address people use, in production. "
            "To try Apéro out, set APERO_ENV=demo."
        )
    if (
        b"change" in settings.secret_key.lower()
        or len(set(settings.secret_key)) < FEWEST_LETTERS
    ):
        problems.append("APERO_SECRET_KEY looks like an example; make one of your own.")
    if settings.smtp_url is None:
        problems.append("APERO_SMTP_URL is missing: nobody would receive a ticket.")
    return problems
