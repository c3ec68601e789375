"""Lists as files: CSV that a spreadsheet opens without running anything in it."""

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Protocol, TypeVar
from uuid import UUID

from litestar import Response
from litestar.response import Stream

from server.audit import Actor
from server.database import scoped
from server.rendering import content_disposition, safe_text

PIECE = 500  # rows of a long list that are read at once
MARK = "\ufeff".encode()  # tells a spreadsheet that this is UTF-8
CSV = "text/csv"
# What a spreadsheet runs as a formula, full-width forms included (OWASP, CSV injection).
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001


class Keyed(Protocol):
    """A line with the key its list is read on after."""

    @property
    def id(self) -> UUID: ...


Line = TypeVar("Line", bound=Keyed)


def safe_cell(value: object) -> str:
    """A cell that no spreadsheet runs as a formula."""
    text = "" if value is None else str(value)
    return f"'{safe_text(text)}" if text.startswith(RISKY) else safe_text(text)


def row(cells: Iterable[object], separator: str = ",") -> bytes:
    """One line of the file."""
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerow([safe_cell(cell) for cell in cells])
    return out.getvalue().encode()


def sheet(
    filename: str,
    head: Iterable[object],
    rows: Iterable[Iterable[object]],
    separator: str = ",",
) -> Response[bytes]:
    """A short list as a file."""
    lines = (row(cells, separator) for cells in rows)
    content = MARK + row(head, separator) + b"".join(lines)
    return Response(content, media_type=CSV, headers=_named(filename))


def stream(
    filename: str,
    head: Iterable[object],
    pieces: AsyncIterator[Iterable[Sequence[object]]],
    separator: str = ",",
) -> Stream:
    """A long list as a file, in pieces, as it is read."""

    async def lines() -> AsyncIterator[bytes]:
        yield MARK + row(head, separator)
        async for piece in pieces:
            yield b"".join(row(cells, separator) for cells in piece)

    return Stream(lines(), media_type=CSV, headers=_named(filename))


def table(
    name: str,
    head: Sequence[str],
    read: Callable[[UUID | None, int], Awaitable[list[Line]]],
    cells: Callable[[Line], Sequence[object]],
    *,
    by: Actor,
) -> Stream:
    """The whole list as CSV; `read` gives some lines after a key."""

    async def pieces() -> AsyncIterator[list[Sequence[object]]]:
        after: UUID | None = None
        while True:
            async with scoped(by, readonly=True):
                found = await read(after, PIECE)
            yield [cells(one) for one in found]
            if len(found) < PIECE:
                return
            after = found[-1].id

    return stream(name, head, pieces())


def _named(filename: str) -> dict[str, str]:
    return {"content-disposition": content_disposition(filename)}
