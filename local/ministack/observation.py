"""What happens inside the emulator, told as run events.

ministack has no interface for observers: these are the points of its code that every
invocation and every message passes, and of its log the lines that alone tell of batches.
"""

from __future__ import annotations

import functools
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions, lambda_runtime  # type: ignore[import-untyped]
from ministack.core.router import detect_service, extract_region  # type: ignore[import-untyped]

from local import events
from local.edge.request import Scope
from local.ministack import aliases, failures
from local.ministack.access import header_fields

Publish = Callable[[events.Event], None]

_BATCH = "ESM: Lambda %s processed %d SQS messages from %s (%d partial failures)"
_BATCH_CLEAN = "ESM: Lambda %s processed %d SQS messages from %s"
_BATCH_FAILED = "ESM: Lambda %s failed processing SQS batch from %s"
_ASYNCHRONOUS = "Lambda %s async output"

_DENIED = "not authorized to perform: "

_batch = threading.local()
"""What the thread's batch is about: it is invoked and logged in one thread."""

_call = threading.local()
"""The trace of the thread's invocation, and how long its cold start took, if it had one."""


def install(publish: Publish) -> None:
    """Publish what happens from now on; once in a process."""
    # Here, since they take long to load, and the start needs them elsewhere first.
    from ministack.services import lambda_svc, sqs  # type: ignore[import-untyped]

    lambda_svc._execute_function_dispatch = _observed_invocation(
        lambda_svc._execute_function_dispatch, lambda_svc, publish
    )
    worker = lambda_runtime.Worker
    worker._read_stderr = _observed_process(worker._read_stderr)
    worker._spawn = _observed_start(worker._spawn)
    worker.invoke = _observed_call(worker.invoke)
    lambda_svc._run_sqs_batch = _observed_batch(lambda_svc._run_sqs_batch)
    lambda_svc._route_async_failure = _observed_end(lambda_svc._route_async_failure, publish)
    lambda_svc._send_ddb_stream_failure_record = _observed_stream_end(
        lambda_svc._send_ddb_stream_failure_record, publish
    )
    sqs._collect_msgs = _observed_receive(sqs._collect_msgs, publish)
    sqs._dlq_sweep = _observed_sweep(sqs._dlq_sweep, publish)
    logger = logging.getLogger("lambda")
    logger.setLevel(logging.INFO)
    logger.addHandler(_LogReader(publish))


def watch_rights(publish: Publish) -> None:
    """Publish every decision of IAM on a role's signed request from now on; once in a process."""
    from ministack.core import iam_evaluator

    enforce, evaluate = iam_evaluator.enforce, iam_evaluator.evaluate
    asked = threading.local()

    @functools.wraps(evaluate)
    def evaluated(context: Any, *policies: Any) -> Any:
        asked.context = context
        return evaluate(context, *policies)

    @functools.wraps(enforce)
    def enforced(*arguments: Any, **more: Any) -> Any:
        asked.context = None
        denied = enforce(*arguments, **more)
        if (context := asked.context) is None:
            return denied
        # arn:aws:sts::<account>:assumed-role/<role>/<session>
        kind, _, rest = str(context.principal_arn).rpartition(":")[2].partition("/")
        if kind == "assumed-role":
            role, _, session = rest.partition("/")
            publish(
                events.CallAuthorized(
                    role=role,
                    session=session,
                    action=str(context.action),
                    resource=str(context.resource_arn),
                    allowed=denied is None,
                    said=_said(str(context.action), context.service_context),
                )
            )
        return denied

    iam_evaluator.enforce, iam_evaluator.evaluate = enforced, evaluated


def _said(action: str, keys: dict[str, Any]) -> dict[str, list[str]]:
    """The condition keys of an action's own service."""
    service = action.partition(":")[0] + ":"
    return {
        key: [str(each) for each in (value if isinstance(value, list) else [value])]
        for key, value in keys.items()
        if key.startswith(service) and value is not None
    }


def denial(scope: Scope, request: bytes, answer: bytes) -> events.CallDenied | None:
    """Who was denied what, when an answer to `request` says so."""
    text = answer.decode("utf-8", errors="replace")
    if _DENIED not in text:
        return None
    principal = text.partition("User: ")[2].partition(" is not authorized")[0]
    headers = header_fields(scope)
    try:
        service = detect_service(scope["method"], scope["path"], headers, {})
        resource = iam_actions.extract_resource_arn(
            service,
            scope["method"],
            scope["path"],
            headers,
            request,
            {},
            extract_region(headers),
            principal.split(":")[4],
        )
    except Exception:
        logging.getLogger("local").exception("the resource of a denied call is unknown")
        resource = "*"
    action = text.partition(_DENIED)[2].partition(" ")[0]
    return events.CallDenied(action=action, resource=str(resource), principal=principal)


