"""Where the emulator is so unlike AWS that a program fails here or is unsafe: put right."""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import re
import secrets
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ministack.core import iam_actions, lambda_runtime  # type: ignore[import-untyped]

from local.ministack import aliases, failures, streams, worker_logs

# IAM has no actions of the batch operations' names: a permission for SendMessage covers
# SendMessageBatch (SQS developer guide, "Amazon SQS API permissions").
_BATCH_ACTIONS = {
    f"sqs:{operation}Batch": f"sqs:{operation}"
    for operation in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}


# The emulator takes whatever is done with one alias for a listing.
_ONE_ALIAS = re.compile(r"/aliases/[^/]+/?$")
_ALIAS_ACTIONS = {"GET": "GetAlias", "PUT": "UpdateAlias", "DELETE": "DeleteAlias"}


# What a worker says when its handler cannot be imported: the message alone, or where as well.
_WITHOUT_TRACE = '{"status": "error", "error": str(e)})'
_WITH_TRACE = '{"status": "error", "error": traceback.format_exc()})'


def apply() -> None:
    """Repair the emulator in this process."""
    lambda_runtime._PYTHON_WORKER_SCRIPT = lambda_runtime._PYTHON_WORKER_SCRIPT.replace(
        _WITHOUT_TRACE, _WITH_TRACE
    )
    lambda_runtime.zipfile = SimpleNamespace(**{**vars(zipfile), "ZipFile": _SharedCode})
    iam_actions.extract_iam_action = _single_action(iam_actions.extract_iam_action)
    iam_actions.request_tag_context = _with_event_keys(iam_actions.request_tag_context)
    lambda_runtime.execution_credentials = _unguessable(lambda_runtime.execution_credentials)
    worker_logs.install()


