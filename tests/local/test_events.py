"""The stream of run events: typed, for any number of listeners, waiting for none."""

from __future__ import annotations

import threading

import pytest

from functions import contract
from local import events
from local.client import Api
from local.system import System
from tests.local.support import ORDER, SECONDS, until

EVENT = events.LogLine(function="f", text="a line\n\ud800")


def _line(number: int) -> events.LogLine:
    return events.LogLine(function="f", text=str(number))


@pytest.mark.parametrize("kind", events.Event.__subclasses__())
def test_every_event_survives_the_way_to_another_process(kind: type[events.Event]) -> None:
    values = {
        "bool": True,
        "str": "é\n\x7f",
        "str | None": None,
        "int": 3,
        "float": 1.5,
        "float | None": None,
        "dict[str, list[str]]": {"events:source": ["é", "a"]},
    }
    fields = kind.__dataclass_fields__.values()
    event = kind(**{each.name: values[str(each.type)] for each in fields})
    line = events.encode(event)
    assert line.count(b"\n") == 1
    assert line.rstrip(b"\n").decode().isprintable()
    assert events.decode(line) == event


@pytest.mark.parametrize("line", [b"", b"[]", b"{}", b'{"event": "Unknown"}', b'{"event": []}'])
def test_other_lines_are_no_events(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"not an event|Expecting value"):
        events.decode(line)


def test_every_listener_gets_every_event() -> None:
    stream = events.Stream()
    with stream.subscribe() as one, stream.subscribe() as other:
        published = [_line(number) for number in range(5)]
        for event in published:
            stream.publish(event)
        stream.close()
        assert list(one) == published
        assert list(other) == published


def test_slow_listener_holds_up_nobody_and_is_told_what_it_missed() -> None:
    stream = events.Stream()
    slow, quick = stream.subscribe(limit=3), stream.subscribe()
    published = [_line(number) for number in range(10)]
    for event in published:
        stream.publish(event)
    assert [slow.get() for _ in range(3)] == published[:3]
    assert [quick.get() for _ in range(10)] == published
    stream.publish(EVENT)
    missed, latest = slow.get(), slow.get()
    assert isinstance(missed, events.Dropped)
    assert (missed.count, latest) == (7, EVENT)


def test_listener_is_told_what_it_missed_though_nothing_follows() -> None:
    stream = events.Stream()
    slow = stream.subscribe(limit=1)
    for number in range(3):
        stream.publish(_line(number))
    slow.get()
    missed = slow.get()
    assert isinstance(missed, events.Dropped)
    assert missed.count == 2
    assert slow.get(0) is None


def test_waiting_listener_wakes_for_an_event_and_for_the_end() -> None:
    stream = events.Stream()
    taken: list[events.Event] = []
    subscription = stream.subscribe()
    listener = threading.Thread(target=lambda: taken.extend(subscription))
    listener.start()
    stream.publish(EVENT)
    assert subscription.settle(SECONDS)
    assert taken == [EVENT]
    stream.close()
    listener.join(SECONDS)
    assert not listener.is_alive()
    stream.publish(EVENT)
    assert taken == [EVENT]


def test_an_order_is_told_from_request_to_confirmation(running: System, api: Api) -> None:
    with running.stream.subscribe() as told:
        created = api.create(ORDER)
        api.wait_for(created.body["id"], contract.CONFIRMED, SECONDS)
        names = running.outputs["functionNames"]
        name = names["process_order"]
        until(lambda: any(e.function == name for e in running.events(events.BatchProcessed)))
        told.close()
        seen = list(told)
    request = next(e for e in seen if isinstance(e, events.RequestAnswered))
    assert (request.request_id, request.status, request.route_key, request.location) == (
        created.headers["apigw-requestid"],
        201,
        "POST /orders",
        f"/orders/{created.body['id']}",
    )
    batches = [e.orders for e in seen if isinstance(e, events.BatchProcessed)]
    assert any(created.body["id"] in orders for orders in batches)
    invoked = {e.function for e in seen if isinstance(e, events.FunctionInvoked)}
    assert invoked >= {name, names["create_order"]}
    received = [e for e in seen if isinstance(e, events.MessageReceived)]
    assert ("order-events", 1) in {(e.queue, e.receives) for e in received}
    logged = [e.text for e in seen if isinstance(e, events.LogLine) and e.function == name]
    assert any(created.body["id"] in text for text in logged)


@pytest.mark.long
def test_a_poison_message_is_told_until_it_is_dead(running: System) -> None:
    sent = running.client("sqs").send_message(
        QueueUrl=running.outputs["orderEventsQueueUrl"], MessageBody="poison"
    )["MessageId"]

    def dead() -> list[events.MessageDeadLettered]:
        return [e for e in running.events(events.MessageDeadLettered) if e.message_id == sent]

    assert until(dead)
    assert [(e.queue, e.dead_letter_queue, e.receives) for e in dead()] == [
        ("order-events", "order-events-dlq", 3)
    ]
    receives = [e.receives for e in running.events(events.MessageReceived) if e.message_id == sent]
    assert receives == [1, 2, 3]