def _observed_invocation(
    dispatch: Callable[..., Any], lambda_svc: Any, publish: Publish
) -> Callable[..., Any]:
    @functools.wraps(dispatch)
    def observed(
        func: dict[str, Any], config: dict[str, Any], event: Any, request_id: str, started: float
    ) -> Any:
        _call.trace, _call.cold = "", (None, None)
        executed = aliases.executed(lambda_svc, config)
        result = dispatch(func, config, event, request_id, started)
        said = result if isinstance(result, dict) else {}
        name, handler = config.get("FunctionName", "?"), str(config.get("Handler", ""))
        for line in said.get("log", "").splitlines():
            publish(events.LogLine(function=name, text=line, request_id=request_id))
            if caught := failures.logged(line, handler):
                message, trace = caught
                publish(
                    events.FailureLogged(
                        function=name,
                        request_id=request_id,
                        message=message,
                        trace=trace,
                        met=failures.met(event),
                    )
                )
        milliseconds = round((time.time() - started) * 1000, 1)
        source, ids = failures.source(event)
        environment, init = _call.cold
        alias, version = executed
        call: dict[str, Any] = {
            "function": name,
            "request_id": request_id,
            "milliseconds": milliseconds,
            "trace_id": _call.trace,
            "environment_milliseconds": environment,
            "init_milliseconds": init,
            "source": source,
            "ids": ids,
            "orders": failures.orders(event),
            "alias": alias,
            "version": version,
        }
        if said.get("error"):
            body = said.get("body")
            told = str(body.get("errorMessage", "")) if isinstance(body, dict) else ""
            message, trace = failures.raised(said.get("log", ""), handler)
            publish(
                events.FunctionFailed(
                    error=_error_type(body),
                    message=message or told,
                    trace=trace,
                    met=failures.met(event),
                    **call,
                )
            )
        else:
            publish(events.FunctionInvoked(**call))
        return result

    return observed


def _observed_call(invoke: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(invoke)
    def observed(worker: Any, *arguments: Any, trace_id: str | None = None, **more: Any) -> Any:
        _call.trace = (trace_id or "").partition("Root=")[2].partition(";")[0]
        return invoke(worker, *arguments, trace_id=trace_id, **more)

    return observed


def _observed_process(read: Callable[[Any], None]) -> Callable[[Any], None]:
    """The reader of a worker's output is started as soon as its process is there."""

    @functools.wraps(read)
    def observed(worker: Any) -> None:
        worker.process_began = time.time()
        read(worker)

    return observed


def _observed_start(spawn: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(spawn)
    def observed(worker: Any) -> None:
        began = time.time()
        worker.process_began = 0.0
        try:
            spawn(worker)
        finally:
            ended = time.time()
            process = worker.process_began or ended
            _call.cold = tuple(
                round(seconds * 1000, 1) for seconds in (process - began, ended - process)
            )

    return observed


def _error_type(body: Any) -> str:
    return str(body.get("errorType", "Unhandled")) if isinstance(body, dict) else "Unhandled"


def _observed_batch(run: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(run)
    def observed(mapping: Any, function: Any, event: Any, *rest: Any) -> None:
        _batch.orders = failures.orders(event)
        run(mapping, function, event, *rest)

    return observed


def _observed_end(route: Callable[..., None], publish: Publish) -> Callable[..., None]:
    @functools.wraps(route)
    def observed(destination: str, function: str, event: Any, result: Any) -> None:
        publish(events.EventGivenUp(function=function, destination=destination))
        route(destination, function, event, result)

    return observed


def _observed_stream_end(send: Callable[..., None], publish: Publish) -> Callable[..., None]:
    @functools.wraps(send)
    def observed(mapping: dict[str, Any], *rest: Any) -> None:
        send(mapping, *rest)
        destination = (mapping.get("DestinationConfig") or {}).get("OnFailure") or {}
        publish(
            events.EventGivenUp(
                function=mapping["FunctionName"],
                destination=destination.get("Destination", "nowhere"),
            )
        )

    return observed


def _observed_receive(collect: Callable[..., Any], publish: Publish) -> Callable[..., Any]:
    @functools.wraps(collect)
    def observed(queue: dict[str, Any], *arguments: Any) -> Any:
        messages = collect(queue, *arguments)
        for message in messages:
            publish(
                events.MessageReceived(
                    queue=queue["name"],
                    message_id=message["id"],
                    receives=message["receive_count"],
                    sent=message["sent_at"],
                    order=failures.order(message["body"]),
                )
            )
        return messages

    return observed


def _observed_sweep(sweep: Callable[..., None], publish: Publish) -> Callable[..., None]:
    @functools.wraps(sweep)
    def observed(queue: dict[str, Any]) -> None:
        before = queue["messages"]
        sweep(queue)
        if len(queue["messages"]) == len(before):
            return
        kept = {message["id"] for message in queue["messages"]}
        target = json.loads(queue["attributes"]["RedrivePolicy"])["deadLetterTargetArn"]
        for message in before:
            if message["id"] not in kept:
                publish(
                    events.MessageDeadLettered(
                        queue=queue["name"],
                        dead_letter_queue=target.rpartition(":")[2],
                        message_id=message["id"],
                        receives=message["receive_count"],
                    )
                )

    return observed


class _LogReader(logging.Handler):
    """Reports processed batches and asynchronous events, which only ministack's log tells."""

    def __init__(self, publish: Publish) -> None:
        super().__init__(logging.INFO)
        self._publish = publish

    def emit(self, record: logging.LogRecord) -> None:
        args: tuple[Any, ...] = record.args if isinstance(record.args, tuple) else ()
        orders = getattr(_batch, "orders", "")
        if record.msg in (_BATCH, _BATCH_CLEAN):
            function, succeeded, queue, *rest = args
            failed = rest[0] if rest else 0
            self._publish(
                events.BatchProcessed(
                    function=function,
                    queue=queue,
                    messages=succeeded + failed,
                    failures=failed,
                    orders=orders,
                )
            )
        elif record.msg.startswith(_BATCH_FAILED):
            self._publish(
                events.BatchFailed(
                    function=args[0], queue=args[1], error=str(args[2]), orders=orders
                )
            )
        elif record.msg.startswith(_ASYNCHRONOUS):
            self._publish(events.EventDelivered(function=args[0], attempt=args[1]))
