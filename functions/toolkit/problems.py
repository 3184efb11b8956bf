"""Error answers: RFC 9457 problem documents, and the kinds of them that any operation may have."""

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from . import validation

# Seconds after which a retry makes sense, sent with every 503.
RETRY_AFTER = 1


class Kind(NamedTuple):
    """What all problems of one kind have in common; `status` is HTTP's."""

    name: str
    status: int
    title: str


UNREADABLE_BODY = Kind("unreadable-body", 400, "The body is not readable JSON")
BODY_TOO_LARGE = Kind("body-too-large", 413, "The body is too large")
UNSUPPORTED_MEDIA_TYPE = Kind("unsupported-media-type", 415, "The body is not declared as JSON")
QUOTA_EXCEEDED = Kind("quota-exceeded", 429, "Too many requests of one caller")
INTERNAL_ERROR = Kind("internal-error", 500, "The service failed")
UNAVAILABLE = Kind("unavailable", 503, "The service is busy or out of reach")


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """An answer that is an error; raised by an operation, rendered by `api`.

    `members` are the document's extension members (RFC 9457, 3.2), `headers` further fields of the
    answer's header, `log` fields of the log line.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: "list[validation.Error] | None" = None,
        members: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
        log: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(kind.name)
        self.kind = kind
        self.detail = detail
        self.errors = errors
        self.members = members or {}
        self.headers = headers or {}
        self.log = log or {}

    def document(self, request_id: str, type_: str) -> dict[str, Any]:
        """The problem document: its `type` is the given one and the name of the problem's kind,
        `request_id` is also in the request's log line."""
        document: dict[str, Any] = {
            "type": type_ + self.kind.name,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "requestId": request_id,
            **self.members,
        }
        if self.errors:
            document["errors"] = [error._asdict() for error in self.errors]
        return document
