"""What is broken in a system shows exactly there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local.client import Api
from local.deployer import Deployer
from local.errors import DeployError
from local.events import CallDenied
from local.resources import CREATORS
from local.system import System, system
from local.workspace import BUILD
from tests.local.support import ORDER, SHORT, SMALL, until, without_action

pytestmark = pytest.mark.long

CREATE_BURST = 4


@pytest.fixture(scope="module")
def broken() -> Iterator[System]:
    """No permission to send, no handler to read orders with, few orders at once."""
    deny = without_action("orders-create-order", "sqs:SendMessage")

    class Broken(Deployer):
        def new_resource(self, args: Any) -> tuple[str | None, dict[str, Any]]:
            deny(args.typ, args.name, args.inputs)
            if args.name == "orders-get-order" and "handler" in args.inputs:
                args.inputs["handler"] = "get_order.gone"
            return super().new_resource(args)

    overrides = {**SHORT, **SMALL, "throttle.createRate": 1, "throttle.createBurst": CREATE_BURST}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("local.system.Deployer", Broken)
        with system(overrides=overrides) as started:
            yield started


def test_missing_permission_fails_that_call_and_names_action_resource_and_role(
    broken: System,
) -> None:
    answer = Api(broken.url).create(ORDER)
    assert answer.status >= 500
    assert answer.headers["content-type"] == "application/problem+json"
    denied = until(lambda: broken.events(CallDenied))
    role = next(r for r in broken.of_type("Role") if r.name.startswith("orders-create-order"))
    assert denied
    assert {call.action for call in denied} == {"sqs:SendMessage"}
    assert {call.resource.rsplit(":", 1)[1] for call in denied} == {"order-events"}
    assert {call.principal.split("/")[1] for call in denied} == {role.outputs["name"]}


def test_handler_error_is_an_internal_server_error_without_details(broken: System) -> None:
    answer = Api(broken.url).get("00000000-0000-4000-8000-000000000000")
    assert (answer.status, answer.body) == (500, {"message": "Internal Server Error"})


def test_orders_over_the_routes_throttle_are_refused(broken: System) -> None:
    api = Api(broken.url)
    answers = [api.create(ORDER) for _ in range(CREATE_BURST + 4)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert refused[0].body == {"message": "Too Many Requests"}
    # The other route has a limit of its own.
    assert api.get("x").status != 429


@pytest.mark.parametrize(
    ("role", "action"),
    [
        ("orders-process-order", "sqs:ReceiveMessage"),
        ("orders-process-order", "sqs:DeleteMessage"),
        ("orders-create-order", "logs:PutLogEvents"),
        ("orders-get-order", "xray:PutTraceSegments"),
    ],
)
def test_permission_that_aws_itself_needs_stops_the_run(
    changed: Callable[..., None], role: str, action: str
) -> None:
    changed(without_action(role, action))
    with pytest.raises(DeployError, match=action) as failure, system(overrides=SMALL):
        pass
    assert f":role/{role}" in str(failure.value)


def test_unknown_resource_type_stops_the_run_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mine = f"run-{os.getpid()}-*"
    before = set((BUILD / "local").glob(mine))
    monkeypatch.delitem(CREATORS, "aws:cloudwatch/dashboard:Dashboard")
    with (
        pytest.raises(DeployError, match=r"aws:cloudwatch/dashboard:Dashboard .*local/resources"),
        system(overrides=SMALL),
    ):
        pass
    assert set((BUILD / "local").glob(mine)) == before


def test_unknown_input_stops_the_run_and_is_named(changed: Callable[..., None]) -> None:
    def edit(kind: str, _name: str, inputs: dict[str, Any]) -> None:
        if kind == "aws:dynamodb/table:Table":
            inputs["pointInTimeRecovery"]["novelty"] = True

    changed(edit)
    with pytest.raises(DeployError, match=r"pointInTimeRecovery\.novelty"), system(overrides=SMALL):
        pass


def test_visibility_below_the_function_timeout_stops_the_run(
    changed: Callable[..., None],
) -> None:
    def edit(kind: str, name: str, inputs: dict[str, Any]) -> None:
        if kind == "aws:lambda/function:Function" and name == "orders-process-order":
            inputs["timeout"] = 31

    changed(edit)
    with pytest.raises(DeployError, match="visibility timeout"), system(overrides=SMALL):
        pass


def test_route_without_its_lambda_permission_cannot_be_called(
    changed: Callable[..., None],
) -> None:
    def edit(kind: str, _name: str, inputs: dict[str, Any]) -> None:
        if kind == "aws:lambda/permission:Permission" and "POST" in inputs["sourceArn"]:
            inputs["sourceArn"] = inputs["sourceArn"].replace("POST", "PUT")

    changed(edit)
    with system(overrides=SMALL) as started:
        answer = Api(started.url).create(ORDER)
        assert (answer.status, answer.body) == (500, {"message": "Internal Server Error"})
