"""`python -m operations drill` on the running system."""

from __future__ import annotations

from typing import Any

import pytest

from local import state
from local.client import Api
from local.system import System
from operations import stacks
from operations.__main__ import main
from operations.drill import AlarmDrill
from tests.local.support import SECONDS


@pytest.mark.long
def test_orders_of_a_drill_are_confirmed(
    running: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = {
        "outputs": running.outputs,
        "endpoint": "",
        "region": running.region,
        "credentials": {},
    }
    monkeypatch.setattr(state, "read", lambda stack: run)
    assert main(["drill", "--stack", stacks.LOCAL, "--orders", "12"]) == 0
    assert capsys.readouterr().out.startswith("12 CONFIRMED; half of them after ")


@pytest.mark.long
def test_message_of_a_drill_is_given_up_and_taken_out_again(running: System, api: Api) -> None:
    """SQS and the processor are the run's, whose CloudWatch evaluates no alarm by itself."""
    sqs = running.client("sqs")
    queue, dlq = (running.outputs[f"orderEvents{kind}Url"] for kind in ("Queue", "Dlq"))

    class CloudWatch:
        def describe_alarms_for_metric(self, **_: Any) -> dict[str, Any]:
            names = ["ApproximateNumberOfMessages"]
            found = sqs.get_queue_attributes(QueueUrl=dlq, AttributeNames=names)["Attributes"]
            state = "ALARM" if int(found[names[0]]) else "OK"
            alarm = {"AlarmName": "dlq", "StateValue": state, "AlarmActions": ["arn:topic"]}
            return {"MetricAlarms": [alarm]}

        def describe_alarm_history(self, **_: Any) -> dict[str, Any]:
            return {"AlarmHistoryItems": [{"HistorySummary": "Successfully executed action"}]}

    said: list[str] = []
    AlarmDrill(sqs, CloudWatch(), queue, dlq, SECONDS, pause_seconds=0.05).run(said.append)
    assert said[-1] == "took the message out of the dead letters"
    assert CloudWatch().describe_alarms_for_metric()["MetricAlarms"][0]["StateValue"] == "OK"