def _with_event_keys(keys: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """What conditions of IAM are about, and of PutEvents the emulator does not know: all sources
    and detail types of a call, where AWS asks for each event alone.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    """

    @functools.wraps(keys)
    def complete(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found = keys(service, action, body, params)
        if action != "events:PutEvents":
            return found
        try:
            entries = json.loads(body)["Entries"]
            said = {
                key: sorted({str(each[name]) for each in entries if each.get(name)})
                for key, name in (("events:source", "Source"), ("events:detail-type", "DetailType"))
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            return found  # the emulator says what is wrong with it
        return {**found, **{key: values for key, values in said.items() if values}}

    return complete


class _SharedCode(zipfile.ZipFile):
    """Code that is extracted once for all its workers, as Lambda gives every environment the same
    folder. The emulator extracts it for each, and making 600 files is most of a cold start."""

    _extracting = threading.Lock()

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:
        digest = hashlib.sha256(Path(str(self.filename)).read_bytes()).hexdigest()
        shared, place = Path(tempfile.gettempdir(), f"code-{digest}"), Path(path)
        with self._extracting:
            if not shared.exists():
                fresh = Path(tempfile.mkdtemp())
                super().extractall(fresh, members, pwd)
                fresh.rename(shared)
        place.rmdir()
        place.symlink_to(shared)


def apply_to_services() -> None:
    """Repair services that are loaded, or may be: they take long, and the start needs others."""
    from ministack.services import eventbridge, lambda_svc, s3  # type: ignore[import-untyped]

    lambda_svc._execute_function_warm = _told(lambda_svc._execute_function_warm)
    lambda_svc.invoke_async_with_retry = _as_configured(lambda_svc.invoke_async_with_retry)
    streams.repair(lambda_svc, s3)
    aliases.repair(lambda_svc)
    lambda_svc.invalidate_worker = _ended_when_idle(lambda_svc.invalidate_worker)
    for change in ("_update_code", "_update_config", "_delete_function"):
        setattr(lambda_svc, change, _spared(getattr(lambda_svc, change)))
    eventbridge._dispatch_to_lambda = _hand_over
    eventbridge._invoke_target = _to_replays_own_rules(eventbridge._invoke_target, eventbridge)
    s3._fire_s3_event = _with_version(s3._fire_s3_event, eventbridge)


_sparing: ContextVar[bool] = ContextVar("sparing", default=False)
"""Whether workers that are ended may be in the middle of an invocation."""

_SPARED_SECONDS = 0.05
"""How often a worker that was spared is looked at."""


def _spared(change: Callable[..., Any]) -> Callable[..., Any]:
    """A change of a function's code that lets invocations end in the code that they began in."""

    @functools.wraps(change)
    def spared(*arguments: Any, **more: Any) -> Any:
        token = _sparing.set(True)
        try:
            return change(*arguments, **more)
        finally:
            _sparing.reset(token)

    return spared


def _ended_when_idle(invalidate: Callable[..., None]) -> Callable[..., None]:
    """Ending workers, each after its invocation where that is to be spared."""

    def end(workers: list[Any]) -> None:
        for worker in workers:
            while worker.in_use:
                time.sleep(_SPARED_SECONDS)
            lambda_runtime.kill_workers([worker])

    @functools.wraps(invalidate)
    def ended(
        func_name: str,
        qualifier: str | None = None,
        account: str | None = None,
        region: str | None = None,
    ) -> None:
        if not _sparing.get():
            invalidate(func_name, qualifier, account, region)
            return
        with lambda_runtime._lock:
            keys = [
                key
                for key in lambda_runtime._workers
                for of_account, of_region, name, version in [key.split(":")]
                if name == func_name
                and qualifier in (None, version)
                and account in (None, of_account)
                and region in (None, of_region)
            ]
            workers = [worker for key in keys for worker in lambda_runtime._workers.pop(key)]
        threading.Thread(target=end, args=(workers,), daemon=True).start()

    return ended


def _hand_over(arn: str, payload: str) -> None:
    """Invoke the function `arn` asynchronously, as schedules and rules do on AWS.

    The emulator's own way knows no retries and no failure destination.
    """
    from ministack.services import lambda_svc

    func, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not func or not config:
        logging.getLogger("local").warning("an event for %s, which is no function", name)
        return
    record = lambda_svc._execution_record_for_config(func, {**config, "FunctionArn": arn})
    lambda_svc.invoke_async_with_retry(record, json.loads(payload))


def _told(execute: Callable[..., Any]) -> Callable[..., Any]:
    """Invocations that say of a failure what AWS's do: in the log why no worker could be started,
    and as errorType what the handler raised."""

    @functools.wraps(execute)
    def told(*arguments: Any) -> Any:
        result = execute(*arguments)
        if not result.get("error"):
            return result
        body = result["body"]
        if not result.get("log"):
            result["log"] = str(body.get("errorMessage", ""))
        raised = failures.raised_type(result["log"])
        if raised and body.get("errorType") == "Runtime.HandlerError":
            body["errorType"] = raised
        return result

    return told


def _as_configured(invoke: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """Asynchronous invocations that find the configuration of what was invoked: an alias has
    one of its own, which the emulator keeps with the function and looks for in the version."""

    @functools.wraps(invoke)
    def configured(record: dict[str, Any], event: Any) -> None:
        from ministack.services import lambda_svc

        arn = str(record["config"]["FunctionArn"])
        whole, _, _ = lambda_svc._get_base_func_record_for_ref(arn)
        qualifier = arn.partition(":function:")[2].partition(":")[2]
        found = lambda_svc._event_invoke_config(whole or record, qualifier)
        invoke({**record, "event_invoke_config": found}, event)

    return configured


_version: ContextVar[str | None] = ContextVar("version", default=None)


def _with_version(fire: Callable[..., None], eventbridge: Any) -> Callable[..., None]:
    """Tell EventBridge of an object's version, as S3 does; the emulator leaves it out."""
    dispatch = eventbridge._dispatch_event

    @functools.wraps(dispatch)
    def dispatched(event: dict[str, Any], *rest: Any) -> None:
        version = _version.get()
        if version is not None:
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        dispatch(event, *rest)

    @functools.wraps(fire)
    def fired(*args: Any, version_id: str | None = None, **more: Any) -> None:
        token = _version.set(version_id)
        try:
            fire(*args, version_id=version_id, **more)
        finally:
            _version.reset(token)

    eventbridge._dispatch_event = dispatched
    return fired


def _to_replays_own_rules(invoke: Callable[..., None], eventbridge: Any) -> Callable[..., None]:
    """Give a replay's events to the rules alone that it names; the emulator gives them to all."""

    @functools.wraps(invoke)
    def invoked(target: Any, event: dict[str, Any], rule: dict[str, Any], *rest: Any) -> None:
        replay = eventbridge._replays.get(event.get("ReplayName", "")) or {}
        wanted = replay.get("Destination", {}).get("FilterArns")
        if not wanted or rule["Arn"] in wanted:
            invoke(target, event, rule, *rest)

    return invoked


def _single_action(extract: Callable[..., str | None]) -> Callable[..., str | None]:
    @functools.wraps(extract)
    def action(service: str, method: str, path: str, *rest: Any, **more: Any) -> str | None:
        found = extract(service, method, path, *rest, **more)
        if found == "lambda:ListAliases" and _ONE_ALIAS.search(path):
            return f"lambda:{_ALIAS_ACTIONS.get(method, 'ListAliases')}"
        return _BATCH_ACTIONS.get(found or "", found)

    return action


Issue = Callable[[dict[str, Any]], dict[str, str]]


def _unguessable(issue: Issue) -> Issue:
    """Functions' sessions whose keys nobody can compute.

    The emulator derives them from the ARNs of function and role alone. Only the last part of
    the role's ARN matters to it otherwise, so the rest can carry a secret.
    """
    secret = secrets.token_hex(32)

    @functools.wraps(issue)
    def issued(config: dict[str, Any]) -> dict[str, str]:
        role = str(config.get("Role", ""))
        return issue({**config, "Role": f"{role}/{secret}/{role.rsplit('/', 1)[-1]}"})

    return issued
