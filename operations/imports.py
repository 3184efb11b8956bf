"""Files of orders in a stack's bucket of imports: put there, followed, and what became of them."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from functions import contract

POLL_SECONDS = 1.0

# S3 takes no more in one request:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/upload-objects.html
MOST_BYTES = 5 * 1024**3

_MISSING = ("NoSuchKey", "404")


class ImportFailedError(Exception):
    """A file was not imported, as far as can be seen; the message says what to do."""


class Progress(NamedTuple):
    """How far a file is: bytes that are done, and lines."""

    bytes: int
    imported: int
    rejected: int


class Upload(NamedTuple):
    """One version of a file in the bucket; `found` when it was there before."""

    name: str
    version: str
    found: bool


class Imports:
    """A bucket of imports; `s3` is a boto3 client."""

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3, self.bucket = s3, bucket

    def upload(self, file: BinaryIO, name: str, *, again: bool = False) -> Upload:
        """Put a file there, unless a file of this name is there already.

        That one is not replaced, since every version's lines are orders of their own: only with
        `again` is there another version.
        """
        key = contract.INCOMING + name
        condition = {} if again else {"IfNoneMatch": "*"}
        try:
            put = self._s3.put_object(Bucket=self.bucket, Key=key, Body=file, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("PreconditionFailed", "412"):
                raise
            found = self._s3.head_object(Bucket=self.bucket, Key=key)
            return Upload(name, found["VersionId"], found=True)
        return Upload(name, put["VersionId"], found=False)

    def follow(
        self, upload: Upload, progress: Callable[[Progress], None], patience: float
    ) -> Iterator[dict[str, Any]]:
        """Wait until a file is done: its report, line by line.

        `progress` is told how far it is. Raises ImportFailedError after `patience` seconds without
        any news.
        """
        reached = Progress(0, 0, 0)
        heard = time.monotonic()
        while True:
            report = self._object(contract.RESULTS + upload.name)
            # The file of another version than this one may have been reported on before.
            if report and report["Metadata"].get("version-id") == upload.version:
                return (json.loads(line) for line in report["Body"].iter_lines())
            now = self._progress(upload)
            if now and now != reached:
                reached, heard = now, time.monotonic()
                progress(now)
            if time.monotonic() - heard >= patience:
                raise ImportFailedError(
                    f"nothing was heard of {contract.INCOMING}{upload.name} for {patience:g} s: "
                    "see the logs of import_orders and its failure queue. The file is kept, and "
                    "the same command goes on waiting for it"
                )
            time.sleep(POLL_SECONDS)

    def _progress(self, upload: Upload) -> Progress | None:
        found = self._object(f"{contract.UNFINISHED}{upload.name}.json")
        shown = json.loads(found["Body"].read()) if found else {}
        if shown.get("versionId") != upload.version:
            return None
        return Progress(shown["bytes"], shown["imported"], shown["rejected"])

    def _object(self, key: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._s3.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise
        return found


def name_of(path: Path) -> str:
    """What a file is called in the bucket: the same for the same content, whoever puts it there,
    so that a command that is repeated follows the first one's import."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    stem = re.sub(r"[^A-Za-z0-9._-]", "_", path.stem)[:100]
    return f"{stem}-{digest}{path.suffix.lower()}"
