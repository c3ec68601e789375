"""Sheets: a delimited text file from anywhere, read row by row or refused with a sentence.

Encodings, delimiters and heading rows are found out, not asked for. What could exhaust
the machine is refused before it is read: a sheet has limits on its size, rows, columns
and cells, and quotes that never close do not swallow the rest of the file. The dialect is
RFC 4180 with the delimiters that spreadsheets really write.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from server.errors import Invalid
from server.i18n import Lazy, lazy

LARGEST_FILE = 64 * 1024 * 1024
MOST_ROWS = 1_000_000
MOST_COLUMNS = 200
LONGEST_CELL = 100_000
LONGEST_ROW = 1_000_000

_DELIMITERS = (",", ";", "\t", "|")
_QUOTED = re.compile(r'"[^"]*"')
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_DIRECTIVE = re.compile(r"\s*sep=(.)\s*", re.IGNORECASE)


class UnreadableFile(Invalid):
    """The file cannot be read; its message says why and what to do."""

    def __init__(self, sentence: str | Lazy) -> None:
        super().__init__(file=sentence)
        self.sentence = sentence

    def __str__(self) -> str:
        return str(self.sentence)


@dataclass(frozen=True)
class Sheet:
    """A readable file: how it is written, its headings, and its rows on demand."""

    content: bytes = field(repr=False)
    encoding: str
    delimiter: str
    headings: list[str]
    size: int

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Each row that says something, with its line in the file."""
        records = _records(self.content, self.encoding, self.delimiter)
        next(records)
        return records


def read(content: bytes) -> Sheet:
    """The file as a sheet, walked through once. Raises UnreadableFile."""
    if len(content) > LARGEST_FILE:
        raise UnreadableFile(lazy("The file is larger than 64 MB. Split it in two."))
    if content.startswith(_WORKBOOKS):
        raise UnreadableFile(
            lazy("This is a workbook. Save the sheet as CSV and bring that file.")
        )
    encoding = _encoding(content)
    delimiter = _delimiter(content, encoding)
    records = _records(content, encoding, delimiter)
    first = next(records, None)
    if first is None:
        raise UnreadableFile(lazy("The file is empty."))
    headings = first[1]
    size = sum(1 for _ in records)
    return Sheet(content, encoding, delimiter, headings, size)


def _encoding(content: bytes) -> str:
    """UTF-8 or UTF-16 by their marks, UTF-8 by its form, else the old Western one."""
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in content:
        raise UnreadableFile(lazy("This is not a text file: it holds NUL bytes."))
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(content), 1 << 20):
            decoder.decode(content[start : start + (1 << 20)])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        undefined = any(content.count(byte) for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D))
        return "latin-1" if undefined else "cp1252"
    return "utf-8"


def _delimiter(content: bytes, encoding: str) -> str:
    """The sign that stands most often between the headings."""
    for line in _Lines(content, encoding, ","):
        directive = _DIRECTIVE.fullmatch(line)
        if directive:
            return directive[1]
        if line.strip():
            bare = _QUOTED.sub("", line)
            return max(_DELIMITERS, key=bare.count)
    return ","


class _Lines:
    """The physical lines of a file, none of them longer than a row may be."""

    def __init__(self, content: bytes, encoding: str, delimiter: str) -> None:
        self.text = io.TextIOWrapper(io.BytesIO(content), encoding=encoding, newline="")
        self.delimiter = delimiter
        self.number = 0
        self.length = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            line = self.text.readline(LONGEST_ROW + 1)
        except UnicodeError as error:
            raise UnreadableFile(
                lazy("The letters of this file cannot be read. Save it as UTF-8.")
            ) from error
        if not line:
            raise StopIteration
        self.number += 1
        self.length += len(line)
        if self.length > LONGEST_ROW:
            raise self._too_long(line)
        if "\0" in line:
            raise UnreadableFile(lazy("This is not a text file: it holds NUL bytes."))
        return line

    def _too_long(self, line: str) -> UnreadableFile:
        if line.count(self.delimiter) > MOST_COLUMNS:
            return _too_wide(self.number)
        return UnreadableFile(
            lazy("Line %(line)s is too long. Is a quote opened and never closed?")
            % {"line": self.number}
        )


def _too_wide(line: int) -> UnreadableFile:
    return UnreadableFile(lazy("Line %(line)s has more than 200 columns.") % {"line": line})


def _records(
    content: bytes, encoding: str, delimiter: str
) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not blank, headings first, each with the line it begins on."""
    lines = _Lines(content, encoding, delimiter)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    number, begins = 0, 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise _badly_quoted(str(error), begins) from error
        here, begins = begins, lines.number + 1
        _check(row, here, lines.length)
        lines.length = 0
        if number == 0 and _DIRECTIVE.fullmatch(delimiter.join(row)):
            continue
        if any(row) and any(cell.strip() for cell in row):
            number += 1
            if number > MOST_ROWS + 1:
                raise UnreadableFile(
                    lazy("The file has more than 1,000,000 rows. Split it in two.")
                )
            yield here, row


def _check(row: list[str], line: int, length: int) -> None:
    if len(row) > MOST_COLUMNS:
        raise _too_wide(line)
    if length > LONGEST_CELL and any(len(cell) > LONGEST_CELL for cell in row):
        raise UnreadableFile(
            lazy("A cell on line %(line)s is longer than 100,000 characters.")
            % {"line": line}
        )


def _badly_quoted(reason: str, line: int) -> UnreadableFile:
    """What the reader of quotes stumbled on, in the reader's words."""
    if "field limit" in reason:
        return UnreadableFile(
            lazy("A cell on line %(line)s is too long. Is a quote never closed?")
            % {"line": line}
        )
    if "unexpected end" in reason:
        return UnreadableFile(
            lazy("A quote is opened on line %(line)s and never closed.") % {"line": line}
        )
    return UnreadableFile(
        lazy("The quotes on line %(line)s cannot be read: double those inside a cell.")
        % {"line": line}
    )
