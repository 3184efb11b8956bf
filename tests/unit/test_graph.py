"""What the program registers, read without a run: what cost, capacity and the map are made of."""

import pytest

from functions import contract
from operations import graph
from operations.stacks import StackError
from tests.recorder import Recording
from tests.unit import stacks


def test_it_has_what_is_registered_with_what_each_resource_is_in() -> None:
    given = {"architecture": "arm64", "memorySize": 512}
    read = stacks.graph("dev", given)
    recorded: Recording = stacks.recording("dev")
    registered = sorted((each.type, each.name) for each in recorded.registrations if each.custom)
    assert sorted((each.type, each.name) for each in read.resources) == registered
    functions = {each.name: each for each in read.of(stacks.FUNCTION)}
    assert {each.inputs["memorySize"] for each in functions.values()} == {512}
    assert functions["orders-get-order"].parents == (
        "OrderSystem orders",
        "PythonFunction orders-get-order",
    )
    assert read.settings.system["memory_size"] == 512


def test_references_lead_to_the_resource_and_from_an_alias_to_its_function() -> None:
    read = stacks.graph()
    mappings = {each.name: each for each in read.of(stacks.EVENT_SOURCE)}
    [mapping] = [each for name, each in mappings.items() if "process-order" in name]
    [source] = read.behind(mapping, "eventSourceArn")
    assert (source.type, source.inputs["name"]) == (stacks.QUEUE, "order-events")
    [function] = read.behind(mapping, "functionName")
    assert (function.type, function.name) == (stacks.FUNCTION, "orders-process-order")


@pytest.mark.parametrize(
    ("stack", "overrides", "named"),
    [
        ("nowhere", {}, "no Pulumi.nowhere.yaml"),
        ("dev", {"memory": 512}, "unknown configuration serverless-orders:memory"),
        ("dev", {"memorySize": 1}, "serverless-orders:memorySize: expected"),
        ("prod", {"cors.origins": ["*"]}, "expected origins as https://shop.example.com"),
    ],
)
def test_a_stack_that_cannot_be_is_named(
    stack: str, overrides: dict[str, object], named: str
) -> None:
    with pytest.raises(StackError, match=f"stack {stack}: ") as raised:
        graph.read(stack, overrides)
    assert named in str(raised.value)


def test_no_bundle_is_built_for_a_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stack is read where its functions cannot be compiled, too."""

    def never(*_: object, **__: object) -> None:
        raise AssertionError("built")

    monkeypatch.setattr("components.bundle.build", never)
    assert graph.read("dev", {"events": False}).of(stacks.FUNCTION)


def test_a_stack_of_another_region_is_read_with_what_the_home_regions_has_made() -> None:
    regions = {"regions.members": ["us-east-1", "eu-west-1"], "region": "eu-west-1"}
    home = {"regions.homeStack": "organization/serverless-orders/local"}
    less = {"events": False, "imports": False, "tableMetrics.rateHours": 0}
    read = graph.read("local-eu-west-1", {**regions, **home, **less})
    assert not read.of("aws:dynamodb/table:Table")
    [create] = [each for each in read.of(stacks.FUNCTION) if "create-order" in each.name]
    assert create.inputs["environment"]["variables"][contract.TABLE_NAME_VARIABLE] == "Orders"
