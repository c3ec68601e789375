"""Logs: one line an occurrence, structured, with the request's id and no personal data."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, ClassVar

from server.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
ADDRESS = re.compile(r"[^\s@<>()=\"']+@[^\s@<>()\"']+")
QUOTED = re.compile(r"^(DETAIL:|CONTEXT:).*$", re.MULTILINE)


def discreet(text: str) -> str:
    """Take out what speaks of a person: addresses, and the values PostgreSQL quotes."""
    return ADDRESS.sub("…@…", QUOTED.sub(r"\1 …", text))


class JsonLines(logging.Formatter):
    """Each record as one JSON object; what a library says is kept, what it knows is not."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            "log": record.name,
            "said": discreet(record.getMessage()),
        }
        line |= {
            name: value for name, value in vars(record).items() if name not in _STANDARD
        }
        if record.exc_info:
            line["trace"] = discreet(self.formatException(record.exc_info))
        return json.dumps(line, default=str, ensure_ascii=False)


class Readable(logging.Formatter):
    """The same for a person at a terminal."""

    SHOWN: ClassVar = ("method", "route", "status", "ms", "reason", "job", "request")

    def format(self, record: logging.LogRecord) -> str:
        told = [
            f"{name}={value}"
            for name in self.SHOWN
            if (value := vars(record).get(name)) is not None
        ]
        said = f"{record.name} {record.getMessage()} {' '.join(told)}"
        text = f"{record.levelname.lower():7} {said}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return text.rstrip()


def set_up(settings: Settings) -> None:
    """Send every log to standard error, in the form the environment wants."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if settings.is_production else Readable())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    # These speak of addresses, payloads and session ids at INFO.
    for name in (
        "httpx",
        "stripe",
        "pgqueuer",
        "uvicorn.access",
        "weasyprint",
        "fontTools",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)
    if not settings.is_production:
        logging.getLogger("apero.web").setLevel(logging.WARNING)
