"""`python -m operations import` on a running local system."""

import json
from pathlib import Path

import pytest

from functions import contract
from local import state
from local.client import Api
from local.system import system
from operations import import_command
from operations.__main__ import main
from operations.import_command import REJECTED
from tests.local.support import ORDER, SECONDS

pytestmark = pytest.mark.long


def test_lines_of_a_file_are_orders_once_and_the_others_are_reported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "orders.csv"
    file.write_bytes(
        b"\xef\xbb\xbfcustomerName,sku,qty,price,sku2,qty2,price2\r\n"
        b'"Hopper, Grace",NANO-1,3,0.1,,,\r\n'
        b"Ada,TEA-1,none,4.5,,,\r\n"
        b"Ada,TEA-1,1,4.5,TEA-2,2,0.5"
    )
    monkeypatch.setattr(state, "BUILD", tmp_path)
    monkeypatch.setattr(import_command, "PATIENCE_SECONDS", float(SECONDS))
    with system(publish_state=True) as running:
        assert main(["import", str(file), "--json"]) == REJECTED
        second, third, fourth = map(json.loads, capsys.readouterr().out.splitlines())
        assert [error["pointer"] for error in third["errors"]] == ["#/items/0/qty"]
        api = Api(running.url)
        orders = [
            api.wait_for(line["orderId"], contract.CONFIRMED, SECONDS).body
            for line in (second, fourth)
        ]
        assert [order["status"] for order in orders] == [contract.CONFIRMED] * 2
        assert orders[0]["customerName"] == "Hopper, Grace"
        assert orders[0]["items"] == ORDER["items"]
        assert [item["sku"] for item in orders[1]["items"]] == ["TEA-1", "TEA-2"]

        assert main(["import", str(file)]) == REJECTED
        said = capsys.readouterr().out
        assert "line 3: " in said
        assert said.endswith("orders imported: 2, lines rejected: 1\n")
        table = running.client("dynamodb").scan(TableName=running.outputs["ordersTableName"])
        assert {order["id"]["S"] for order in table["Items"]} == {order["id"] for order in orders}
