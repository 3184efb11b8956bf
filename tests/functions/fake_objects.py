"""S3 and Lambda on the wire, as far as import_orders uses them: the REST half of `FakeAws`.

An object of the bucket keeps its versions; one that is listed in `made` is made as it is read, so
that a large one takes no memory here.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

# S3's own, below which it takes no part but the last.
SMALLEST_PART = 5 * 1024 * 1024

Made = Callable[[int, int], bytes]  # the bytes from an offset up to another one


@dataclass
class FakeObjects:
    """One bucket, and what was invoked."""

    versions: dict[tuple[str, str], bytes] = field(default_factory=dict)  # of key and version
    made: dict[tuple[str, str], Made] = field(default_factory=dict)
    written: dict[str, bytes] = field(default_factory=dict)
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)  # of what was written
    invoked: list[dict[str, Any]] = field(default_factory=list)
    invocations: list[tuple[str, str]] = field(default_factory=list)  # of whom, and how
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)

    def lines(self, key: str) -> list[dict[str, Any]]:
        """The JSON lines of an object that was written."""
        return [json.loads(line) for line in self.written[key].splitlines()]


def operation(method: str, target: str) -> str:
    """The name of the operation that a request without X-Amz-Target asks for."""
    query = dict(parse_qsl(urlsplit(target).query, keep_blank_values=True))
    if target.endswith("/invocations"):
        return "Invoke"
    if method == "POST":
        return "CreateMultipartUpload" if "uploads" in query else "CompleteMultipartUpload"
    if method == "PUT":
        return "UploadPart" if "partNumber" in query else "PutObject"
    return "GetObject"


def invoked(
    invoke: Callable[[str, Any], Any], target: str, body: bytes
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of an invocation that waits for what the function returns."""
    function = unquote(urlsplit(target).path).split("/")[-2]
    try:
        return 200, json.dumps(invoke(function, json.loads(body))).encode(), {}
    except Exception as error:
        failure = {"errorType": type(error).__name__, "errorMessage": "SECRET"}
        return 200, json.dumps(failure).encode(), {"X-Amz-Function-Error": "Unhandled"}


def answer(
    objects: FakeObjects, asked: str, target: str, headers: Mapping[str, str], body: bytes
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of one request that no fault stops."""
    url = urlsplit(target)
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    key = unquote(url.path).split("/", 2)[-1]
    if asked == "Invoke":
        function = unquote(url.path).split("/")[-2]
        objects.invocations.append((function, headers["X-Amz-Invocation-Type"]))
        objects.invoked.append(json.loads(body))
        return HTTPStatus.ACCEPTED, b"", {}
    if asked == "GetObject":
        return _read(objects, key, query.get("versionId"), headers.get("Range"))
    if asked in ("PutObject", "CreateMultipartUpload"):
        objects.metadata[key] = _metadata(headers)
    if asked == "PutObject":
        objects.written[key] = body
        return 200, b"", {"ETag": '"whole"'}
    if asked == "CreateMultipartUpload":
        upload = f"upload-{len(objects.uploads)}"
        objects.uploads[upload] = {}
        text = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId>"
        return 200, f"{text}</InitiateMultipartUploadResult>".encode(), {}
    parts = objects.uploads[query["uploadId"]]
    if asked == "UploadPart":
        parts[int(query["partNumber"])] = body
        return 200, b"", {"ETag": f'"part-{query["partNumber"]}"'}
    listed = [int(number) for number in re.findall(r"<PartNumber>(\d+)<", body.decode())]
    if any(len(parts[number]) < SMALLEST_PART for number in listed[:-1]):
        return 400, refusal("EntityTooSmall", "Your proposed upload is too small"), {}
    objects.written[key] = b"".join(parts[number] for number in listed)
    return 200, b"<CompleteMultipartUploadResult/>", {}


def _metadata(headers: Mapping[str, str]) -> dict[str, str]:
    prefix = "x-amz-meta-"
    named = {name.lower(): value for name, value in headers.items()}
    return {
        name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)
    }


def _read(
    objects: FakeObjects, key: str, version: str | None, ranged: str | None
) -> tuple[int, bytes, dict[str, str]]:
    if version is None:
        return 200, objects.written[key], {}
    first, last = (int(each) for each in (ranged or "").removeprefix("bytes=").split("-"))
    made = objects.made.get((key, version))
    content = made(first, last + 1) if made else objects.versions[key, version][first : last + 1]
    return HTTPStatus.PARTIAL_CONTENT, content, {}


def refusal(code: str, message: str) -> bytes:
    """The body of an error."""
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
