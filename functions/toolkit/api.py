"""Requests and answers of an API Gateway HTTP API (payload format 2.0).

`respond` is the frame of every API function: it turns problems, AWS failures and surprises
into answers, and writes the invocation's log line and metrics.
"""

import base64
import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from . import aws, environment, problems, telemetry
from .problems import Problem

if TYPE_CHECKING:
    from .caller import Caller
    from .rate_limit import RateLimit

_encode = json.JSONEncoder(separators=(",", ":")).encode

Event = dict[str, Any]
Answer = dict[str, Any]


class Response(NamedTuple):
    """An operation's success: what the caller gets, and fields for the log line, which has the
    HTTP `status` and the ids of the request already."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]
    log: dict[str, Any]


class Request:
    """One request as API Gateway hands it over."""

    def __init__(self, event: Event, context: Any) -> None:
        self._event = event
        self._context: dict[str, Any] = event.get("requestContext") or {}
        self.id = str(self._context.get("requestId") or context.aws_request_id)
        self._headers = {
            str(name).lower(): str(value) for name, value in (event.get("headers") or {}).items()
        }

    @property
    def route(self) -> str:
        """The key of the route that led here, as `GET /things/{id}`; empty when there is none."""
        return str(self._event.get("routeKey") or "")

    def header(self, name: str) -> str | None:
        """A header by its name in lower case; several of one name are joined by commas."""
        return self._headers.get(name)

    def path_parameter(self, name: str) -> str:
        """A parameter of the route; empty when the route has none of this name."""
        return str((self._event.get("pathParameters") or {}).get(name) or "")

    def caller(self, *, required: bool) -> "Caller | None":
        """Who calls, by the API's JWT authorizer; None: the request has passed none.

        Raises Problem for a token that names nobody and, where a caller is required, for a request
        that has passed no authorizer: it came by a way that it should not have.
        """
        if not (required or "authorizer" in self._context):
            return None
        from . import caller  # which an API without callers does not load

        found = caller.caller(self._event)
        if found is None and required:
            raise Problem(caller.UNAUTHENTICATED, "Send an access token: Authorization: Bearer.")
        return found

    def signed_in(self) -> "Caller":
        """Who calls; raises Problem for a request without a caller."""
        return cast("Caller", self.caller(required=True))

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query; several values of one name are joined by commas."""
        return {**(self._event.get("queryStringParameters") or {})}

    def text(self, longest: int) -> str:
        """The body as text; raises Problem when there is none, it is longer than `longest`
        bytes, or it is not UTF-8.

        Bytes that are not UTF-8 may have become U+FFFD on their way, each the same character:
        two different bodies would then be equal. So U+FFFD itself is refused.
        """
        body = self._event.get("body")
        if not isinstance(body, str) or not body:
            raise Problem(problems.UNREADABLE_BODY, "The request has no body; send JSON.")
        try:
            # A character is a byte or more, and base64 makes 4 characters of 3 bytes.
            fits = len(body) <= longest * 4 // 3 + 4
            if fits and self._event.get("isBase64Encoded"):
                body = base64.b64decode(body, validate=True).decode()
            fits = fits and len(body.encode()) <= longest
            if "\ufffd" in body:
                raise UnicodeError
        except UnicodeError:
            raise Problem(
                problems.UNREADABLE_BODY,
                "The body is not text in UTF-8, or holds U+FFFD, which stands for what is not.",
            ) from None
        except ValueError:
            raise Problem(
                problems.UNREADABLE_BODY, "The body is not the base64 it claims to be."
            ) from None
        if not fits:
            raise Problem(problems.BODY_TOO_LARGE, f"The body may have at most {longest} bytes.")
        return body


Handler = Callable[[Event, Any], Answer]


def announcing(variable: str) -> Callable[[Handler], Handler]:
    """Decorates a handler whose answers carry further header fields, for requests to some paths.

    The environment variable says which, as JSON: what the path of a request's route begins with ->
    fields by name. Where it is not set, the handler stays as it is.
    """
    text = os.environ.get(variable)

    def decorate(handler: Handler) -> Handler:
        return handler if text is None else _announced(handler, json.loads(text))

    return decorate


