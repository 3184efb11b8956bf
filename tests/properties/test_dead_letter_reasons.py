"""What the tools for people say of a message is what the processor made of it."""

import json
from collections.abc import Iterator
from types import ModuleType

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from functions import contract
from functions.orders.events import read
from tests.properties.double import Aws, Context, loaded_functions

NO_ORDER = "there is no such order"
ORDER = "7c9e6679-7425-40de-944b-e07fc1f90ae7"

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just(ORDER),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "type", "items", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.just(contract.ORDER_CREATED) | VALUES,
        "detail": VALUES
        | st.fixed_dictionaries(
            {},
            optional={
                "id": st.just(ORDER) | st.just(ORDER.upper()) | VALUES,
                "customerName": VALUES,
                "items": VALUES,
            },
        ),
    },
)
BODIES = (EVENTS | VALUES).map(json.dumps) | st.text(max_size=30) | st.just("[" * 9_000)


@pytest.fixture(scope="module")
def processor() -> Iterator[ModuleType]:
    with loaded_functions() as modules:
        yield modules["process_order"]


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@example(
    body=json.dumps(
        {"type": "OrderCreated", "detail": {"id": ORDER, "customerName": "Ann", "items": []}}
    )
)
@given(body=BODIES)
def test_a_body_is_flawed_for_people_exactly_when_the_processor_rejects_it(
    processor: ModuleType, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    aws = Aws()
    message = aws.put_message(body)
    caplog.clear()
    with aws.invocation():
        result = processor.handler({"Records": [message.record()]}, Context())
    [reason] = [vars(line)["reason"] for line in caplog.records]
    content = read(body)
    assert result == {"batchItemFailures": [{"itemIdentifier": message.message_id}]}
    assert aws.items == {}, "a message made an order"
    if content.flaw:
        assert reason != NO_ORDER
    else:
        assert reason == NO_ORDER
        assert content.order_id == ORDER
