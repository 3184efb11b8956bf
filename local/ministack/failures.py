"""A function's failure as people read it: what was raised, where in its own code, and what it met.

Nothing of what a customer sent is taken over, but for the message of an exception that the
function let through.
"""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Any

_FRAME = re.compile(
    r'^ *File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>.+)$', re.MULTILINE
)
_LOGGED = re.compile(r"^(?P<name>.+) \((?P<file>.+):(?P<line>\d+)\)$")


def raised(text: str, handler: str) -> tuple[str, str]:
    """The exception's type and message, and the frames of the function's own code, a line each
    with the innermost last, of the last traceback in `text`; both empty without one."""
    _, marker, trace = text.rpartition("Traceback (most recent call last):\n")
    if not marker:
        return "", ""
    told = [line for line in trace.splitlines() if line and not line.startswith(" ")]
    frames = [(each["file"], each["line"], each["name"]) for each in _FRAME.finditer(trace)]
    return " ".join(told), "\n".join(_own(frames, handler))


def raised_type(text: str) -> str:
    """The name of the class of the exception of the last traceback in `text`; empty without one."""
    _, marker, trace = text.rpartition("Traceback (most recent call last):\n")
    found = re.search(r"^([\w.]+)(?=:|$)", trace, re.MULTILINE) if marker else None
    return found[1].rpartition(".")[2] if found else ""


def logged(line: str, handler: str) -> tuple[str, str] | None:
    """The same of a line at the level ERROR that names an exception (`toolkit.telemetry`)."""
    try:
        said = json.loads(line)
        if said["level"] != "ERROR" or not said["error"]:
            return None
        found = [_LOGGED.match(str(frame)) for frame in said["raised_at"]]
    except (ValueError, KeyError, TypeError):
        return None
    frames = [(each["file"], each["line"], each["name"]) for each in found if each]
    return str(said["error"]), "\n".join(_own(frames, handler))


def _own(frames: list[tuple[str, str, str]], handler: str) -> list[str]:
    """Frames below the folder that holds the handler's package, told from there."""
    top = handler.partition(".")[0].partition("/")[0]
    own = []
    for file, line, name in frames:
        parts = PurePosixPath(file).parts
        # From the end: a folder of the same name may be above the code.
        index = max((i for i, part in enumerate(parts) if part in (top, f"{top}.py")), default=-1)
        if index >= 0:
            own.append(f"{'/'.join(parts[index:])}:{line} in {name}")
    return own


def met(event: Any) -> str:
    """What a function was invoked with, by the ids that it has."""
    if not isinstance(event, dict):
        return "an event"
    http = _at(event, "requestContext", "http")
    if isinstance(http, dict):
        request = _at(event, "requestContext", "requestId")
        return f"{http.get('method')} {http.get('path')} (request {request})"
    records = _records(event)
    if records:
        ids = [str(_record_id(each)) for each in records]
        more = f" and {len(ids) - 1} more" if len(ids) > 1 else ""
        origin = _at(records[0], "eventSource") or "a record"
        return f"{origin} {ids[0]}{more}"
    origin = event.get("source") or event.get("detail-type")
    return f"an event of {origin}" if origin else "an event"


def source(event: Any) -> tuple[str, str]:
    """Where an event came from, and the ids of what is in it, in one text."""
    if not isinstance(event, dict):
        return "", ""
    if isinstance(_at(event, "requestContext", "http"), dict):
        return "api", str(_at(event, "requestContext", "requestId") or "")
    records = _records(event)
    if not records:
        return str(event.get("source") or ""), str(event.get("id") or "")
    ids = ", ".join(str(_record_id(each)) for each in records)
    return str(_at(records[0], "eventSource") or ""), ids


def orders(event: Any) -> str:
    """The order ids that the messages or stream records of a batch name, each once."""
    found = dict.fromkeys(_order(each) for each in _records(event))
    return ", ".join(each for each in found if each)


def order(body: Any) -> str:
    """The id of the order that a message is about, by its body; empty where it names none."""
    try:
        detail = _at(json.loads(body), "detail")
    except (ValueError, TypeError):
        return ""
    named = _at(detail, "id") or _at(detail, "orderId")
    return named if isinstance(named, str) else ""


def _order(record: Any) -> str:
    key = _at(record, "dynamodb", "Keys", "id", "S")
    return key if isinstance(key, str) else order(_at(record, "body"))


def _records(event: Any) -> list[Any]:
    records = event.get("Records") if isinstance(event, dict) else None
    return records if isinstance(records, list) else []


def _record_id(record: Any) -> Any:
    return _at(record, "messageId") or _at(record, "eventID") or _at(record, "s3", "object", "key")


def _at(value: Any, *path: str) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value
