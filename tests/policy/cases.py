"""For each rule, resources that violate it and resources that conform.

In a violating case the resource named `bad` is the one that is to be named, and `says` is part
of what has to be said of it; all else in the case conforms.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from policy.rules import types as t
from tests.policy.stack import UNKNOWN, R

ACCOUNT = "123456789012"
TABLE_ARN = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table"
QUEUE_ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs"
DLQ_ARN = f"arn:aws:sqs:us-east-1:{ACCOUNT}:jobs-dlq"
BUS_ARN = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/orders"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/worker"
GROUP_ARN = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:api"


@dataclass(frozen=True)
class Violation:
    says: str
    resources: list[R]
    stack: str = "dev"
    settings: dict[str, Any] | None = None


@dataclass(frozen=True)
class Conforming:
    resources: list[R]
    stack: str = "dev"
    settings: dict[str, Any] | None = None


@dataclass(frozen=True)
class Cases:
    violating: list[Violation] = field(default_factory=list)
    conforming: list[Conforming] = field(default_factory=list)


def policy_document(action: Any = "sqs:SendMessage", resource: Any = QUEUE_ARN, **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def identity(name: str, *args: Any, kind: str = t.ROLE_POLICY, **kwargs: Any) -> R:
    return R(kind, name, {"policy": policy_document(*args, **kwargs)})


def function(name: str, **props: Any) -> R:
    defaults = {
        "name": name,
        "role": f"{ROLE_ARN}-{name}",
        "runtime": "python3.13",
        "timeout": 30.0,
        "memorySize": 1024.0,
        "tracingConfig": {"mode": "Active"},
        "loggingConfig": {"logFormat": "Text", "logGroup": f"logs-{name}"},
    }
    merged = {k: v for k, v in {**defaults, **props}.items() if v is not None}
    return R(t.FUNCTION, name, merged)


def queue(name: str, arn: str = QUEUE_ARN, **props: Any) -> R:
    url = f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/{arn.rpartition(':')[2]}"
    values = {"name": arn.rpartition(":")[2], "arn": arn, "url": url, "id": url, **props}
    return R(t.QUEUE, name, {k: v for k, v in values.items() if v is not None})


def redrive(target: str = DLQ_ARN, count: int = 5) -> str:
    return json.dumps({"deadLetterTargetArn": target, "maxReceiveCount": count})


def source_and_dlq(source: str = "bad", dlq: str = "dlq", **props: Any) -> list[R]:
    dlq_retention = props.pop("dlq_retention", 1_209_600)
    return [
        queue(source, **{"redrivePolicy": redrive(), "messageRetentionSeconds": 345_600, **props}),
        queue(dlq, DLQ_ARN, messageRetentionSeconds=dlq_retention),
    ]


def consumer(name: str = "mapping", **props: Any) -> R:
    defaults = {
        "eventSourceArn": QUEUE_ARN,
        "functionName": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:worker:live",
        "functionResponseTypes": ["ReportBatchItemFailures"],
    }
    return R(t.EVENT_SOURCE_MAPPING, name, {**defaults, **props})


def replicated(
    name: str,
    *,
    deletion: bool = True,
    recovery: bool = True,
    table_key: str | None = None,
    replica_key: str | None = None,
) -> R:
    """A protected table with a replica, which is protected as far as it is said."""
    encryption = {"enabled": True, **({"kmsKeyArn": table_key} if table_key else {})}
    replica = {
        "regionName": "eu-west-1",
        "deletionProtectionEnabled": deletion,
        "pointInTimeRecovery": recovery,
        **({"kmsKeyArn": replica_key} if replica_key else {}),
    }
    return R(
        t.TABLE,
        name,
        {
            "deletionProtectionEnabled": True,
            "pointInTimeRecovery": {"enabled": True},
            "serverSideEncryption": encryption,
            "replicas": [replica],
        },
    )


def led(name: str, health_check: str | None = "check-1") -> R:
    """A record that leads callers to the nearest region."""
    values = {
        "type": "A",
        "setIdentifier": "eu-west-1",
        "latencyRoutingPolicies": [{"region": "eu-west-1"}],
        "healthCheckId": health_check,
    }
    return R(t.DNS_RECORD, name, {k: v for k, v in values.items() if v is not None})


STREAM = f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/t/stream/2026-01-31T12:00:00.000"


def stream_reader(name: str = "mapping", **props: Any) -> R:
    defaults = {
        "eventSourceArn": STREAM,
        "bisectBatchOnFunctionError": True,
        "maximumRetryAttempts": 3,
        "destinationConfig": {"onFailure": {"destinationArn": QUEUE_ARN}},
    }
    return consumer(name, **{**defaults, **props})


def tls_statement(**changes: Any) -> dict[str, Any]:
    return {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": QUEUE_ARN,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        **changes,
    }


def queue_policy(statement: dict[str, Any], name: str = "policy", queue_url: str = "") -> R:
    url = queue_url or f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/jobs"
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return R(t.QUEUE_POLICY, name, {"queueUrl": url, "policy": document})


def alarm(namespace: str, metric: str, name: str = "", **dimensions: str) -> R:
    return R(
        t.METRIC_ALARM,
        name or f"{metric}-alarm",
        {"namespace": namespace, "metricName": metric, "dimensions": dimensions},
    )


def math_alarm(namespace: str, metric: str, **dimensions: str) -> R:
    return R(
        t.METRIC_ALARM,
        f"{metric}-rate",
        {
            "metricQueries": [
                {"id": "rate", "expression": "100 * m / n", "returnData": True},
                {
                    "id": "m",
                    "metric": {
                        "namespace": namespace,
                        "metricName": metric,
                        "dimensions": dimensions,
                    },
                },
            ]
        },
    )


def permission(name: str, **props: Any) -> R:
    defaults = {
        "action": "lambda:InvokeFunction",
        "function": "worker",
        "principal": "apigateway.amazonaws.com",
        "sourceArn": f"arn:aws:execute-api:us-east-1:{ACCOUNT}:a1b2c3/*/POST/orders",
    }
    return R(t.PERMISSION, name, {k: v for k, v in {**defaults, **props}.items() if v is not None})


def function_alarms(name: str, leave_out: str = "") -> list[R]:
    return [
        alarm("AWS/Lambda", metric, FunctionName=name, Resource=f"{name}:live")
        for metric in ("Errors", "Throttles", "Duration")
        if metric != leave_out
    ]


def bucket_parts(name: str = "good", leave_out: str = "", **changes: dict[str, Any]) -> list[R]:
    """A bucket that conforms, but for a part left out or changed, by its type."""
    by_default = {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}}
    parts: dict[str, dict[str, Any]] = {
        t.BUCKET_PUBLIC_ACCESS_BLOCK: {
            "blockPublicAcls": True,
            "blockPublicPolicy": True,
            "ignorePublicAcls": True,
            "restrictPublicBuckets": True,
        },
        t.BUCKET_ENCRYPTION: {"rules": [by_default]},
        t.BUCKET_VERSIONING: {"versioningConfiguration": {"status": "Enabled"}},
        t.BUCKET_POLICY: bucket_policy(Action="s3:*"),
    }
    made = {**parts, **changes}
    return [
        R(t.BUCKET, name, {"bucket": "files", "id": "files"}),
        *(
            R(kind, f"part-{number}", {"bucket": "files", **props})
            for number, (kind, props) in enumerate(made.items())
            if kind != leave_out
        ),
    ]


def bucket_policy(**changes: Any) -> dict[str, Any]:
    statement = {**tls_statement(**changes), "Resource": ["arn:aws:s3:::files"]}
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": [statement]})}


ENV = "environment"
V, C = Violation, Conforming

BUS = {"name": "orders", "arn": BUS_ARN}


def on_bus(kind: str, **props: Any) -> R:
    return R(kind, "beside", {"policy": "{}", **props})


CASES: dict[str, Cases] = {
    "rule-target-keeps-undelivered-events": Cases(
        [
            V("drops the events", [R(t.EVENT_TARGET, "bad", {"arn": QUEUE_ARN})]),
            V("drops the events", [R(t.EVENT_TARGET, "bad", {"deadLetterConfig": {}})]),
        ],
        [C([R(t.EVENT_TARGET, "good", {"deadLetterConfig": {"arn": DLQ_ARN}})])],
    ),
    "bus-has-policy": Cases(
        [
            V("has no policy", [R(t.EVENT_BUS, "bad", BUS)]),
            V(
                "has no policy",
                [R(t.EVENT_BUS, "bad", BUS), on_bus(t.EVENT_BUS_POLICY, eventBusName="others")],
            ),
        ],
        [C([R(t.EVENT_BUS, "good", BUS), on_bus(t.EVENT_BUS_POLICY, eventBusName="orders")])],
    ),
    "bus-has-archive": Cases(
        [V("keeps none", [R(t.EVENT_BUS, "bad", BUS)], "prod")],
        [
            C(
                [R(t.EVENT_BUS, "good", BUS), on_bus(t.EVENT_ARCHIVE, eventSourceArn=BUS_ARN)],
                "prod",
            ),
            C([R(t.EVENT_BUS, "good", BUS)]),
        ],
    ),
    "bucket-private": Cases(
        [
            V("opened to everyone", bucket_parts("bad", t.BUCKET_PUBLIC_ACCESS_BLOCK)),
            V(
                "opened to everyone",
                bucket_parts(
                    "bad",
                    **{
                        t.BUCKET_PUBLIC_ACCESS_BLOCK: {
                            "blockPublicAcls": True,
                            "blockPublicPolicy": False,
                            "ignorePublicAcls": True,
                            "restrictPublicBuckets": True,
                        }
                    },
                ),
            ),
        ],
        [C(bucket_parts())],
    ),
    "bucket-encrypted": Cases(
        [
            V("how its objects", bucket_parts("bad", t.BUCKET_ENCRYPTION)),
            V("how its objects", bucket_parts("bad", **{t.BUCKET_ENCRYPTION: {"rules": []}})),
        ],
        [C(bucket_parts())],
    ),
    "bucket-versioned": Cases(
        [
            V("no version", bucket_parts("bad", t.BUCKET_VERSIONING)),
            V(
                "no version",
                bucket_parts(
                    "bad",
                    **{t.BUCKET_VERSIONING: {"versioningConfiguration": {"status": "Suspended"}}},
                ),
            ),
        ],
        [C(bucket_parts())],
    ),
    "bucket-tls-only": Cases(
        [
            V("without TLS", bucket_parts("bad", t.BUCKET_POLICY)),
            V(
                "without TLS",
                bucket_parts("bad", **{t.BUCKET_POLICY: bucket_policy(Action="s3:GetObject")}),
            ),
            V(
                "without TLS",
                bucket_parts(
                    "bad", **{t.BUCKET_POLICY: bucket_policy(Action="s3:*", Effect="Allow")}
                ),
            ),
        ],
        [C(bucket_parts()), C(bucket_parts(**{t.BUCKET_POLICY: bucket_policy(Action="*")}))],
    ),
    "iam-no-wildcard-action": Cases(
        [
            V("'*'", [identity("bad", "*")]),
            V("'dynamodb:*'", [identity("bad", ["sqs:SendMessage", "dynamodb:*"])]),
            V("'s3:Get*'", [identity("bad", "s3:Get*", kind=t.USER_POLICY)]),
            V("'sqs:SendMessag?'", [identity("bad", "sqs:SendMessag?", kind=t.GROUP_POLICY)]),
            V("NotAction", [identity("bad", [], NotAction="iam:*", kind=t.POLICY)]),
            V(
                "'s3:*'",
                [R(t.ROLE, "bad", {"inlinePolicies": [{"policy": policy_document("s3:*")}]})],
            ),
        ],
        [
            C([identity("good"), identity("denies", "*", Effect="Deny")]),
            C([identity("good", "s3:Get*")], settings={"allowed": ["s3:Get*"]}),
            C([R(t.ROLE, "good", {})]),
        ],
    ),
    "iam-no-wildcard-resource": Cases(
        [
            V("on '*'", [identity("bad", resource="*")]),
            V("on '*'", [identity("bad", ["xray:PutTraceSegments", "sqs:ListQueues"], "*")]),
            V(
                "arn:aws:logs:*:*:*",
                [identity("bad", "logs:PutLogEvents", "arn:aws:logs:*:*:*")],
            ),
            V("table/*", [identity("bad", resource=f"{TABLE_ARN}/*")]),
            V(
                "table/*/index",
                [identity("bad", resource=f"{TABLE_ARN}/*/index/a")],
            ),
            V(":sqs:us-east-1:*", [identity("bad", resource="arn:aws:sqs:us-east-1:*:jobs")]),
            V("arn:aws:s3:::*", [identity("bad", "s3:GetObject", "arn:aws:s3:::*")]),
            V("NotResource", [identity("bad", resource=[], NotResource=QUEUE_ARN)]),
        ],
        [
            C([identity("good"), identity("denies", resource="*", Effect="Deny")]),
            C([identity("good", ["xray:PutTraceSegments", "xray:PutTelemetryRecords"], "*")]),
            C([identity("good", "logs:PutLogEvents", f"{GROUP_ARN}:*")]),
            C([identity("good", "logs:PutLogEvents", f"{GROUP_ARN}:log-stream:*")]),
            C([identity("good", "s3:GetObject", "arn:aws:s3:::uploads/*")]),
            C([identity("good", "dynamodb:Query", f"{QUEUE_ARN}/index/*")]),
            C(
                [identity("good", "sns:ListTopics", "*")],
                settings={"actionsWithoutResources": ["sns:ListTopics"]},
            ),
        ],
    ),
    "iam-no-broad-managed-policy": Cases(
        [
            V(
                "AmazonDynamoDBFullAccess",
                [
                    R(
                        t.ROLE_POLICY_ATTACHMENT,
                        "bad",
                        {"policyArn": "arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"},
                    )
                ],
            ),
            V(
                "AdministratorAccess",
                [
                    R(
                        t.ROLE,
                        "bad",
                        {"managedPolicyArns": ["arn:aws:iam::aws:policy/AdministratorAccess"]},
                    )
                ],
            ),
            V(
                "AWSLambda_FullAccess",
                [
                    R(
                        t.POLICY_ATTACHMENT,
                        "bad",
                        {"policyArn": "arn:aws:iam::aws:policy/AWSLambda_FullAccess"},
                    )
                ],
            ),
        ],
        [
            C(
                [
                    R(
                        t.ROLE_POLICY_ATTACHMENT,
                        "good",
                        {
                            "policyArn": "arn:aws:iam::aws:policy/service-role/"
                            "AWSLambdaBasicExecutionRole"
                        },
                    ),
                    R(
                        t.USER_POLICY_ATTACHMENT,
                        "own",
                        {"policyArn": f"arn:aws:iam::{ACCOUNT}:policy/OrdersFullAccess"},
                    ),
                    R(t.ROLE, "role", {}),
                ]
            )
        ],
    ),
    "iam-trust-policy-closed": Cases(
        [
            V(
                "everyone",
                [
                    R(
                        t.ROLE,
                        "bad",
                        {
                            "assumeRolePolicy": policy_document(
                                "sts:AssumeRole", Principal={"AWS": "*"}
                            )
                        },
                    )
                ],
            ),
            V(
                "everyone",
                [
                    R(
                        t.ROLE,
                        "bad",
                        {"assumeRolePolicy": policy_document("sts:AssumeRole", Principal="*")},
                    )
                ],
            ),
        ],
        [
            C(
                [
                    R(
                        t.ROLE,
                        "good",
                        {
                            "assumeRolePolicy": policy_document(
                                "sts:AssumeRole", Principal={"Service": "lambda.amazonaws.com"}
                            )
                        },
                    )
                ]
            )
        ],
    ),
    "iam-resource-policy-closed": Cases(
        [
            V(
                "sqs:SendMessage",
                [R(t.QUEUE_POLICY, "bad", {"policy": policy_document(Principal="*")})],
            ),
            V(
                "kms:Decrypt",
                [
                    R(
                        t.KEY,
                        "bad",
                        {"policy": policy_document("kms:Decrypt", Principal={"AWS": ["*"]})},
                    )
                ],
            ),
            V(
                "everyone",
                [R(t.TOPIC, "bad", {"policy": policy_document(NotPrincipal={"AWS": ACCOUNT})})],
            ),
            V(
                "events:PutEvents",
                [
                    R(
                        t.EVENT_BUS_POLICY,
                        "bad",
                        {"policy": policy_document("events:PutEvents", BUS_ARN, Principal="*")},
                    )
                ],
            ),
        ],
        [
            C([queue_policy(tls_statement(), "good")]),
            C(
                [
                    R(
                        t.TOPIC_POLICY,
                        "good",
                        {
                            "policy": policy_document(
                                Principal="*",
                                Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}},
                            )
                        },
                    ),
                    R(t.QUEUE, "queue", {}),
                ]
            ),
        ],
    ),
    "iam-one-role-per-function": Cases(
        [
            V(
                "shares its role with other",
                [
                    function("bad", role=ROLE_ARN),
                    function("other", role=ROLE_ARN),
                    R(t.ROLE, "worker", {"arn": ROLE_ARN}),
                ],
            ),
            V(
                "shares its role with other",
                [function("bad", role=ROLE_ARN), function("other", role=ROLE_ARN)],
            ),
        ],
        [C([function("good"), function("other")])],
    ),
    "queue-has-dead-letter-queue": Cases(
        [
            V("has no dead-letter queue", [queue("bad")]),
            V("has no dead-letter queue", [*source_and_dlq("fed"), queue("bad", QUEUE_ARN + "2")]),
        ],
        [
            C(source_and_dlq("good")),
            C(
                [
                    queue("good"),
                    R(
                        t.REDRIVE_POLICY,
                        "redrive",
                        {
                            "queueUrl": f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/jobs",
                            "redrivePolicy": redrive(),
                        },
                    ),
                    queue("dlq", DLQ_ARN),
                ]
            ),
            C([queue("good", redriveAllowPolicy='{"redrivePermission": "byQueue"}')]),
            C([queue("good"), function("worker", deadLetterConfig={"targetArn": QUEUE_ARN})]),
            C(
                [
                    queue("good"),
                    R(
                        t.EVENT_INVOKE_CONFIG,
                        "config",
                        {"destinationConfig": {"onFailure": {"destination": QUEUE_ARN}}},
                    ),
                ]
            ),
        ],
    ),
    "queue-dead-letters-outlive-source": Cases(
        [
            V("345600 s", source_and_dlq(dlq_retention=60)),
            V(
                "only for 345600 s",
                source_and_dlq(messageRetentionSeconds=400_000, dlq_retention=None),
            ),
        ],
        [
            C(source_and_dlq("good")),
            C(source_and_dlq("good", messageRetentionSeconds=None, dlq_retention=None)),
        ],
    ),
    "queue-dead-letters-have-margin": Cases(
        [V("1209600 s", source_and_dlq(messageRetentionSeconds=1_209_600))],
        [C(source_and_dlq("good"))],
    ),
    "queue-encrypted": Cases(
        [
            V("not encrypted", [queue("bad")]),
            V("not encrypted", [queue("bad", sqsManagedSseEnabled=False, kmsMasterKeyId="")]),
        ],
        [
            C([queue("good", sqsManagedSseEnabled=True)]),
            C([queue("good", kmsMasterKeyId="alias/orders")]),
        ],
    ),
    "queue-tls-only": Cases(
        [
            V("without TLS", [queue("bad")]),
            V("without TLS", [queue("bad"), queue_policy(tls_statement(Effect="Allow"))]),
            V("without TLS", [queue("bad"), queue_policy(tls_statement(Action="sqs:SendMessage"))]),
            V(
                "without TLS",
                [
                    queue("bad"),
                    queue_policy(
                        tls_statement(Condition={"Bool": {"aws:SecureTransport": "true"}})
                    ),
                ],
            ),
            V(
                "without TLS",
                [queue("bad"), queue_policy(tls_statement(Principal={"AWS": ACCOUNT}))],
            ),
            V(
                "without TLS",
                [queue("bad"), queue_policy(tls_statement(), queue_url="https://x/y")],
            ),
        ],
        [
            C([queue("good"), queue_policy(tls_statement())]),
            C(
                [
                    queue("good"),
                    queue_policy(
                        tls_statement(
                            Principal={"AWS": "*"},
                            Condition={"Bool": {"aws:SecureTransport": [False]}},
                        )
                    ),
                ]
            ),
            C([queue("good", policy=json.dumps({"Statement": tls_statement()}))]),
        ],
    ),
    "queue-visibility-covers-function": Cases(
        [
            V(
                "29 s, but worker may run for 30 s",
                [queue("bad", visibilityTimeoutSeconds=29.0), consumer(), function("worker")],
            ),
            V("30 s", [queue("bad"), consumer(), function("worker", timeout=31)]),
        ],
        [
            C([queue("good", visibilityTimeoutSeconds=30), consumer(), function("worker")]),
            C([queue("good", visibilityTimeoutSeconds=5), function("worker")]),
            C(
                [
                    queue("good", visibilityTimeoutSeconds=3),
                    consumer(functionName="worker:live"),
                    function("worker", timeout=None),
                ]
            ),
        ],
    ),
    "queue-visibility-has-margin": Cases(
        [
            V(
                "recommends 180 s",
                [queue("bad", visibilityTimeoutSeconds=179), consumer(), function("worker")],
            ),
            V(
                "recommends 190 s",
                [
                    queue("bad", visibilityTimeoutSeconds=189),
                    consumer(maximumBatchingWindowInSeconds=10),
                    function("worker"),
                ],
            ),
        ],
        [
            C([queue("good", visibilityTimeoutSeconds=180), consumer(), function("worker")]),
            C(
                [queue("good", visibilityTimeoutSeconds=60), consumer(), function("worker")],
                settings={"factor": 2.0},
            ),
        ],
    ),
    "queue-receive-count-has-margin": Cases(
        [V("after 4 receives", [*source_and_dlq(redrivePolicy=redrive(count=4)), consumer()])],
        [
            C([*source_and_dlq("good"), consumer()]),
            C(source_and_dlq("good", redrivePolicy=redrive(count=1))),
            C(
                [*source_and_dlq("good", redrivePolicy=redrive(count=2)), consumer()],
                settings={"minimum": 2.0},
            ),
        ],
    ),
    "function-timeout": Cases(
        [
            V("sets no timeout", [function("bad", timeout=None)]),
            V("61 s", [function("bad", timeout=61)]),
            V("the maximum here is 10 s", [function("bad")], settings={"maximum": 10.0}),
        ],
        [C([function("good", timeout=60)])],
    ),
    "function-memory": Cases(
        [
            V("128 MB", [function("bad", memorySize=None)]),
            V("128 MB", [function("bad", memorySize=128)]),
            V("4096 MB", [function("bad", memorySize=4096.0)]),
        ],
        [
            C([function("good")]),
            C([function("good", memorySize=4096)], settings={"maximum": 10240.0}),
        ],
    ),
    "function-runtime": Cases(
        [
            V("python3.9", [function("bad", runtime="python3.9")]),
            V("None", [function("bad", runtime=None)]),
        ],
        [
            C([function("good"), function("image", packageType="Image", runtime=None)]),
            C([function("good", runtime="go")], settings={"allowed": ["go"]}),
        ],
    ),
    "function-tracing": Cases(
        [
            V("not traced", [function("bad", tracingConfig=None)]),
            V("not traced", [function("bad", tracingConfig={"mode": "PassThrough"})]),
        ],
        [C([function("good")])],
    ),
    "function-reports-batch-item-failures": Cases(
        [
            V("one bad message", [consumer("bad", functionResponseTypes=[])]),
            V("one bad message", [consumer("bad", functionResponseTypes=None)]),
            V("one bad message", [stream_reader("bad", functionResponseTypes=None)]),
        ],
        [
            C([consumer("good")]),
            C([consumer("stream", eventSourceArn=STREAM)]),
            C(
                [
                    consumer(
                        "kafka",
                        functionResponseTypes=[],
                        eventSourceArn="arn:aws:kafka:us-east-1:1:cluster/c/u",
                    )
                ]
            ),
        ],
    ),
    "function-stream-gives-up": Cases(
        [
            V("never halves", [stream_reader("bad", bisectBatchOnFunctionError=None)]),
            V("never halves", [stream_reader("bad", bisectBatchOnFunctionError=False)]),
            V("until it expires", [stream_reader("bad", maximumRetryAttempts=None)]),
            V("until it expires", [stream_reader("bad", maximumRetryAttempts=-1)]),
            V("keeps nothing", [stream_reader("bad", destinationConfig=None)]),
            V(
                "keeps nothing",
                [stream_reader("bad", destinationConfig={"onFailure": {"destinationArn": ""}})],
            ),
            V(
                "keeps nothing",
                [
                    stream_reader(
                        "bad",
                        eventSourceArn="arn:aws:kinesis:us-east-1:1:stream/s",
                        destinationConfig={},
                    )
                ],
            ),
        ],
        [
            C([stream_reader("good")]),
            C([stream_reader("good", maximumRetryAttempts=0)]),
            C([consumer("queue")]),
        ],
    ),
    "function-permission-names-source": Cases(
        [
            V("apigateway.amazonaws.com", [permission("bad", sourceArn=None)]),
            V("everyone", [permission("bad", principal="*")]),
            V("in whatever account", [permission("bad", sourceArn="*")]),
            V(
                "in whatever account",
                [permission("bad", sourceArn="arn:aws:execute-api:*:*:*")],
            ),
            V(
                "in whatever account",
                [permission("bad", principal="s3.amazonaws.com", sourceArn="arn:aws:s3:::*")],
            ),
        ],
        [
            C([permission("good")]),
            C([permission("good", principal=ACCOUNT, sourceArn=None)]),
            C([permission("good", principal="s3.amazonaws.com", sourceArn="arn:aws:s3:::uploads")]),
            C([permission("good", principal="s3.amazonaws.com", sourceArn="arn:aws-cn:s3:::a")]),
        ],
    ),
    "function-no-secrets-in-environment": Cases(
        [
            V("DB_PASSWORD", [function("bad", environment={"variables": {"DB_PASSWORD": "x"}})]),
            V("apiKey", [function("bad", environment={"variables": {"apiKey": "x"}})]),
            V("DSN", [function("bad", environment={"variables": {"DSN": "pg://me:pw1234@db/x"}})]),
            V(
                "AWS Access Key",
                [function("bad", environment={"variables": {"K": "AKIA" + "IOSFODNN7ABCDEFG"}})],
            ),
            V(
                "Private Key",
                [
                    function(
                        "bad",
                        environment={"variables": {"PEM": "-----BEGIN " + "RSA PRIVATE KEY-----"}},
                    )
                ],
            ),
        ],
        [
            C([function("good"), function("empty", environment={})]),
            C(
                [
                    function(
                        "good",
                        environment={
                            "variables": {
                                "TABLE": "Orders",
                                "QUEUE_URL": f"https://sqs.us-east-1.amazonaws.com/{ACCOUNT}/jobs",
                                "API_KEY_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:1:secret:k",
                                "TOKEN_TTL": "60",
                            }
                        },
                    )
                ]
            ),
            C(
                [function("good", environment={"variables": {"TOKENS_PER_SECOND": "5"}})],
                settings={"exemptVariables": ["TOKENS_*"]},
            ),
        ],
    ),
    "function-keeps-failed-events": Cases(
        [
            V(
                "worker asynchronously",
                [permission("bad", principal="events.amazonaws.com"), function("worker")],
            ),
            V(
                "worker asynchronously",
                [
                    R(
                        t.SCHEDULE,
                        "bad",
                        {
                            "target": {
                                "arn": f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:worker:live",
                                "deadLetterConfig": {"arn": DLQ_ARN},
                            }
                        },
                    ),
                    function("worker"),
                ],
            ),
        ],
        [
            C([permission("good"), function("worker")]),
            C(
                [
                    permission("good", principal="s3.amazonaws.com"),
                    function("worker", deadLetterConfig={"targetArn": DLQ_ARN}),
                ]
            ),
            C(
                [
                    permission("good", principal="sns.amazonaws.com"),
                    function("worker"),
                    R(
                        t.EVENT_INVOKE_CONFIG,
                        "config",
                        {
                            "functionName": "worker",
                            "destinationConfig": {"onFailure": {"destination": DLQ_ARN}},
                        },
                    ),
                ]
            ),
        ],
    ),
    "table-encrypted": Cases(
        [
            V("not encrypted", [R(t.TABLE, "bad", {})]),
            V("not encrypted", [R(t.TABLE, "bad", {"serverSideEncryption": {"enabled": False}})]),
            V(
                "not the account's own",
                [R(t.TABLE, "bad", {"serverSideEncryption": {"enabled": True}})],
                settings={"requireOwnKey": True},
            ),
        ],
        [C([R(t.TABLE, "good", {"serverSideEncryption": {"enabled": True}})])],
    ),
    "table-point-in-time-recovery": Cases(
        [
            V("no point-in-time", [R(t.TABLE, "bad", {})], "prod"),
            V(
                "no point-in-time",
                [R(t.TABLE, "bad", {"pointInTimeRecovery": {"enabled": False}})],
                "prod-eu",
            ),
            V("no point", [R(t.TABLE, "bad")], "live", {"productionStacks": ["live"]}),
        ],
        [
            C([R(t.TABLE, "good", {"pointInTimeRecovery": {"enabled": True}})], "prod"),
            C([R(t.TABLE, "good", {})], "dev"),
        ],
    ),
    "table-deletion-protection": Cases(
        [V("deleted", [R(t.TABLE, "bad", {"deletionProtectionEnabled": False})], "prod")],
        [
            C([R(t.TABLE, "good", {"deletionProtectionEnabled": True})], "prod"),
            C([R(t.TABLE, "good", {})], "dev"),
        ],
    ),
    "table-protect": Cases(
        [V("go with its stack", [R(t.TABLE, "bad", {})], "prod")],
        [C([R(t.TABLE, "good", protect=True)], "prod"), C([R(t.TABLE, "good")], "dev")],
    ),
    "production-names-accounts": Cases(
        [
            V("whatever account", [R(t.PROVIDER, "bad", {"region": "eu-west-1"})], "prod"),
            V("whatever account", [R(t.PROVIDER, "bad", {"allowedAccountIds": "[]"})], "prod"),
            V("whatever account", [R(t.PROVIDER, "bad", {"allowedAccountIds": []})], "eu-prod"),
        ],
        [
            # A provider's nested inputs travel as JSON text.
            C([R(t.PROVIDER, "good", {"allowedAccountIds": json.dumps([ACCOUNT])})], "prod"),
            C([R(t.PROVIDER, "good", {"allowedAccountIds": [ACCOUNT]})], "prod"),
            C([R(t.PROVIDER, "good", {})], "dev"),
        ],
    ),
    "replica-protected": Cases(
        [
            V("replica in eu-west-1 that can be deleted", [replicated("bad", deletion=False)]),
            V("has no point-in-time recovery", [replicated("bad", recovery=False)]),
            V("own key", [replicated("bad", table_key="key-1")]),
            V(
                "has a replica in eu-west-2 that has no point",
                [
                    R(
                        t.TABLE,
                        "bad",
                        {
                            "pointInTimeRecovery": {"enabled": True},
                            "replicas": [
                                {"regionName": "eu-west-1", "pointInTimeRecovery": True},
                                {"regionName": "eu-west-2"},
                            ],
                        },
                    )
                ],
            ),
            V("can be deleted", [R(t.TABLE_REPLICA, "bad", {"pointInTimeRecovery": True})], "prod"),
            V(
                "no point-in-time",
                [R(t.TABLE_REPLICA, "bad", {"deletionProtectionEnabled": True})],
                "prod",
            ),
        ],
        [
            C([replicated("good")]),
            C([replicated("good", table_key="key-1", replica_key="key-2")]),
            # Protected as little as the table is.
            C([R(t.TABLE, "good", {"replicas": [{"regionName": "eu-west-1"}]})]),
            C([R(t.TABLE, "good", {"pointInTimeRecovery": {"enabled": True}})]),
            C([R(t.TABLE_REPLICA, "good", {})], "dev"),
            C(
                [
                    R(
                        t.TABLE_REPLICA,
                        "good",
                        {"deletionProtectionEnabled": True, "pointInTimeRecovery": True},
                    )
                ],
                "prod",
            ),
        ],
    ),
    "global-name-is-of-one-region": Cases(
        [
            V("'worker'", [R(t.ROLE, "bad", {"name": "worker"}), replicated("table")]),
            V("'acme-files'", [R(t.BUCKET, "bad", {"bucket": "acme-files"}), replicated("table")]),
            V("'orders'", [R(t.DASHBOARD, "bad", {"dashboardName": "orders"}), led("record")]),
            V(
                "'worker-eu-west-1'",
                [
                    R(
                        t.POLICY,
                        "bad",
                        {"name": "worker-eu-west-1"},
                        provider_tags={"region": "us-east-1"},
                    ),
                    replicated("table"),
                ],
            ),
        ],
        [
            C([R(t.ROLE, "good", {"name": "worker"})]),  # the only region
            C([R(t.ROLE, "good", {"name": "worker"}), R(t.TABLE, "table", {"replicas": []})]),
            C([R(t.ROLE, "good", {"name": "worker-1a2b3c4"}), replicated("table")]),
            C(
                [
                    R(t.ROLE, "good", {"name": "worker-2026013112000000000000000a"}),
                    replicated("table"),
                ]
            ),
            C([R(t.DASHBOARD, "good", {"dashboardName": "orders-dev"}), replicated("table")]),
            C(
                [
                    R(
                        t.BUCKET,
                        "good",
                        {"bucket": "files-eu-west-1"},
                        provider_tags={"region": "eu-west-1"},
                    ),
                    replicated("table"),
                ]
            ),
        ],
    ),
    "latency-record-has-health-check": Cases(
        [V("when nothing answers", [led("bad", health_check=None)])],
        [
            C([led("good")]),
            C([R(t.DNS_RECORD, "good", {"type": "A", "records": ["192.0.2.1"], "ttl": 60})]),
        ],
    ),
    "resource-protect": Cases(
        [
            V("go with its stack", [R(kind, "bad", {})], "prod")
            for kind in (
                t.HTTP_API,
                t.REST_API,
                t.QUEUE,
                t.LOG_GROUP,
                t.BUCKET,
                t.KEY,
                t.TOPIC,
            )
        ],
        [C([R(t.HTTP_API, "good", protect=True)], "prod"), C([R(t.QUEUE, "good")], "dev")],
    ),
    "topic-encrypted": Cases(
        [
            V("not encrypted", [R(t.TOPIC, "bad", {})]),
            V("alias/aws/sns", [R(t.TOPIC, "bad", {"kmsMasterKeyId": "alias/aws/sns"})]),
        ],
        [C([R(t.TOPIC, "good", {"kmsMasterKeyId": "1234abcd"})])],
    ),
    "api-throttled": Cases(
        [
            V("throttlingRateLimit and no", [R(t.HTTP_STAGE, "bad", {})]),
            V(
                "no throttlingBurstLimit",
                [
                    R(
                        t.HTTP_STAGE,
                        "bad",
                        {
                            "defaultRouteSettings": {
                                "throttlingRateLimit": 10,
                                "throttlingBurstLimit": 0,
                            }
                        },
                    )
                ],
            ),
        ],
        [
            C(
                [
                    R(
                        t.HTTP_STAGE,
                        "good",
                        {
                            "defaultRouteSettings": {
                                "throttlingRateLimit": 10.0,
                                "throttlingBurstLimit": 20.0,
                            }
                        },
                    )
                ]
            )
        ],
    ),
    "api-rest-throttled": Cases(
        [
            V("no throttling", [R(t.REST_STAGE, "bad", {"stageName": "v1"})]),
            V(
                "no throttling",
                [
                    R(t.REST_STAGE, "bad", {"stageName": "v1"}),
                    R(
                        t.REST_METHOD_SETTINGS,
                        "settings",
                        {
                            "stageName": "v1",
                            "methodPath": "orders/GET",
                            "settings": {"throttlingRateLimit": 1, "throttlingBurstLimit": 1},
                        },
                    ),
                ],
            ),
        ],
        [
            C(
                [
                    R(t.REST_STAGE, "good", {"stageName": "v1"}),
                    R(
                        t.REST_METHOD_SETTINGS,
                        "settings",
                        {
                            "stageName": "v1",
                            "methodPath": "*/*",
                            "settings": {"throttlingRateLimit": 1, "throttlingBurstLimit": 1},
                        },
                    ),
                ]
            )
        ],
    ),
    "api-access-logs": Cases(
        [
            V("no access log", [R(t.HTTP_STAGE, "bad", {})]),
            V(
                "no access log",
                [R(t.REST_STAGE, "bad", {"accessLogSettings": {"destinationArn": GROUP_ARN}})],
            ),
        ],
        [
            C(
                [
                    R(
                        kind,
                        "good",
                        {"accessLogSettings": {"destinationArn": GROUP_ARN, "format": "{}"}},
                    )
                    for kind in (t.HTTP_STAGE, t.REST_STAGE)
                ]
            )
        ],
    ),
    "api-named-origins": Cases(
        [
            V(
                "'*'",
                [R(t.HTTP_API, "bad", {"corsConfiguration": {"allowOrigins": ["*"]}})],
                "prod",
            ),
            V(
                "'https://*'",
                [R(t.HTTP_API, "bad", {"corsConfiguration": {"allowOrigins": ["https://*"]}})],
                "prod",
            ),
        ],
        [
            C(
                [
                    R(
                        t.HTTP_API,
                        "good",
                        {"corsConfiguration": {"allowOrigins": ["https://shop.example"]}},
                    ),
                    R(t.HTTP_API, "closed", {}),
                ],
                "prod",
            ),
            C([R(t.HTTP_API, "good", {"corsConfiguration": {"allowOrigins": ["*"]}})], "dev"),
        ],
    ),
    "api-production-authorised": Cases(
        [
            V("GET /orders", [R(t.HTTP_ROUTE, "bad", {"routeKey": "GET /orders"})], "shop-prod"),
            V(
                "GET /orders",
                [R(t.HTTP_ROUTE, "bad", {"routeKey": "GET /orders"})],
                "prod",
                {"publicRoutes": ["other:GET /orders", "shop:POST /orders"]},
            ),
            V("function URL", [R(t.FUNCTION_URL, "bad", {"authorizationType": "NONE"})], "prod"),
        ],
        [
            C([R(t.HTTP_ROUTE, "r", {"routeKey": "GET /orders"})]),
            C([R(t.HTTP_ROUTE, "r", {"routeKey": "GET /a", "authorizationType": "JWT"})], "prod"),
            C(
                [R(t.HTTP_ROUTE, "r", {"routeKey": "GET /orders/{id}"})],
                "prod",
                {"publicRoutes": ["shop:GET /orders/*"]},
            ),
        ],
    ),
    "user-pool-deletion-protection": Cases(
        [
            V("deleted", [R(t.USER_POOL, "bad", {})], "prod"),
            V("deleted", [R(t.USER_POOL, "bad", {"deletionProtection": "INACTIVE"})], "prod"),
        ],
        [
            C([R(t.USER_POOL, "p", {})]),
            C([R(t.USER_POOL, "p", {"deletionProtection": "ACTIVE"})], "prod"),
        ],
    ),
    "app-client-no-implicit-flow": Cases(
        [
            V(
                "implicit",
                [R(t.USER_POOL_CLIENT, "bad", {"allowedOauthFlows": ["code", "implicit"]})],
            )
        ],
        [
            C([R(t.USER_POOL_CLIENT, "c", {"allowedOauthFlows": ["code"]})]),
            C([R(t.USER_POOL_CLIENT, "c", {})]),
        ],
    ),
    "app-client-exact-redirects": Cases(
        [
            V(address, [R(t.USER_POOL_CLIENT, "bad", {kind: [address]})])
            for kind in ("callbackUrls", "logoutUrls")
            for address in (
                "https://*.shop.example",
                "https://shop.example/*",
                "http://shop.example/",
                "http://localhost.shop.example/",
            )
        ],
        [
            C(
                [
                    R(
                        t.USER_POOL_CLIENT,
                        "c",
                        {
                            "callbackUrls": ["https://shop.example/in", "http://localhost:3000/"],
                            "logoutUrls": ["shop://out"],
                        },
                    )
                ]
            )
        ],
    ),
    "api-route-authorised": Cases(
        [
            V("GET /orders", [R(t.HTTP_ROUTE, "bad", {"routeKey": "GET /orders"})]),
            V(
                "GET /orders",
                [R(t.HTTP_ROUTE, "bad", {"routeKey": "GET /orders", "authorizationType": "NONE"})],
                settings={"exemptRoutes": ["other:GET /orders", "shop:POST /orders"]},
            ),
            V(
                "function URL",
                [R(t.FUNCTION_URL, "bad", {"authorizationType": "NONE"})],
            ),
            V(
                "GET",
                [R(t.REST_METHOD, "bad", {"httpMethod": "GET", "authorization": "NONE"})],
            ),
        ],
        [
            C([R(t.HTTP_ROUTE, "good", {"routeKey": "GET /o", "authorizationType": "JWT"})]),
            C(
                [R(t.HTTP_ROUTE, "good", {"routeKey": "GET /orders/{id}"})],
                settings={"exemptRoutes": ["shop:GET /orders/{id}"]},
            ),
            C([R(t.FUNCTION_URL, "good", {"authorizationType": "AWS_IAM"})]),
            C(
                [
                    R(t.REST_METHOD, "good", {"httpMethod": "OPTIONS", "authorization": "NONE"}),
                    R(t.REST_METHOD, "iam", {"httpMethod": "GET", "authorization": "AWS_IAM"}),
                    R(
                        t.REST_METHOD,
                        "key",
                        {"httpMethod": "GET", "authorization": "NONE", "apiKeyRequired": True},
                    ),
                ]
            ),
        ],
    ),
    "log-group-retention": Cases(
        [
            V("forever", [R(t.LOG_GROUP, "bad", {})]),
            V("forever", [R(t.LOG_GROUP, "bad", {"retentionInDays": 0})]),
            V("5 days", [R(t.LOG_GROUP, "bad", {"retentionInDays": 5.0})]),
            V("minimum here is 90", [R(t.LOG_GROUP, "bad", {"retentionInDays": 30})], "prod"),
        ],
        [
            C([R(t.LOG_GROUP, "good", {"retentionInDays": 14})]),
            C([R(t.LOG_GROUP, "good", {"retentionInDays": 365})], "prod"),
        ],
    ),
    "log-group-encrypted": Cases(
        [
            V(
                "not the account's own",
                [R(t.LOG_GROUP, "bad", {})],
                settings={"requireOwnKey": True},
            )
        ],
        [
            C([R(t.LOG_GROUP, "good", {})]),
            C(
                [R(t.LOG_GROUP, "good", {"kmsKeyId": "arn:aws:kms:us-east-1:1:key/a"})],
                settings={"requireOwnKey": True},
            ),
        ],
    ),
    "function-owns-log-group": Cases(
        [
            V("does not own", [function("bad", loggingConfig=None)]),
            V("does not own", [function("bad"), R(t.LOG_GROUP, "group", {"name": "logs-other"})]),
            V(
                "does not own",
                [function("bad"), R(t.LOG_GROUP, "group", {"name": "/aws/lambda/bad"})],
            ),
        ],
        [
            C([function("good"), R(t.LOG_GROUP, "group", {"name": "logs-good"})]),
            C(
                [
                    function("good", loggingConfig=None),
                    R(t.LOG_GROUP, "group", {"name": "/aws/lambda/good"}),
                ]
            ),
        ],
    ),
    "function-has-alarms": Cases(
        [
            V("no alarm on Duration", [function("bad"), *function_alarms("bad", "Duration")]),
            V("no alarm on Errors", [function("bad"), *function_alarms("bad", "Errors")]),
            V(
                "no alarm on Throttles",
                [
                    function("bad"),
                    *function_alarms("bad", "Throttles"),
                    alarm("AWS/DynamoDB", "Throttles", FunctionName="bad"),
                    alarm("AWS/Lambda", "Throttles", "other", FunctionName="other"),
                ],
            ),
        ],
        [
            C([function("good"), *function_alarms("good")]),
            C(
                [
                    function("good"),
                    *function_alarms("good", "Errors"),
                    math_alarm("AWS/Lambda", "Errors", FunctionName="good"),
                ]
            ),
            C([function("good")], settings={"metrics": []}),
        ],
    ),
    "queue-has-alarms": Cases(
        [
            V("no alarm on ApproximateAgeOfOldestMessage", [queue("bad")]),
            V(
                "no alarm on ApproximateNumberOfMessagesVisible",
                [
                    *source_and_dlq("source", "bad"),
                    alarm("AWS/SQS", "ApproximateAgeOfOldestMessage", QueueName="jobs"),
                ],
            ),
        ],
        [
            C(
                [
                    *source_and_dlq("good", "dlq"),
                    alarm("AWS/SQS", "ApproximateAgeOfOldestMessage", QueueName="jobs"),
                    alarm("AWS/SQS", "ApproximateNumberOfMessagesVisible", QueueName="jobs-dlq"),
                ]
            )
        ],
    ),
    "api-has-alarms": Cases(
        [
            V(
                "no alarm on 5xx",
                [
                    R(t.HTTP_API, "bad", {"id": "a1"}),
                    alarm("AWS/ApiGateway", "Latency", ApiId="a1"),
                    alarm("AWS/ApiGateway", "5xx", ApiId="a2"),
                ],
            ),
            V(
                "no alarm on 5XXError",
                [
                    R(t.REST_API, "bad", {"id": "a1", "name": "orders"}),
                    alarm("AWS/ApiGateway", "Latency", ApiName="orders"),
                ],
            ),
        ],
        [
            C(
                [
                    R(t.HTTP_API, "good", {"id": "a1"}),
                    alarm("AWS/ApiGateway", "Latency", ApiId="a1"),
                    math_alarm("AWS/ApiGateway", "5xx", ApiId="a1"),
                ]
            )
        ],
    ),
    "alarm-notifies": Cases(
        [
            V("tells nobody", [alarm("AWS/SQS", "M", "bad")], "prod"),
            V(
                "tells nobody",
                [R(t.METRIC_ALARM, "bad", {"alarmActions": ["arn"], "actionsEnabled": False})],
                "prod",
            ),
        ],
        [
            C([R(t.METRIC_ALARM, "good", {"alarmActions": ["arn:aws:sns:topic"]})], "prod"),
            C([alarm("AWS/SQS", "M", "good")], "dev"),
        ],
    ),
    "required-tags": Cases(
        [
            V("project, stack", [R(t.TABLE, "bad", {})]),
            V("lacks the tags stack", [R(t.TABLE, "bad", {"tags": {"project": "shop"}})]),
            V(
                "lacks the tags stack",
                [R(t.TABLE, "bad", {}, provider_tags={"defaultTags": {"tags": {"project": "x"}}})],
            ),
            V("owner", [R(t.TABLE, "bad", {})], settings={"required": ["owner"]}),
        ],
        [
            C([R(t.TABLE, "good", {"tags": {"project": "shop", "stack": UNKNOWN}})]),
            C(
                [
                    R(
                        t.TABLE,
                        "good",
                        {"tags": {"project": "shop"}},
                        provider_tags={"defaultTags": '{"tags": {"stack": "dev"}}'},
                    )
                ]
            ),
        ],
    ),
}
