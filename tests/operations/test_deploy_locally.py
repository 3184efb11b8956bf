"""`python -m operations deploy` on a running local system, under load."""

import io
import itertools
import math
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from local import state
from local.client import Api
from local.system import System, system
from operations import stacks
from operations.__main__ import main
from operations.deployments import Deployments, Function
from tests.local.support import ORDER, SMALL, until

pytestmark = pytest.mark.long

# A version that needs nothing of AWS: it answers with the order that the check asks for.
CONSTANT = """
import json

ORDER = {
    "status": "CONFIRMED",
    "customerName": %r,
    "items": [{"sku": "SYNTHETIC", "qty": 1, "price": 0}],
}

def handler(event, context):
    print("constant")
    headers = {"content-type": "application/json"}
    return {"statusCode": 200, "headers": headers, "body": json.dumps(ORDER)}
"""

SHARE = 0.2


# A version that no check sees through: it knows no second version of the API any more.
WITHOUT_V2 = {"CURRENCY": "none"}


class Load:
    """Requests as fast as they are answered, and what became of each."""

    def __init__(self, api: Api, body: Any = None, version: str = "") -> None:
        self._api, self._body, self._version = api, body, version
        self._order = api.create(ORDER).body["id"]
        self.statuses: list[int] = []
        self._over = threading.Event()

    def _request(self) -> int:
        if self._body is not None:
            return self._api.create(self._body).status
        return self._api.request("GET", f"{self._version}/orders/{self._order}").status

    def _send(self) -> None:
        while not self._over.is_set():
            self.statuses.append(self._request())

    @contextmanager
    def running(self) -> Iterator["Load"]:
        threads = [threading.Thread(target=self._send, daemon=True) for _ in range(2)]
        for each in threads:
            each.start()
        yield self
        self._over.set()
        for each in threads:
            each.join()

    def failed(self) -> int:
        return sum(status >= 500 for status in self.statuses)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[System]:
    """A system whose deployments take seconds for minutes."""
    monkeypatch.setattr(state, "BUILD", tmp_path)
    overrides = {"deployment": f"canary{SHARE:.0%}1Minute".replace("%", "Percent"), **SMALL}
    with system(overrides=overrides, publish_state=True, minute=3.0) as started:
        # What CloudWatch would count late is there at once.
        started.publish(
            started.outputs["functionNames"]["check_after_traffic"], {"WATCHED_SECONDS": "0"}
        )
        yield started


def creation() -> tuple[Deployments, Function]:
    """The running system's deployments, and the function that creates orders."""
    deployments = stacks.deployments("local")
    assert deployments is not None
    (creating,) = [each for each in deployments.functions if each.function == "create_order"]
    return deployments, creating


def orders(running: System) -> list[Any]:
    """What the table has of orders."""
    found = running.client("dynamodb").scan(TableName=running.outputs["ordersTableName"])
    return list(found["Items"])


def alias(running: System, function: str) -> dict[str, Any]:
    name = running.outputs["functionNames"][function]
    found = running.client("lambda").get_alias(FunctionName=name, Name="live")
    return {"version": found["FunctionVersion"], "weights": found.get("RoutingConfig")}


def may_read(running: System, told: dict[str, Any]) -> bool:
    iam = running.client("iam")
    role = iam.get_role(RoleName=told["role"])["Role"]["Arn"]
    table = running.client("dynamodb").describe_table(TableName=running.outputs["ordersTableName"])[
        "Table"
    ]["TableArn"]
    (result,) = iam.simulate_principal_policy(
        PolicySourceArn=role, ActionNames=["dynamodb:GetItem"], ResourceArns=[table]
    )["EvaluationResults"]
    return bool(result["EvalDecision"] == "allowed")


