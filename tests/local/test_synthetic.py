"""Synthetic orders in a local run: placed by the schedule's function through the front door."""

from __future__ import annotations

import json

import pytest

from local import events
from local.system import system
from tests.local.support import log_lines

pytestmark = pytest.mark.long


@pytest.mark.parametrize("auth", ["none", "cognito"])
def test_a_synthetic_order_goes_the_way_of_a_customers_and_leaves_no_trace(auth: str) -> None:
    with system(overrides={"synthetic.rateMinutes": 1, "auth": auth}) as running:
        function = running.outputs["functionNames"]["synthetic_order"]
        answer = running.client("lambda").invoke(FunctionName=function, Qualifier="live")
        assert json.loads(answer["Payload"].read()) == {"confirmed": True}
        told = [(each.route_key, each.status) for each in running.events(events.RequestAnswered)]
        assert told[0] == ("POST /orders", 201)
        assert set(told[1:]) == {("GET /orders/{id}", 200)}
        table = running.outputs["ordersTableName"]
        assert running.client("dynamodb").scan(TableName=table)["Items"] == []
        (confirmed,) = [
            line
            for line in log_lines(running, "process_order")
            if line.get("message") == "order confirmed"
        ]
        assert confirmed["synthetic"] is True
        assert not any("OrdersConfirmed" in line for line in log_lines(running, "process_order"))
        schedules = {each.name for each in running.of_type("Schedule")}
        assert "orders-synthetic-order" in schedules
