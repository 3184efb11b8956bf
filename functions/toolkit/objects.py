"""Objects of one S3 bucket: read by ranges, written whole or in parts.

Raises what botocore raises (`aws.FAILURES`).
"""

from collections.abc import Sequence
from typing import Any

from . import aws, tracing

# S3 takes smaller parts of an upload only as the last one:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
SMALLEST_PART = 5 * 1024 * 1024

ATTEMPTS = 3  # of one call


class Objects:
    """One bucket."""

    def __init__(self, client: aws.Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self, key: str) -> bytes:
        """A whole object."""
        with self._traced("GetObject"):
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            content: bytes = body.read()
        return content

    def read_range(self, key: str, version: str, start: int, length: int) -> bytes:
        """At most `length` bytes of one version of an object from `start`, which has to be in
        it."""
        with self._traced("GetObject"):
            body = self._client.get_object(
                Bucket=self._bucket,
                Key=key,
                VersionId=version,
                Range=f"bytes={start}-{start + length - 1}",
            )["Body"]
            content: bytes = body.read()
        return content

    def write(self, key: str, content: bytes, kind: str, metadata: dict[str, str]) -> None:
        """A whole object of a media type, with metadata of ours."""
        with self._traced("PutObject"):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=content, ContentType=kind, Metadata=metadata
            )

    def begin(self, key: str, kind: str, metadata: dict[str, str]) -> str:
        """Begin an object of parts: the id of its upload."""
        with self._traced("CreateMultipartUpload"):
            upload: str = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=key, ContentType=kind, Metadata=metadata
            )["UploadId"]
        return upload

    def add(self, key: str, upload: str, number: int, content: bytes) -> str:
        """Write a part (the first has the number 1): what it is called when the upload ends."""
        with self._traced("UploadPart"):
            tag: str = self._client.upload_part(
                Bucket=self._bucket, Key=key, UploadId=upload, PartNumber=number, Body=content
            )["ETag"]
        return tag

    def end(self, key: str, upload: str, parts: Sequence[str]) -> None:
        """Make one object of the parts, in their order."""
        listed = [{"PartNumber": number, "ETag": tag} for number, tag in enumerate(parts, 1)]
        with self._traced("CompleteMultipartUpload"):
            self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": listed}
            )

    def _traced(self, operation: str) -> Any:
        return tracing.Subsegment("S3", operation, bucket_name=self._bucket)
