"""`python -m operations regions`: on replicas of the emulator's tables, with APIs that say how
their region is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]
from ministack.services import dynamodb  # type: ignore[import-untyped]

from functions import contract
from functions.orders import order
from operations import regions, stacks
from operations.__main__ import main
from tests.properties.double import create_table, execute

HOME, HEIR, THIRD = "us-east-1", "eu-west-1", "ap-south-1"
TABLE = "Orders"
OLD, YOUNG = timedelta(hours=1), timedelta(minutes=5)
SHARDS = contract.MOST_PENDING_SHARDS


class Replica:
    """A client of one replica, which forgets its connection after so many writes."""

    def __init__(self) -> None:
        self.writes = 0
        self.breaks_after: int | None = None

    def query(self, **request: Any) -> dict[str, Any]:
        return _answer(*execute("Query", {**request, "Limit": 2}), "Query")

    def update_item(self, **request: Any) -> dict[str, Any]:
        if self.writes == self.breaks_after:
            raise KeyboardInterrupt
        self.writes += 1
        return _answer(*execute("UpdateItem", request), "UpdateItem")


def _answer(status: int, answer: dict[str, Any], operation: str) -> dict[str, Any]:
    if status == 200:
        return answer
    code = str(answer["__type"]).rpartition("#")[2]
    raise ClientError({"Error": {"Code": code}}, operation)


class System:
    """A system of several regions: what their APIs answer, and the replica that is asked."""

    def __init__(self) -> None:
        self.members = [HOME, HEIR]
        self.replica = Replica()
        self.health: dict[str, tuple[int, dict[str, Any]]] = {}
        self.asked: list[str] = []
        self.urls: dict[str, str] = {}
        dynamodb.reset()
        create_table(TABLE)

    def put(
        self, number: int, region: str | None, ago: timedelta, status: str = "PENDING", **more: Any
    ) -> str:
        identity = f"00000000-0000-4000-8000-{number:012d}"
        place = self.members.index(region) if region else 0
        item = {
            "id": {"S": identity},
            "status": {"S": status},
            "createdAt": {"S": order.timestamp(datetime.now(UTC) - ago)},
            "version": {"N": "1"},
            **({"region": {"S": region}} if region else {}),
            **more,
        }
        if status == "PENDING":
            shard = place * SHARDS + number % SHARDS
            item[contract.PENDING_SHARD_ATTRIBUTE] = {"N": str(shard)}
        execute("PutItem", {"TableName": TABLE, "Item": item})
        return identity

    def item(self, identity: str) -> dict[str, Any]:
        asked = {"TableName": TABLE, "Key": {"id": {"S": identity}}}
        item: dict[str, Any] = execute("GetItem", asked)[1]["Item"]
        return item

    def region_of(self, identity: str) -> str | None:
        found = self.item(identity).get("region")
        return found["S"] if found else None


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    """Stacks `shop` (home), `shop-eu-west-1` and so on, with an API for each."""
    made = System()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            _, region, path = self.path.split("/", 2)
            made.asked.append(region)
            status, body = made.health.get(region, (0, {}))
            if not status or path != "health":
                self.connection.close()
                return
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    class Stack:
        on_aws = True

        def __init__(self, name: str) -> None:
            self.where = f"stack {name}"
            self.region = name.partition("-")[2] or HOME
            if self.region not in made.members or not name.startswith("shop"):
                raise stacks.StackError(f"stack {name}: no such stack")

        def told(self, name: str) -> Any:
            assert name == "region"
            home = {} if self.region == HOME else {"homeStack": "shop"}
            ages = {"adoptAfterMinutes": 15, "adoptionMarginSeconds": 360}
            return {"here": self.region, "members": made.members, **ages, **home}

        def output(self, name: str, _: str) -> str:
            outputs = {"ordersTableName": TABLE, "apiUrl": self.region}
            return outputs[name]

        def client(self, service: str) -> Any:
            assert service == "dynamodb"
            return made.replica

    asked_for_real = regions.Api

    def door(region: str, timeout: float) -> Any:
        api = asked_for_real(f"http://127.0.0.1:{server.server_port}", timeout)
        send = api.request
        api.request = lambda method, path: send(method, f"/{region}{path}")  # type: ignore[method-assign,assignment,misc]
        return api

    monkeypatch.setattr(stacks, "Stack", Stack)
    monkeypatch.setattr(regions, "Api", door)
    monkeypatch.setattr(regions.time, "sleep", lambda _: None)  # type: ignore[attr-defined]
    yield made
    server.shutdown()
    server.server_close()


def adopt(*more: str, stack: str = "shop-eu-west-1", down: str = HOME) -> int:
    return main(["regions", "adopt", "--stack", stack, "--from", down, *more])


def test_old_orders_of_a_region_that_is_down_become_its_heirs(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    old = [system.put(number, HOME, OLD) for number in range(5)]
    before_regions = system.put(9, None, OLD)
    done = system.put(10, HOME, OLD, "CONFIRMED")
    assert adopt("--yes") == 0
    for identity in [*old, before_regions]:
        item = system.item(identity)
        assert item["region"] == {"S": HEIR}
        shard = int(item[contract.PENDING_SHARD_ATTRIBUTE]["N"])
        assert SHARDS <= shard < 2 * SHARDS  # where its repair looks
        assert item["version"] == {"N": "1"}
        assert item["status"] == {"S": "PENDING"}
    assert system.region_of(done) == HOME
    said = capsys.readouterr().out
    assert "us-east-1: does not answer" in said
    assert "eu-west-1 adopts 6 orders of us-east-1" in said
    assert "6 orders adopted" in said
    assert system.asked == [HOME] * regions.HEALTH_ATTEMPTS

    assert adopt("--yes") == 0
    assert "0 orders adopted; 6 are not pending any more, or were adopted before" in (
        capsys.readouterr().out
    )
    assert {system.region_of(each) for each in old} == {HEIR}


def test_young_orders_stay_and_it_is_said_when_they_are_old_enough(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    old, young = system.put(1, HOME, OLD), system.put(2, HOME, YOUNG)
    assert adopt("--yes") == 3
    assert (system.region_of(old), system.region_of(young)) == (HEIR, HOME)
    created = datetime.fromisoformat(system.item(young)["createdAt"]["S"])
    due = (created + timedelta(minutes=21)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert f"1 are too young; the last of them is old enough at {due}" in capsys.readouterr().out


def test_region_that_says_it_is_well_keeps_its_orders(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    identity, own = system.put(1, HOME, OLD), system.put(2, HEIR, OLD)
    system.health[HOME] = (200, {"status": "ok", "region": HOME})
    assert adopt("--yes") == 1
    assert system.region_of(identity) == HOME
    assert "--although-alive" in capsys.readouterr().err

    assert adopt("--yes", "--although-alive") == 0
    assert system.region_of(identity) == HEIR
    # It might adopt the heir's meanwhile.
    assert "regionSince" not in system.item(own)


def test_region_that_answers_that_it_cannot_work_is_down(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    system.health[HOME] = (503, {"detail": "Not as it should be in us-east-1: queue."})
    identity = system.put(1, HOME, OLD)
    assert adopt("--yes") == 0
    assert system.region_of(identity) == HEIR
    assert "us-east-1: 503: Not as it should be in us-east-1: queue." in capsys.readouterr().out


def test_heir_whose_own_heir_is_down_takes_its_old_orders_anew(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    own = system.put(1, HEIR, OLD)
    assert adopt("--yes") == 0
    assert system.item(own)["regionSince"]["S"] > system.item(own)["createdAt"]["S"]
    assert "takes anew, as its own heir is down, 1 orders of eu-west-1" in capsys.readouterr().out


def test_nothing_is_adopted_before_somebody_agrees(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = system.put(1, HOME, OLD)
    assert adopt("--dry-run") == 0
    assert adopt() == 1
    assert "say --yes" in capsys.readouterr().err
    assert system.region_of(identity) == HOME
    assert system.replica.writes == 0


def test_adoption_that_was_interrupted_goes_on_when_it_is_called_again(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    orders = [system.put(number, HOME, OLD - timedelta(seconds=number)) for number in range(6)]
    system.replica.breaks_after = 2
    assert adopt("--yes") == 1
    assert [system.region_of(each) for each in orders].count(HEIR) == 2
    assert "interrupted; the orders adopted so far stay so" in capsys.readouterr().err
    system.replica.breaks_after = None
    adopt("--yes")
    assert {system.region_of(each) for each in orders} == {HEIR}


def test_order_that_was_confirmed_meanwhile_is_left_alone(
    system: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    identity = system.put(1, HOME, OLD)
    update = system.replica.update_item

    def confirmed_first(**request: Any) -> Any:
        system.put(1, HOME, OLD, "CONFIRMED")
        return update(**request)

    monkeypatch.setattr(system.replica, "update_item", confirmed_first)
    assert adopt("--yes") == 0
    assert system.region_of(identity) == HOME
    assert "0 orders adopted; 1 are not pending any more" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("stack", "down", "says"),
    [
        ("shop-eu-west-1", "ap-south-1", "the heir of ap-south-1 is us-east-1, not eu-west-1"),
        ("shop", HOME, "the heir of us-east-1 is eu-west-1, not us-east-1"),
        ("shop-eu-west-1", "eu-west-9", "eu-west-9 is none of the regions us-east-1, eu-west-1"),
    ],
)
def test_the_next_region_alone_adopts(
    system: System, capsys: pytest.CaptureFixture[str], stack: str, down: str, says: str
) -> None:
    system.members = [HOME, HEIR, THIRD]
    identity = system.put(1, HOME, OLD)
    assert adopt("--yes", stack=stack, down=down) == 1
    assert says in capsys.readouterr().err
    assert system.region_of(identity) == HOME


def test_region_that_cannot_be_asked_is_no_reason_to_refuse(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its outputs may be out of reach, too, when it is down."""
    system.put(1, HOME, OLD)
    assert adopt("--yes", "--from-stack", "elsewhere") == 0
    assert "us-east-1: cannot be asked: stack elsewhere" in capsys.readouterr().out


def test_status_tells_each_region_and_what_waits_there(
    system: System, capsys: pytest.CaptureFixture[str]
) -> None:
    for region in system.members:
        system.health[region] = (200, {"status": "ok", "region": region})
    system.put(1, HOME, timedelta(minutes=10))
    system.put(2, HOME, timedelta(minutes=4))
    assert main(["regions", "status", "--stack", "shop"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "us-east-1: 200: ok; 2 PENDING, the oldest for 10 min",
        "eu-west-1: 200: ok; none PENDING",
    ]
    del system.health[HEIR]
    assert main(["regions", "status", "--stack", "shop"]) == 1
    assert "eu-west-1: does not answer" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["adopt"], ["status", "--from", HOME]])
def test_command_that_cannot_be_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["regions", arguments[0], "--stack", "shop", *arguments[1:]])
    assert ended.value.code == 2
