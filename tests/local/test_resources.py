"""Resource types that our own program does not use, created on the running emulator and used."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pulumi
import pulumi_aws as aws
import pytest
from botocore.exceptions import ClientError

from components import Bucket
from components.regional_domain import RegionalDomain
from local.deployer import Deployer
from local.edge.authorizer import Authorizer
from local.edge.request import Request
from local.package import CodeStore
from local.program import execute
from local.resources import CREATORS
from local.sign_in import Pool, SignInError, sending
from local.system import System
from tests.local.support import until

FAILING = "def handler(event, context):\n    print('called')\n    raise RuntimeError\n"


def _trust(service: str) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _allow(action: str, resource: pulumi.Input[str]) -> pulumi.Output[str]:
    return pulumi.Output.json_dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}],
        }
    )


def program() -> None:
    """One of each."""
    provider = aws.Provider("aws", region="us-east-1")
    here = pulumi.ResourceOptions(provider=provider)
    letters = aws.sqs.Queue("letters", opts=here)
    queue = aws.sqs.Queue("things", opts=here)
    aws.sqs.RedrivePolicy(
        "things",
        queue_url=queue.url,
        redrive_policy=pulumi.Output.json_dumps(
            {"deadLetterTargetArn": letters.arn, "maxReceiveCount": 2}
        ),
        opts=here,
    )
    bus = aws.cloudwatch.EventBus("bus", opts=here)
    rule = aws.cloudwatch.EventRule(
        "rule",
        event_bus_name=bus.name,
        event_pattern=json.dumps({"source": ["shop"]}),
        opts=here,
    )
    aws.cloudwatch.EventTarget(
        "target", rule=rule.name, event_bus_name=bus.name, arn=queue.arn, opts=here
    )
    role = aws.iam.Role("role", assume_role_policy=_trust("lambda.amazonaws.com"), opts=here)
    policy = aws.iam.Policy("policy", policy=_allow("sqs:SendMessage", queue.arn), opts=here)
    aws.iam.RolePolicyAttachment("attachment", role=role.name, policy_arn=policy.arn, opts=here)
    function = aws.lambda_.Function(
        "failing",
        role=role.arn,
        runtime=aws.lambda_.Runtime.PYTHON3D13,
        handler="index.handler",
        code=pulumi.AssetArchive({"index.py": pulumi.StringAsset(FAILING)}),
        publish=True,
        opts=here,
    )
    alias = aws.lambda_.Alias(
        "live", function_name=function.name, function_version=function.version, opts=here
    )
    failures = aws.sqs.Queue("failures", opts=here)
    aws.lambda_.FunctionEventInvokeConfig(
        "failing",
        function_name=function.name,
        qualifier=alias.name,
        maximum_retry_attempts=1,
        destination_config={"on_failure": {"destination": failures.arn}},
        opts=here,
    )
    group = aws.scheduler.ScheduleGroup("group", opts=here)
    caller = aws.iam.Role("caller", assume_role_policy=_trust("scheduler.amazonaws.com"), opts=here)
    aws.scheduler.Schedule(
        "once",
        group_name=group.name,
        schedule_expression="at(2020-01-01T00:00:00)",
        flexible_time_window={"mode": "OFF"},
        target={"arn": alias.arn, "role_arn": caller.arn, "input": '{"due": true}'},
        opts=pulumi.ResourceOptions(provider=provider, depends_on=[function, alias, failures]),
    )
    key = aws.kms.Key("key", opts=here)
    name = aws.kms.Alias("key", name="alias/things", target_key_id=key.key_id, opts=here)
    alarm = aws.cloudwatch.MetricAlarm(
        "one",
        comparison_operator="GreaterThanThreshold",
        evaluation_periods=1,
        namespace="AWS/SQS",
        metric_name="ApproximateNumberOfMessagesVisible",
        dimensions={"QueueName": queue.name},
        period=60,
        statistic="Maximum",
        threshold=1,
        opts=here,
    )
    aws.cloudwatch.CompositeAlarm(
        "many",
        alarm_name="many",
        alarm_rule=pulumi.Output.format("ALARM({0})", alarm.name),
        opts=here,
    )
    aws.dynamodb.Table(
        "table",
        name="things",
        billing_mode="PAY_PER_REQUEST",
        hash_key="id",
        range_key="at",
        attributes=[{"name": n, "type": "S"} for n in ("id", "at", "of")],
        local_secondary_indexes=[{"name": "by-owner", "range_key": "of", "projection_type": "ALL"}],
        stream_enabled=True,
        stream_view_type="NEW_IMAGE",
        opts=here,
    )
    bucket = Bucket(
        "files",
        {"expiries": [{"prefix": "old/", "days": 3}], "notifications": True},
        pulumi.ResourceOptions(provider=provider),
    )
    pool = aws.cognito.UserPool(
        "users",
        alias_attributes=["email"],
        mfa_configuration="OPTIONAL",
        software_token_mfa_configuration={"enabled": True},
        username_configuration={"case_sensitive": False},
        password_policy={"minimum_length": 12, "require_symbols": True},
        schemas=[{"name": "email", "attribute_data_type": "String", "required": True}],
        user_attribute_update_settings={
            "attributes_require_verification_before_updates": ["email"]
        },
        opts=here,
    )
    server = aws.cognito.ResourceServer(
        "server",
        identifier="orders",
        user_pool_id=pool.id,
        scopes=[{"scope_name": n, "scope_description": n} for n in ("read", "write", "admin")],
        opts=here,
    )
    signing_in = {
        "user_pool_id": pool.id,
        "allowed_oauth_flows_user_pool_client": True,
        "access_token_validity": 5,
        "token_validity_units": {"access_token": "minutes"},
    }
    after = pulumi.ResourceOptions(provider=provider, depends_on=[server])
    page = aws.cognito.UserPoolClient(
        "page",
        allowed_oauth_flows=["code"],
        allowed_oauth_scopes=["openid", "orders/read"],
        callback_urls=["http://localhost:3000/"],
        opts=after,
        **signing_in,
    )
    machine = aws.cognito.UserPoolClient(
        "machine",
        allowed_oauth_flows=["client_credentials"],
        allowed_oauth_scopes=["orders/read", "orders/write"],
        generate_secret=True,
        opts=after,
        **signing_in,
    )
    aws.cognito.UserPoolDomain("domain", domain="things", user_pool_id=pool.id, opts=here)
    api = aws.apigatewayv2.Api("api", protocol_type="HTTP", opts=here)
    aws.apigatewayv2.Authorizer(
        "tokens",
        api_id=api.id,
        authorizer_type="JWT",
        identity_sources=["$request.header.Authorization"],
        jwt_configuration={
            "issuer": pulumi.Output.concat("https://", pool.endpoint),
            "audiences": [page.id, machine.id],
        },
        opts=here,
    )
    domain = RegionalDomain(
        "shop",
        {
            "domain": {"name": "api.example.com", "zone_id": "Z0123456789ABC"},
            "api_id": "abc",
            "api_url": "https://abc.execute-api.us-east-1.amazonaws.com",
            "stage_name": "$default",
        },
        pulumi.ResourceOptions(provider=provider),
    )
    things = aws.dynamodb.Table(
        "things",
        billing_mode="PAY_PER_REQUEST",
        hash_key="id",
        attributes=[{"name": "id", "type": "S"}],
        stream_enabled=True,
        stream_view_type="NEW_AND_OLD_IMAGES",
        replicas=[
            {
                "region_name": "eu-west-1",
                "point_in_time_recovery": True,
                "deletion_protection_enabled": True,
                "propagate_tags": True,
                "consistency_mode": "EVENTUAL",
            }
        ],
        tags={"of": "things"},
        opts=here,
    )
    for output, value in {
        "domain": domain.url,
        "table": things.name,
        "replicas": things.replicas,
        "userPoolId": pool.id,
        "pageClientId": page.id,
        "machineClientId": machine.id,
        "issuer": pulumi.Output.concat("https://", pool.endpoint),
        "bucket": bucket.name,
        "queue": queue.url,
        "failures": failures.url,
        "live": alias.name,
        "bus": bus.name,
        "role": role.arn,
        "alias": name.name,
        "group": group.name,
        "alarm": alarm.name,
    }.items():
        pulumi.export(output, value)


@pytest.fixture(scope="module")
def created(running: System) -> tuple[Deployer, dict[str, Any]]:
    """The program's resources and outputs."""
    client = running._emulator.client
    deployer = Deployer(
        client=client, code=CodeStore(client), edge_url=running.url, batch_concurrency=2
    )
    outputs = execute(program, deployer, project="things", stack="test", config={})
    return deployer, outputs