def publish_constant(running: System, function: str) -> None:
    variables = [
        each.inputs["environment"]["variables"]
        for each in running.of_type("lambda/function:Function")
        if each.name.endswith("create-order")
    ]
    customer = variables[0]["SYNTHETIC_CUSTOMER"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("functions/__init__.py", "")
        code.writestr(f"functions/{function}.py", CONSTANT % customer)
    name = running.outputs["functionNames"][function]
    running.client("lambda").update_function_code(
        FunctionName=name, ZipFile=archive.getvalue(), Publish=True
    )


def test_a_version_that_drops_a_grant_and_its_rollback_fail_no_request(
    running: System, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the version before is granted outlives the deployment as long as it has traffic, and is
    there again when the traffic comes back."""
    (told,) = [
        each
        for each in itertools.chain(*running.outputs["deployments"]["stages"])
        if each["function"] == "get_order"
    ]
    (grant,) = [name for name in told["policies"] if "getitem" in name]
    told["policies"].remove(grant)  # as the program tells that has dropped it
    running.tell(outputs=running.outputs)
    publish_constant(running, "get_order")
    deploy = ["deploy", "--stack", "local"]
    assert main(["deploy", "status", "--stack", "local"]) == 1
    assert may_read(running, told)
    with Load(Api(running.url)).running() as load:
        assert main(deploy) == 0
        assert alias(running, "get_order") == {"version": "2", "weights": None}
        assert not may_read(running, told)
        assert main(["deploy", "status", "--stack", "local"]) == 0
        assert main(deploy) == 0  # there is nothing left to do
        assert main(["deploy", "rollback", "--stack", "local"]) == 0
        assert alias(running, "get_order") == {"version": "1", "weights": None}
        assert may_read(running, told)
    assert load.failed() == 0
    assert len(load.statuses) > 20
    said = capsys.readouterr().out
    assert "get_order 1 -> 2" in said
    for event in ("BeforeAllowTraffic", "AfterAllowTraffic"):
        assert f"({event})" in said
    assert grant in said


def test_a_version_that_fails_at_once_never_has_traffic(
    running: System, capsys: pytest.CaptureFixture[str]
) -> None:
    """And what the checks place beside customers' orders is gone when they end."""
    names = running.outputs["functionNames"]
    for function in ("create_order", "get_order", "process_order"):
        running.publish(names[function], {"ORDERS_TABLE_NAME": "no-such-table"})
    deploy = ["deploy", "--stack", "local"]
    with Load(Api(running.url)).running() as load:
        assert main(deploy) == 1
        assert "HOOK_EXECUTION_FAILURE" in capsys.readouterr().err
        mended = {"ORDERS_TABLE_NAME": running.outputs["ordersTableName"]}
        for function in ("get_order", "process_order"):
            running.publish(names[function], mended)
        assert main(deploy) == 1
        said = capsys.readouterr().err
    assert "create_order 2: Failed: HOOK_EXECUTION_FAILURE" in said
    assert alias(running, "create_order") == {"version": "1", "weights": None}
    assert [alias(running, each)["version"] for each in ("get_order", "process_order")] == ["3"] * 2
    assert load.failed() == 0
    assert len(load.statuses) > 20
    assert len(orders(running)) == 1  # the load's own
    [why] = [
        line for line in running.logs(names["check_before_traffic"]) if '"create_order' in line
    ]
    assert "create_order answers 50" in why


def test_a_broken_version_hurts_no_more_than_its_share_and_is_rolled_back_by_itself(
    running: System, capsys: pytest.CaptureFixture[str]
) -> None:
    name = running.outputs["functionNames"]["get_order"]
    running.publish(name, WITHOUT_V2)
    api = Api(running.url)
    with Load(api, version="/v2").running() as load:
        assert main(["deploy", "--stack", "local"]) == 1
        during, failed = len(load.statuses), load.failed()
    assert 0 < failed <= SHARE * during + 4 * math.sqrt(during * SHARE * (1 - SHARE)) + 1
    assert load.failed() - failed <= 2  # what was under way
    assert alias(running, "get_order") == {"version": "1", "weights": None}
    said = capsys.readouterr()
    assert "ALARM_ACTIVE" in said.err
    assert "get-order-new-version-errors" in said.err
    assert "rolled back" in said.err
    assert main(["deploy", "status", "--stack", "local"]) == 1
    assert "2 has no traffic (Stopped: ALARM_ACTIVE" in capsys.readouterr().out


def test_a_deployment_is_stopped_and_taken_back_on_request(
    running: System, capsys: pytest.CaptureFixture[str]
) -> None:
    name = running.outputs["functionNames"]["create_order"]
    running.publish(name, {"CHANGED": "yes"})
    codes: list[int] = []
    deploying = threading.Thread(
        target=lambda: codes.append(main(["deploy", "--stack", "local"])), daemon=True
    )
    deploying.start()
    until(lambda: alias(running, "create_order")["weights"])
    deployments, creating = creation()
    with pytest.raises(ClientError, match="DeploymentLimitExceededException"):
        deployments.start(creating, "1", "2")
    assert main(["deploy", "rollback", "--stack", "local"]) == 0
    deploying.join()
    assert codes == [1]
    assert alias(running, "create_order") == {"version": "1", "weights": None}


def test_a_version_that_is_published_in_mid_shift_ends_the_shift(
    running: System, capsys: pytest.CaptureFixture[str]
) -> None:
    """From then on the alarms watch the new one, and nobody the one that has a part of traffic."""
    name = running.outputs["functionNames"]["create_order"]
    running.publish(name, {"CHANGED": "yes"})
    deployments, creating = creation()
    codes: list[int] = []
    deploying = threading.Thread(
        target=lambda: codes.append(main(["deploy", "--stack", "local"])), daemon=True
    )
    deploying.start()
    until(lambda: alias(running, "create_order")["weights"])
    running.publish(name, {"CHANGED": "again"})
    deploying.join()
    assert codes == [1]
    assert alias(running, "create_order") == {"version": "1", "weights": None}
    said = capsys.readouterr().err
    assert "create_order: version 3 was published while traffic moves to 2" in said
    # The same where nobody follows.
    deployments.start(creating, "1", "3")
    running.publish(name, {"CHANGED": "for good"})
    assert main(["deploy", "--stack", "local"]) == 0
    assert alias(running, "create_order") == {"version": "4", "weights": None}
    said = capsys.readouterr()
    assert "create_order: version 4 was published while traffic moves to 3" in said.err
    assert "create_order 1 -> 4" in said.out
