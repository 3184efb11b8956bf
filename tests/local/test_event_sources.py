"""Rules and buckets that invoke functions on the running emulator, through the components."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components import Bucket, PythonFunction
from local.deployer import Deployer
from local.package import CodeStore
from local.permissions import require
from local.program import execute
from local.system import System
from tests.local.support import until

HEARD = (
    "def handler(event, context):\n"
    "    found = event['detail'].get('object', {})\n"
    "    print('heard', found.get('key'), found.get('version-id'), event['detail'].get('n'))\n"
    "    if event['detail'].get('n') == 13:\n"
    "        raise RuntimeError\n"
)


def program() -> None:
    """A bucket with two listeners, and a bus with one that fails for one event."""
    provider = aws.Provider("aws", region="us-east-1")
    here = pulumi.ResourceOptions(provider=provider)
    bucket = Bucket("heard", {"notifications": True}, here)
    bus = aws.cloudwatch.EventBus("shop", opts=here)

    def listener(name: str, sources: Any) -> PythonFunction:
        args: Any = {
            "code": pulumi.AssetArchive({"index.py": pulumi.StringAsset(HEARD)}),
            "handler": "index.handler",
            "sources": sources,
            "asynchronous": {"maximum_retry_attempts": 1},
        }
        return PythonFunction(name, args, here)

    first = listener("first", {"bucket": {"arn": bucket.arn, "prefix": "in/", "suffix": ".csv"}})
    second = listener("second", {"bucket": {"arn": bucket.arn, "prefix": "in/"}})
    third = listener("third", {"rule": {"pattern": {"source": ["shop"]}, "bus": bus.name}})
    for name, output in {
        "bucket": bucket.name,
        "bus": bus.name,
        "first": first.name,
        "second": second.name,
        "third": third.name,
        "failures": third.failure_queue_name,
    }.items():
        pulumi.export(name, output)


@pytest.fixture(scope="module")
def deployer(running: System) -> Deployer:
    client = running._emulator.client
    return Deployer(
        client=client, code=CodeStore(client), edge_url=running.url, batch_concurrency=2
    )


@pytest.fixture(scope="module")
def outputs(deployer: Deployer) -> dict[str, Any]:
    return execute(program, deployer, project="heard", stack="test", config={})


def heard(running: System, function: str) -> list[list[str]]:
    lines = [line.split() for line in running.logs(function)]
    return sorted(line[1:] for line in lines if line[:1] == ["heard"])


def test_each_function_hears_of_the_objects_it_listens_for_and_of_their_version(
    running: System, outputs: dict[str, Any]
) -> None:
    storage, versions = running.client("s3"), {}
    for key in ("in/a.csv", "in/b.txt", "out/c.csv"):
        put = storage.put_object(Bucket=outputs["bucket"], Key=key, Body=b"x")
        versions[key] = put["VersionId"]
    assert until(lambda: len(heard(running, outputs["second"])) == 2)
    assert until(lambda: heard(running, outputs["first"]))
    one = ["in/a.csv", versions["in/a.csv"], "None"]
    assert heard(running, outputs["first"]) == [one]
    assert heard(running, outputs["second"]) == [one, ["in/b.txt", versions["in/b.txt"], "None"]]


def test_an_event_of_a_bus_that_fails_is_retried_and_then_kept(
    running: System, outputs: dict[str, Any]
) -> None:
    sent = running.client("events").put_events(
        Entries=[
            {
                "Source": source,
                "DetailType": "sold",
                "Detail": json.dumps({"n": n}),
                "EventBusName": outputs["bus"],
            }
            for source, n in (("shop", 1), ("shop", 13), ("elsewhere", 13))
        ]
    )
    assert sent["FailedEntryCount"] == 0
    queues = running.client("sqs")
    [kept] = until(lambda: queues.receive_message(QueueUrl=url(running, outputs)).get("Messages"))
    assert json.loads(kept["Body"])["requestPayload"]["detail"] == {"n": 13}
    attempts = [line[-1] for line in heard(running, outputs["third"])]
    assert attempts == ["1", "13", "13"]


def url(running: System, outputs: dict[str, Any]) -> str:
    answer: dict[str, str] = running.client("sqs").get_queue_url(QueueName=outputs["failures"])
    return answer["QueueUrl"]


@pytest.mark.usefixtures("outputs")
def test_a_rule_without_a_permission_to_invoke_its_function_is_told(
    running: System, deployer: Deployer
) -> None:
    iam = running.client("iam")
    require(deployer.resources, iam)
    granted = "aws:lambda/permission:Permission"
    for number, each in enumerate(deployer.resources):
        if each.type == granted:
            without = deployer.resources[:number] + deployer.resources[number + 1 :]
            with pytest.raises(Exception, match="has no permission to invoke"):
                require(without, iam)