Created = tuple[Deployer, dict[str, Any]]


def test_every_creator_is_run(running: System, created: Created) -> None:
    elsewhere = {
        "aws:sns/topicSubscription:TopicSubscription",  # test_other_configurations
        # tests/operations/test_deploy_locally
        "aws:codedeploy/application:Application",
        "aws:codedeploy/deploymentConfig:DeploymentConfig",
        "aws:codedeploy/deploymentGroup:DeploymentGroup",
    }
    ran = {resource.type for resource in (*running.resources, *created[0].resources)}
    assert set(CREATORS) - ran == elsewhere


def test_replica_is_protected_as_it_says(running: System, created: Created) -> None:
    outputs = created[1]
    [replica] = outputs["replicas"]
    there = running._emulator.client("dynamodb", "eu-west-1")
    table = there.describe_table(TableName=outputs["table"])["Table"]
    assert table["TableArn"] == replica["arn"] == replica["arn"].replace("us-east-1", "eu-west-1")
    assert table["LatestStreamArn"] == replica["stream_arn"]
    assert table["DeletionProtectionEnabled"]
    backups = there.describe_continuous_backups(TableName=outputs["table"])
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    tags = there.list_tags_of_resource(ResourceArn=table["TableArn"])["Tags"]
    assert {"Key": "of", "Value": "things"} in tags


