"""The provider double, asked over its protocol as the engine asks."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from tests.aws_names import ACCOUNT
from tests.engine import wire
from tests.engine.aws_resources import RESOURCE_TYPES
from tests.engine.cloud import Cloud
from tests.engine.provider import Provider
from tests.inputs.aws_types import input_types

QUEUE = "aws:sqs/queue:Queue"
TABLE = "aws:dynamodb/table:Table"

Double = provider_pb2_grpc.ResourceProviderStub  # the protocol itself
Kind = provider_pb2.PropertyDiff


@pytest.fixture(scope="module", name="double")
def _double(double: Provider) -> Double:
    return double.client


@pytest.fixture(autouse=True)
def _nothing_there(cloud: Cloud, double: Double) -> None:
    cloud.empty()
    tags = {"tags": {"stack": "test"}}
    args = wire.to_struct({"region": "eu-west-1", "defaultTags": tags})
    double.Configure(provider_pb2.ConfigureRequest(args=args))


def _urn(kind: str, name: str = "it") -> str:
    return f"urn:pulumi:test::shop::{kind}::{name}"


def _check(
    double: Double, kind: str, news: dict[str, Any], olds: dict[str, Any] | None = None
) -> Any:
    request = provider_pb2.CheckRequest(
        urn=_urn(kind), type=kind, news=wire.to_struct(news), olds=wire.to_struct(olds or {})
    )
    return double.Check(request)


def _refusals(double: Double, kind: str, news: dict[str, Any]) -> dict[str, str]:
    return {f.property: f.reason for f in _check(double, kind, news).failures}


def _create(double: Double, kind: str, inputs: dict[str, Any], preview: bool = False) -> Any:
    request = provider_pb2.CreateRequest(
        urn=_urn(kind), type=kind, properties=wire.to_struct(inputs), preview=preview
    )
    return double.Create(request)


def _diff(double: Double, kind: str, old: dict[str, Any], new: dict[str, Any]) -> Any:
    request = provider_pb2.DiffRequest(
        id="id",
        urn=_urn(kind),
        type=kind,
        old_inputs=wire.to_struct(old),
        news=wire.to_struct(new),
    )
    return double.Diff(request)


@pytest.mark.parametrize(
    ("kind", "inputs", "refused"),
    [
        (QUEUE, {"visibilityTimeout": 30}, "visibilityTimeout"),
        (QUEUE, {"visibilityTimeoutSeconds": "long"}, "visibilityTimeoutSeconds"),
        ("aws:sqs/queuePolicy:QueuePolicy", {"policy": "{}"}, "queueUrl"),
        (TABLE, {"attributes": [{"name": "id", "typ": "S"}]}, "attributes[0].typ"),
        (TABLE, {"attributes": [{"name": "id", "type": "TEXT"}]}, "attributes[0].type"),
    ],
)
def test_inputs_outside_the_providers_types_are_refused(
    kind: str, inputs: dict[str, Any], refused: str, double: Double
) -> None:
    assert refused in _refusals(double, kind, inputs)


def test_provider_configuration_outside_its_types_is_refused(double: Double) -> None:
    news = wire.to_struct({"regoin": "eu-west-1"})
    checked = double.CheckConfig(provider_pb2.CheckRequest(urn=_urn("p"), news=news))
    assert [failure.property for failure in checked.failures] == ["regoin"]


def test_unknown_inputs_of_any_type_are_taken(double: Double) -> None:
    inputs = {
        "visibilityTimeoutSeconds": wire.UNKNOWN,
        "tags": wire.UNKNOWN,
        "redrivePolicy": wire.UNKNOWN,
    }
    assert _refusals(double, QUEUE, inputs) == {}


def test_names_are_made_up_once_and_the_same_every_time(double: Double) -> None:
    first = wire.to_dict(_check(double, QUEUE, {}).inputs)
    assert first["name"].startswith("it-")
    assert wire.to_dict(_check(double, QUEUE, {}).inputs)["name"] == first["name"]

    _create(double, QUEUE, first)
    assert wire.to_dict(_check(double, QUEUE, {}, first).inputs)["name"] == first["name"]
    beside = wire.to_dict(_check(double, QUEUE, {}).inputs)["name"]
    assert beside != first["name"]


def test_default_tags_are_on_what_takes_tags(double: Double) -> None:
    inputs = wire.to_dict(_check(double, QUEUE, {"tags": {"team": "a"}}).inputs)
    assert inputs["tagsAll"] == {"stack": "test", "team": "a"}
    policy = _check(double, "aws:sqs/queuePolicy:QueuePolicy", {"queueUrl": "u", "policy": "{}"})
    assert "tagsAll" not in wire.to_dict(policy.inputs)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"tags": {"a": "1"}}, {"tags": {"a": "1"}}, {}),
        ({"delaySeconds": 1}, {"delaySeconds": 2}, {"delaySeconds": Kind.UPDATE}),
        ({}, {"delaySeconds": 2}, {"delaySeconds": Kind.ADD}),
        ({"delaySeconds": 1}, {}, {"delaySeconds": Kind.DELETE}),
        ({"tags": {"a": "1"}}, {"tags": {"a": "2"}}, {"tags.a": Kind.UPDATE}),
        ({"name": "a"}, {"name": "b"}, {"name": Kind.UPDATE_REPLACE}),
    ],
)
def test_diff_names_the_inputs_that_differ(
    old: dict[str, Any], new: dict[str, Any], expected: dict[str, Any], double: Double
) -> None:
    diff = _diff(double, QUEUE, old, new)
    assert {path: found.kind for path, found in diff.detailedDiff.items()} == expected
    some = bool(expected)
    assert diff.changes == (diff.DIFF_SOME if some else diff.DIFF_NONE)


def test_diff_names_the_element_of_a_list(double: Double) -> None:
    old, new = ([{"name": "id", "type": kind}] for kind in ("S", "N"))
    diff = _diff(double, TABLE, {"attributes": old}, {"attributes": new})
    assert list(diff.detailedDiff) == ["attributes[0].type"]


def test_archives_differ_by_their_contents_alone(double: Double) -> None:
    kind = "aws:lambda/function:Function"
    old, moved, changed = (
        {"code": {**wire.archive(path), "hash": digest}}
        for path, digest in (("/a", "1"), ("/b", "1"), ("/a", "2"))
    )
    assert not _diff(double, kind, old, moved).diffs
    assert _diff(double, kind, old, changed).diffs == ["code"]


@pytest.mark.parametrize(
    ("old", "new", "delete_first"),
    [
        ({"name": "Orders", "hashKey": "a"}, {"name": "Orders", "hashKey": "b"}, True),
        ({"name": "Orders"}, {"name": "Others"}, False),
        (
            {"name": "it-1", "__defaults": ["name"], "hashKey": "a"},
            {"name": "it-1", "__defaults": ["name"], "hashKey": "b"},
            False,
        ),
    ],
)
def test_only_a_given_name_that_stays_needs_the_old_resource_to_go_first(
    old: dict[str, Any], new: dict[str, Any], delete_first: bool, double: Double
) -> None:
    diff = _diff(double, TABLE, old, new)
    assert diff.replaces
    assert diff.deleteBeforeReplace is delete_first


def test_a_physical_name_is_given_once(double: Double) -> None:
    _create(double, TABLE, {"name": "Orders"})
    with pytest.raises(grpc.RpcError, match="exists already"):
        _create(double, TABLE, {"name": "Orders"})


def test_a_queue_with_the_same_attributes_is_adopted_and_one_with_others_refused(
    double: Double, cloud: Cloud
) -> None:
    inputs = {"name": "order-events", "messageRetentionSeconds": 60, "tags": {"stack": "a"}}
    first = _create(double, QUEUE, inputs)
    assert _create(double, QUEUE, {**inputs, "tags": {"stack": "b"}}).id == first.id
    assert len(list(cloud)) == 1
    with pytest.raises(grpc.RpcError, match="exists already"):
        _create(double, QUEUE, {**inputs, "messageRetentionSeconds": 61})


def test_a_second_subscription_of_an_endpoint_is_the_first(double: Double, cloud: Cloud) -> None:
    kind = "aws:sns/topicSubscription:TopicSubscription"
    inputs = {"topic": "t", "protocol": "email", "endpoint": "a@example.com"}
    first, same = (_create(double, kind, inputs) for _ in range(2))
    other = _create(double, kind, {**inputs, "endpoint": "b@example.com"})
    assert same.id == first.id != other.id
    assert len(list(cloud)) == 2


def test_a_preview_creates_nothing_and_knows_only_inputs(double: Double, cloud: Cloud) -> None:
    created = wire.to_dict(_create(double, QUEUE, {"name": "a"}, preview=True).properties)
    assert created == {
        "name": "a",
        **dict.fromkeys(("id", "arn", "url"), wire.UNKNOWN),
    }
    assert list(cloud) == []


def test_read_tells_what_is_there_and_that_nothing_is(double: Double) -> None:
    created = _create(double, QUEUE, {"name": "order-events"})
    there = double.Read(provider_pb2.ReadRequest(id=created.id, type=QUEUE))
    assert wire.to_dict(there.properties)["arn"] == f"arn:aws:sqs:eu-west-1:{ACCOUNT}:order-events"
    assert double.Read(provider_pb2.ReadRequest(id="none", type=QUEUE)).id == ""


def test_deletion_protection_holds(double: Double, cloud: Cloud) -> None:
    created = _create(double, TABLE, {"name": "Orders", "deletionProtectionEnabled": True})
    with pytest.raises(grpc.RpcError, match="deletion protection"):
        double.Delete(provider_pb2.DeleteRequest(id=created.id, type=TABLE))
    assert len(list(cloud)) == 1


def test_wrong_arguments_of_a_function_are_refused(double: Double) -> None:
    args = wire.to_struct({"regoin": "eu-west-1"})
    answer = double.Invoke(
        provider_pb2.InvokeRequest(tok="aws:index/getRegion:getRegion", args=args)
    )
    assert [failure.property for failure in answer.failures] == ["regoin"]


def test_table_and_queue_are_looked_up_by_name(double: Double) -> None:
    for token, kind in (
        ("aws:dynamodb/getTable:getTable", TABLE),
        ("aws:sqs/getQueue:getQueue", QUEUE),
    ):
        made = wire.to_dict(_create(double, kind, {"name": "orders"}).properties)
        request = provider_pb2.InvokeRequest(tok=token, args=wire.to_struct({"name": "orders"}))
        found = wire.to_dict(getattr(double.Invoke(request), "return"))
        assert (found["arn"], found["id"]) == (made["arn"], made["id"])
        absent = provider_pb2.InvokeRequest(tok=token, args=wire.to_struct({"name": "none"}))
        with pytest.raises(grpc.RpcError, match="there is no"):
            double.Invoke(absent)


def test_a_provider_without_a_region_is_refused(double: Double) -> None:
    with pytest.raises(grpc.RpcError, match="no region"):
        double.Configure(provider_pb2.ConfigureRequest(args=wire.to_struct({})))


def test_a_type_or_function_that_it_does_not_know_is_refused(double: Double) -> None:
    with pytest.raises(grpc.RpcError, match="aws_resources"):
        _check(double, "aws:ec2/vpc:Vpc", {})
    with pytest.raises(grpc.RpcError, match="getBucket"):
        double.Invoke(provider_pb2.InvokeRequest(tok="aws:s3/getBucket:getBucket"))


def test_names_and_replacing_inputs_are_inputs_of_the_provider() -> None:
    wrong = [
        f"{token}: {name}"
        for token, kind in RESOURCE_TYPES.items()
        for name in {*kind.replaced_by, *([kind.name] if kind.name else [])}
        if name not in input_types(token)
    ]
    assert wrong == []
