"""S3 and Lambda on the wire, as far as import_orders uses them: the REST half of `FakeAws`.

An object of the bucket keeps its versions; one that is listed in `made` is made as it is read, so
that a large one takes no memory here.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Made = Callable[[int, int], bytes]  # the bytes from an offset up to another one


@dataclass
class FakeObjects:
    """One bucket, and what was invoked."""

    versions: dict[tuple[str, str], bytes] = field(default_factory=dict)  # of key and version
    made: dict[tuple[str, str], Made] = field(default_factory=dict)
    written: dict[str, bytes] = field(default_factory=dict)
    invoked: list[dict[str, Any]] = field(default_factory=list)
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


def answer(
    objects: FakeObjects, asked: str, target: str, ranged: str | None, body: bytes
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of one request that no fault stops."""
    url = urlsplit(target)
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    key = unquote(url.path).split("/", 2)[-1]
    if asked == "Invoke":
        objects.invoked.append(json.loads(body))
        return HTTPStatus.ACCEPTED, b"", {}
    if asked == "GetObject":
        return _read(objects, key, query.get("versionId"), ranged)
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
    objects.written[key] = b"".join(parts[number] for number in sorted(parts))
    return 200, b"<CompleteMultipartUploadResult/>", {}


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
