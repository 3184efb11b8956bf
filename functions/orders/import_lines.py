"""Lines of an imported file, each a request to create an order: NDJSON or CSV, in UTF-8.

NDJSON has the body of POST /orders (of version 1 of the API) on each line. CSV (RFC 4180, but no
field spans lines) begins with a line of column names: `customerName`, and either `items` with the
JSON array of a body or `sku`, `qty` and `price`, of further items `sku2`, `qty2`, `price2` and so
on. An item whose three fields are empty is none.

A line ends in LF or CRLF. A byte order mark before the first line is no part of it.
"""

import csv
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..toolkit import json_text
from ..toolkit.problems import Problem
from . import problems
from .order import Order
from .representations import v1

# Bytes, as of a request's body: the longest valid order is about 90 KB.
LONGEST_LINE = 262_144

_MARK = b"\xef\xbb\xbf"
_ITEM_COLUMN = re.compile(r"(sku|qty|price)([2-9]|[1-9][0-9])?")
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")

# A field can be as long as a line.
csv.field_size_limit(LONGEST_LINE)


class Line(NamedTuple):
    """A line as it stands in the file: its bytes without their end, None of one that is too long,
    and the offset behind it."""

    content: bytes | None
    end: int


class Lines:
    """Cuts the blocks of a file into lines; holds one line and one block at most."""

    def __init__(self, offset: int) -> None:
        self._end = offset  # behind the last whole line
        self._rest = b""
        self._skipped = 0  # bytes of a line that is too long, which are gone

    def feed(self, block: bytes) -> Iterator[Line]:
        """The lines that end in the block."""
        begin = 0
        while (found := block.find(b"\n", begin)) >= 0:
            yield self._line(block[begin:found], 1)
            begin = found + 1
        self._keep(block[begin:])

    def last(self) -> Iterator[Line]:
        """The line that ends with the file, if the file does not end in a line feed."""
        if self._rest or self._skipped:
            yield self._line(b"", 0)

    def _line(self, piece: bytes, feed: int) -> Line:
        self._keep(piece)
        content, length = self._rest, len(self._rest) + self._skipped
        too_long = self._skipped > 0
        self._rest, self._skipped = b"", 0
        begin, self._end = self._end, self._end + length + feed
        if too_long:
            return Line(None, self._end)
        if begin == 0:
            content = content.removeprefix(_MARK)
        return Line(content.removesuffix(b"\r"), self._end)

    def _keep(self, piece: bytes) -> None:
        # Room for the mark before the line and the return behind it.
        if self._skipped or len(self._rest) + len(piece) > LONGEST_LINE + len(_MARK) + 1:
            self._skipped += len(self._rest) + len(piece)
            self._rest = b""
        else:
            self._rest += piece


def is_known(key: str) -> bool:
    """Whether a file's name says that it is of a kind that is read here."""
    return key.lower().endswith((".ndjson", ".jsonl", ".csv"))


def is_csv(key: str) -> bool:
    """Whether a file's name says that it is CSV."""
    return key.lower().endswith(".csv")


def columns(line: Line) -> list[str]:
    """The columns that a CSV file's first line names; raises Problem."""
    names = [name.strip() for name in _fields(text(line))]
    flaws = [
        *(f"the column {name!r} is not known" for name in names if not _known(name)),
        *(
            f"the column {name!r} appears twice"
            for name in sorted(set(names))
            if names.count(name) > 1
        ),
        *(["items stand in `items` or in columns of their own"] if _twice(names) else []),
        *(f"the column {name!r} is missing" for name in _missing(names)),
    ]
    if flaws:
        raise Problem(problems.UNREADABLE_LINE, f"In the line of columns {', '.join(flaws[:10])}.")
    return names


def text(line: Line) -> str:
    """A line as text; raises Problem."""
    if line.content is None or len(line.content) > LONGEST_LINE:
        raise Problem(problems.LINE_TOO_LONG, f"A line may have at most {LONGEST_LINE} bytes.")
    try:
        found = line.content.decode()
    except UnicodeDecodeError:
        raise Problem(problems.UNREADABLE_LINE, "The line is not text in UTF-8.") from None
    if "\ufffd" in found:
        raise Problem(
            problems.UNREADABLE_LINE, "The line holds U+FFFD, which stands for what is not UTF-8."
        )
    if not found.strip():
        raise Problem(problems.UNREADABLE_LINE, "The line is empty.")
    return found


def read(line: Line, names: list[str] | None) -> Order:
    """The order of a line, of NDJSON without and of CSV with names of columns; raises Problem."""
    value = _json(text(line)) if names is None else _record(text(line), names)
    return v1.reader()(value)


def _json(found: str) -> Any:
    try:
        return json_text.parse(found)
    except json_text.UnreadableError as error:
        detail = f"The line is not valid JSON: {error}."
        raise Problem(problems.UNREADABLE_LINE, detail) from None


def _record(found: str, names: list[str]) -> dict[str, Any]:
    fields = _fields(found)
    if len(fields) != len(names):
        raise Problem(
            problems.UNREADABLE_LINE,
            f"The line has {len(fields)} fields, and there are {len(names)} columns.",
        )
    row = dict(zip(names, fields, strict=True))
    if "items" in row:
        return {"customerName": row["customerName"], "items": _json(row["items"])}
    items = [
        {name: row[name + number] for name in ("sku", "qty", "price")} for number in _numbers(names)
    ]
    return {
        "customerName": row["customerName"],
        "items": [
            {"sku": item["sku"], "qty": _number(item["qty"]), "price": _number(item["price"])}
            for item in items
            if any(item.values())
        ],
    }


def _fields(found: str) -> list[str]:
    try:
        (fields,) = csv.reader([found], strict=True)
    except (csv.Error, ValueError):
        detail = "The line is not CSV: a quoted field ends on its line, with a quote and a comma."
        raise Problem(problems.UNREADABLE_LINE, detail) from None
    return fields


def _number(field: str) -> Any:
    """A field as JSON's number; as text, which the check then names, where it is none."""
    return json_text.parse(field) if _NUMBER.fullmatch(field.strip()) else field


def _known(name: str) -> bool:
    return name in ("customerName", "items") or bool(_ITEM_COLUMN.fullmatch(name))


def _twice(names: list[str]) -> bool:
    return "items" in names and any(map(_ITEM_COLUMN.fullmatch, names))


def _numbers(names: list[str]) -> list[str]:
    """What follows `sku`, `qty` or `price` in the columns, the first item's empty, in order."""
    found = {match[2] or "" for name in names if (match := _ITEM_COLUMN.fullmatch(name))}
    return sorted(found, key=lambda number: int(number or 1))


def _missing(names: list[str]) -> Iterator[str]:
    if "customerName" not in names:
        yield "customerName"
    if "items" not in names:
        for number in _numbers(names) or [""]:
            yield from (n + number for n in ("sku", "qty", "price") if n + number not in names)