def test_domain_is_registered_and_has_no_effect(created: Created) -> None:
    deployer, outputs = created
    assert outputs["domain"] == "https://api.example.com"
    kinds = {each.rpartition(":")[2] for each in deployer.without_effect}
    assert {"Certificate", "CertificateValidation", "DomainName", "ApiMapping"} <= kinds
    assert {"Record", "HealthCheck"} <= kinds


def test_event_of_a_bus_reaches_the_queue_its_rule_names(running: System, created: Created) -> None:
    outputs = created[1]
    event = {"DetailType": "sold", "Detail": '{"id": 1}', "EventBusName": outputs["bus"]}
    sent = running.client("events").put_events(
        Entries=[{**event, "Source": "shop"}, {**event, "Source": "elsewhere"}]
    )
    assert sent["FailedEntryCount"] == 0
    queues = running.client("sqs")
    got = until(
        lambda: queues.receive_message(QueueUrl=outputs["queue"], VisibilityTimeout=30).get(
            "Messages"
        )
    )
    assert [json.loads(message["Body"])["source"] for message in got] == ["shop"]
    attributes = queues.get_queue_attributes(
        QueueUrl=outputs["queue"], AttributeNames=["RedrivePolicy"]
    )["Attributes"]
    assert json.loads(attributes["RedrivePolicy"])["maxReceiveCount"] in (2, "2")


@pytest.mark.long
def test_failed_asynchronous_calls_are_retried_as_the_alias_says_and_then_told_to_its_queue(
    running: System, created: Created
) -> None:
    queues, failures = running.client("sqs"), created[1]["failures"]

    def told() -> dict[str, Any]:
        (message,) = until(lambda: queues.receive_message(QueueUrl=failures).get("Messages"))
        queues.delete_message(QueueUrl=failures, ReceiptHandle=message["ReceiptHandle"])
        return dict(json.loads(message["Body"]))

    scheduled = told()
    assert scheduled["requestPayload"] == {"due": True}
    name = scheduled["requestContext"]["functionArn"].split(":function:")[1].split(":")[0]

    running.client("lambda").invoke(
        FunctionName=name,
        Qualifier=created[1]["live"],
        InvocationType="Event",
        Payload=b'{"asked": true}',
    )
    assert told()["requestPayload"] == {"asked": True}
    lines = [line for line in running.logs(name) if line.strip() == "called"]
    assert len(lines) == 4, "each one call and one retry"


def test_attached_policy_grants_what_it_says_and_no_more(running: System, created: Created) -> None:
    queues = running.role_client("sqs", created[1]["role"])
    queues.send_message(QueueUrl=created[1]["queue"], MessageBody="allowed")
    with pytest.raises(ClientError, match="not authorized"):
        queues.purge_queue(QueueUrl=created[1]["queue"])


