"""How full the emulator's queues are, told whenever that has changed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core import responses  # type: ignore[import-untyped]

from local.events import QueueMeasured

SECONDS = 0.5
"""How often the queues are looked at."""

AGE_SECONDS = 20
"""How often a queue is told that only grows older."""


def watch(publish: Callable[[QueueMeasured], None]) -> None:
    """Publish from now on, from a thread of its own."""
    from ministack.services import sqs  # type: ignore[import-untyped]

    def measure() -> None:
        known: dict[Any, tuple[Any, ...]] = {}
        told: dict[Any, float] = {}
        while True:
            for place, queue in list(sqs._queues._data.items()):
                found = measured(queue, time.time())
                values = (found.visible, found.in_flight, found.delayed, found.oldest)
                aged = found.oldest and found.at - told.get(place, 0.0) > AGE_SECONDS
                if known.get(place) != values or aged:
                    known[place], told[place] = values, found.at
                    account, region, _ = place
                    with responses.request_scope(account, region):
                        publish(found)
            time.sleep(SECONDS)

    threading.Thread(target=measure, daemon=True, name="queues").start()


def measured(queue: dict[str, Any], now: float) -> QueueMeasured:
    """A queue as its own GetQueueAttributes would have it, and its oldest message as well."""
    visible = in_flight = delayed = 0
    oldest = 0.0
    for message in list(queue["messages"]):
        sent = float(message.get("sent_at", now))
        oldest = min(oldest or sent, sent)
        if message.get("visible_at", sent) <= now:
            visible += 1
        elif message.get("receive_count", 0) == 0:
            delayed += 1
        else:
            in_flight += 1
    return QueueMeasured(
        queue=queue["name"], visible=visible, in_flight=in_flight, delayed=delayed, oldest=oldest
    )
