"""`python -m operations deploy` on a running local system, under load."""

import io
import itertools
import json
import math
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local import state
from local.client import Api
from local.system import System, system
from operations.__main__ import main
from tests.local.support import ORDER, SMALL

pytestmark = pytest.mark.long

# A version that needs nothing of AWS.
CONSTANT = """
def handler(event, context):
    print("constant")
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": "{}"}
"""

SHARE = 0.2


class Load:
    """Requests as fast as they are answered, and what became of each."""

    def __init__(self, api: Api, body: Any = None) -> None:
        self._api, self._body = api, body
        self._order = api.create(ORDER).body["id"]
        self.statuses: list[int] = []
        self._over = threading.Event()

    def _request(self) -> int:
        if self._body is not None:
            return self._api.create(self._body).status
        return self._api.request("GET", f"/orders/{self._order}").status

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
        yield started


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
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("functions/__init__.py", "")
        code.writestr(f"functions/{function}.py", CONSTANT)
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
    assert grant in said


def test_a_broken_version_hurts_no_more_than_its_share_and_is_rolled_back_by_itself(
    running: System, capsys: pytest.CaptureFixture[str]
) -> None:
    name = running.outputs["functionNames"]["create_order"]
    running.publish(name, {"ORDERS_TABLE_NAME": "no-such-table"})
    api = Api(running.url)
    with Load(api, ORDER).running() as load:
        assert main(["deploy", "--stack", "local"]) == 1
        during, failed = len(load.statuses), load.failed()
    assert 0 < failed <= SHARE * during + 4 * math.sqrt(during * SHARE * (1 - SHARE)) + 1
    assert load.failed() - failed <= 2  # what was under way
    assert alias(running, "create_order") == {"version": "1", "weights": None}
    said = capsys.readouterr()
    assert "ALARM_ACTIVE" in said.err
    assert "create-order-new-version-errors" in said.err
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
    client, told = running.client("codedeploy"), running.outputs["deployments"]
    while not alias(running, "create_order")["weights"]:
        pass
    again = {"applicationName": told["application"], "deploymentGroupName": "no-such-group"}
    with pytest.raises(client.exceptions.DeploymentGroupDoesNotExistException):
        client.create_deployment(
            **again,
            revision={
                "revisionType": "AppSpecContent",
                "appSpecContent": {"content": json.dumps({"Resources": []})},
            },
        )
    assert main(["deploy", "rollback", "--stack", "local"]) == 0
    deploying.join()
    assert codes == [1]
    assert alias(running, "create_order") == {"version": "1", "weights": None}