def _announced(handler: Handler, told: dict[str, dict[str, str]]) -> Handler:
    def announcing_handler(event: Event, context: Any) -> Answer:
        answer = handler(event, context)
        path = str(event.get("routeKey") or "").partition(" ")[2]
        for beginning, fields in told.items():
            if path.startswith(beginning):
                # A field whose value is a list, as Link, may be there already.
                present = answer["headers"]
                for name, value in fields.items():
                    present[name] = f"{present[name]}, {value}" if name in present else value
        return answer

    return announcing_handler


def respond(
    operation: Callable[[Request, Any], Response],
    event: Event,
    context: Any,
    metrics: telemetry.Metrics,
    problem_type: str,
    outcome: Callable[[int, dict[str, Any]], str | None] = lambda status, log: None,
    limit: "RateLimit | None" = None,
) -> Answer:
    """API Gateway's answer for one invocation.

    `problem_type` is what the type of every problem document begins with. `outcome` names the
    one of `metrics` to count, if any, for a response's status and the fields of its log line.
    With a `limit`, the caller's request is counted before the operation begins.
    """
    request = Request(event, context)
    log: dict[str, Any]
    fields: dict[str, str] = {}
    try:
        if limit is not None:
            fields = limit.take(request.signed_in().subject)
        response = operation(request, context)
        status, log = response.status, response.log
        headers = {**fields, **response.headers}
        answer = _answer(status, response.body, "application/json", headers)
    except Exception as error:
        problem = _problem(error)
        status, log = problem.kind.status, problem.log
        answer = _render(problem, request, problem_type, fields)
    write = telemetry.logger.error if status >= 500 else telemetry.logger.info
    write(
        operation.__name__,
        **{
            **log,
            "status": status,
            "correlation_id": request.id,
            "function_request_id": context.aws_request_id,
        },
    )
    if status >= 500:
        metrics.failed(context)
    metric = outcome(status, log)
    if metric:
        metrics.count(metric)
    metrics.flush(context)
    return answer


def rate_limit(
    metrics: telemetry.Metrics, *, table: str, policy: str, quota: str, **names: str
) -> "RateLimit | None":
    """The limit that variables of the environment (`table`, `policy`, `quota`) tell of; None where
    they are not set. `names` are those of attributes and metrics, as RateLimit takes them."""
    if not environment.flag(table):
        return None
    from .rate_limit import RateLimit  # not loaded by an API without limits

    return RateLimit(
        environment.text(table),
        environment.text(policy),
        environment.positive_integer(quota),
        metrics,
        **names,
    )


def _problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, aws.FAILURES):
        return unavailable(error)
    return Problem(problems.INTERNAL_ERROR, _INTERNAL, log=telemetry.surprise(error))


def unavailable(
    error: BaseException, detail: str = "", members: dict[str, Any] | None = None
) -> Problem:
    """The problem that an AWS failure is to the caller: 503 when trying again may help."""
    temporary, fields = aws.failure(error)
    if temporary:
        detail = detail or "An AWS service did not answer in time; please try again."
        return Problem(problems.UNAVAILABLE, detail, members=members, log=fields)
    return Problem(problems.INTERNAL_ERROR, detail or _INTERNAL, members=members, log=fields)


_INTERNAL = "Something went wrong on our side; name the requestId when you report it."


def _render(
    problem: Problem, request: Request, problem_type: str, fields: dict[str, str]
) -> Answer:
    status = problem.kind.status
    problem.log.setdefault("problem", problem.kind.name)
    waiting = {"retry-after": str(problems.RETRY_AFTER)} if status == 503 else {}
    headers = {**fields, **waiting, **problem.headers}
    document = problem.document(request.id, problem_type)
    return _answer(status, document, "application/problem+json", headers)


def _answer(status: int, body: dict[str, Any], kind: str, headers: dict[str, str]) -> Answer:
    return {
        "statusCode": status,
        "headers": {"content-type": kind, "cache-control": "no-store", **headers},
        "body": _encode(body),
    }