def test_other_resources_are_what_was_asked_for(running: System, created: Created) -> None:
    table = running.client("dynamodb").describe_table(TableName="things")["Table"]
    assert [key["AttributeName"] for key in table["KeySchema"]] == ["id", "at"]
    assert table["LocalSecondaryIndexes"][0]["IndexName"] == "by-owner"
    assert table["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"
    assert running.client("kms").describe_key(KeyId=created[1]["alias"])["KeyMetadata"]["Enabled"]
    groups = running.client("scheduler").list_schedule_groups()["ScheduleGroups"]
    assert created[1]["group"] in [group["Name"] for group in groups]
    alarms = running.client("cloudwatch").describe_alarms(
        AlarmNames=["many"], AlarmTypes=["CompositeAlarm"]
    )
    assert alarms["CompositeAlarms"][0]["AlarmRule"] == f"ALARM({created[1]['alarm']})"


@pytest.mark.parametrize("who", ["user", "machine"])
def test_pools_tokens_are_those_of_its_issuer(running: System, created: Created, who: str) -> None:
    where = (running.endpoint, running.region, running.credentials)
    send = sending(*where)
    tokens: list[str] = []

    def meanwhile(
        method: str, path: str, form: Mapping[str, str] | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        """In the middle of a user's sign-in the same user signs in elsewhere."""
        if path == "/login" and not tokens:
            idp = running.client("cognito-idp")
            elsewhere = Pool(idp, send, created[1], "secret")
            tokens.append(elsewhere.token_of_user("ada", ["orders/read"]))
        return send(method, path, form)

    pool = Pool(running.client("cognito-idp"), meanwhile, created[1], "secret")
    tokens.append(
        pool.token_of_user("ada", ["orders/read"]) if who == "user" else pool.token_of_machine()
    )
    assert len(tokens) == (2 if who == "user" else 1)

    async def published(url: str) -> bytes:
        return send("GET", urlsplit(url).path, None)[2]

    audience = [created[1]["pageClientId"], created[1]["machineClientId"]]
    definition = {"issuer": created[1]["issuer"], "audience": audience, "header": "authorization"}
    authorizer = Authorizer(definition, published, time.monotonic)
    subjects = set()
    for token in tokens:
        headers = [(b"authorization", f"Bearer {token}".encode())]
        request = Request({"method": "GET", "raw_path": b"/", "headers": headers}, time.time())
        assert asyncio.run(authorizer.admit(request, ["orders/read"])) is None
        assert request.scopes
        assert int(request.claims["exp"]) - int(request.claims["iat"]) == 5 * 60
        subjects.add(request.claims["sub"])
    assert len(subjects) == 1
    expected = ["orders/read"] if who == "user" else ["orders/read", "orders/write"]
    assert sorted(request.scopes) == expected


def test_pool_gives_no_scope_that_its_client_may_not_have(
    running: System, created: Created
) -> None:
    send = sending(running.endpoint, running.region, running.credentials)
    pool = Pool(running.client("cognito-idp"), send, created[1], "secret")
    with pytest.raises(SignInError, match="invalid_scope"):
        pool.token_of_user("eve", ["orders/admin"])
    with pytest.raises(SignInError, match="invalid_grant"):
        pool.token_of_machine(["orders/admin"])


def test_bucket_is_what_was_asked_for(running: System, created: Created) -> None:
    storage, name = running.client("s3"), created[1]["bucket"]
    block = storage.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert len(block) == 4
    assert all(block.values())
    [owner] = storage.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert owner["ObjectOwnership"] == "BucketOwnerEnforced"
    [rule] = storage.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"][
        "Rules"
    ]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    lifecycle = storage.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
    assert [each["ID"] for each in lifecycle] == ["old-versions", "abandoned-uploads", "expiry-0"]
    assert "DenyWithoutTls" in storage.get_bucket_policy(Bucket=name)["Policy"]
    assert "EventBridgeConfiguration" in storage.get_bucket_notification_configuration(Bucket=name)
    versions = {
        storage.put_object(Bucket=name, Key="one", Body=body)["VersionId"] for body in (b"1", b"2")
    }
    assert len(versions) == 2
