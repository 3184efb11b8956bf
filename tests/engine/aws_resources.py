"""The AWS resource types of the provider double: names, what replaces them, computed outputs.

Names and replacing inputs are those that the AWS provider's documentation calls "Forces new
resource".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests import aws_names

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Made:
    """What the outputs of one resource are computed from."""

    region: str
    unique: str  # differs from resource to resource, and stays
    inputs: Values
    version: int  # counts creation and updates

    @property
    def name(self) -> str:
        return str(self.inputs["name"])

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        return aws_names.arn(service, resource, self.region if region is None else region)


def _no_outputs(made: Made) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class ResourceType:
    """How AWS treats one type of resource.

    `name` is the input with the physical name, made up when absent; `replaced_by` are the inputs
    whose change makes another resource; `id` is the output or input that identifies it (the
    unique part when empty); `computed` gives the outputs beside the inputs, `changing` names
    those of them that an update changes. Where all inputs in `adopts` are equal, a creation
    returns the resource that is there, whosever it is.
    """

    name: str = ""
    replaced_by: tuple[str, ...] = ()
    id: str = ""
    computed: Callable[[Made], dict[str, Any]] = _no_outputs
    changing: tuple[str, ...] = ()
    adopts: tuple[str, ...] = ()


def _queue(made: Made) -> dict[str, Any]:
    return {
        "arn": made.arn("sqs", made.name),
        "url": aws_names.queue_url(made.name, made.region),
    }


def _function(made: Made) -> dict[str, Any]:
    arn = made.arn("lambda", f"function:{made.name}")
    version = str(made.version) if made.inputs.get("publish") else "$LATEST"
    return {
        "arn": arn,
        "invokeArn": aws_names.invoke_arn(arn, made.region),
        "version": version,
        "qualifiedArn": f"{arn}:{version}",
    }


def _alias(made: Made) -> dict[str, Any]:
    arn = made.arn("lambda", f"function:{made.inputs['functionName']}:{made.name}")
    return {"arn": arn, "invokeArn": aws_names.invoke_arn(arn, made.region)}


def _api(made: Made) -> dict[str, Any]:
    return {
        "apiEndpoint": aws_names.api_endpoint(made.unique, made.region),
        "executionArn": made.arn("execute-api", made.unique),
        "arn": aws_names.api_arn(made.unique, made.region),
    }


def _table(made: Made) -> dict[str, Any]:
    arn = made.arn("dynamodb", f"table/{made.name}")
    if not made.inputs.get("streamEnabled"):
        return {"arn": arn}
    label = "2026-01-31T12:00:00.000"
    outputs: dict[str, Any] = {
        "arn": arn,
        "streamLabel": label,
        "streamArn": f"{arn}/stream/{label}",
    }
    if "replicas" in made.inputs:
        outputs["replicas"] = [_replica(each, arn) for each in made.inputs["replicas"]]
    return outputs


def _replica(given: dict[str, Any], arn: str) -> dict[str, Any]:
    there = ":".join([*arn.split(":")[:3], given["regionName"], *arn.split(":")[4:]])
    label = "2026-01-31T12:00:01.000"
    return {**given, "arn": there, "streamLabel": label, "streamArn": f"{there}/stream/{label}"}


def _certificate(made: Made) -> dict[str, Any]:
    # The same record for a domain in every region of an account.
    domain = made.inputs["domainName"]
    return {
        "arn": made.arn("acm", f"certificate/{made.unique}"),
        "domainValidationOptions": [
            {
                "domainName": domain,
                "resourceRecordName": f"_0a1b2c3d.{domain}.",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_4e5f6a7b.acm-validations.aws.",
            }
        ],
    }


def _domain_name(made: Made) -> dict[str, Any]:
    target = f"d-{made.unique}.execute-api.{made.region}.amazonaws.com"
    configuration = {"targetDomainName": target, "hostedZoneId": f"Z{made.unique.upper()}"}
    given = made.inputs["domainNameConfiguration"]
    return {"domainNameConfiguration": {**given, **configuration}}


def _user_pool(made: Made) -> dict[str, Any]:
    pool = f"{made.region}_{made.unique}"
    endpoint = f"cognito-idp.{made.region}.amazonaws.com/{pool}"
    arn = made.arn("cognito-idp", f"userpool/{pool}")
    return {"id": pool, "arn": arn, "endpoint": endpoint, "region": made.region}


def _event_rule(made: Made) -> dict[str, Any]:
    # The default bus does not stand in the ARN: it is that of rules before there were others.
    bus = str(made.inputs.get("eventBusName") or "default").rpartition("/")[2]
    place = made.name if bus == "default" else f"{bus}/{made.name}"
    return {"arn": made.arn("events", f"rule/{place}")}


def _arn(service: str, resource: str, region: str | None = None) -> Callable[[Made], Values]:
    """The output `arn`; `{name}` and `{unique}` are filled in."""

    def computed(made: Made) -> Values:
        name = made.inputs.get("name", "")
        return {
            "arn": made.arn(service, resource.format(name=name, unique=made.unique), region=region)
        }

    return computed


QUEUE_ATTRIBUTES = (
    "delaySeconds",
    "fifoQueue",
    "kmsMasterKeyId",
    "maxMessageSize",
    "messageRetentionSeconds",
    "receiveWaitTimeSeconds",
    "redrivePolicy",
    "sqsManagedSseEnabled",
    "visibilityTimeoutSeconds",
)

RESOURCE_TYPES: dict[str, ResourceType] = {
    "aws:acm/certificate:Certificate": ResourceType("", ("domainName",), "arn", _certificate),
    "aws:acm/certificateValidation:CertificateValidation": ResourceType(
        replaced_by=("certificateArn", "validationRecordFqdns")
    ),
    "aws:apigatewayv2/api:Api": ResourceType("name", ("protocolType",), "", _api),
    "aws:apigatewayv2/apiMapping:ApiMapping": ResourceType(replaced_by=("domainName",)),
    "aws:apigatewayv2/authorizer:Authorizer": ResourceType("name", ("apiId",)),
    "aws:apigatewayv2/domainName:DomainName": ResourceType(
        "", ("domainName",), "domainName", _domain_name
    ),
    "aws:apigatewayv2/integration:Integration": ResourceType(
        replaced_by=("apiId", "integrationType", "connectionType")
    ),
    "aws:apigatewayv2/route:Route": ResourceType(replaced_by=("apiId",)),
    "aws:apigatewayv2/stage:Stage": ResourceType("name", ("apiId", "name")),
    "aws:cloudwatch/dashboard:Dashboard": ResourceType(
        "dashboardName", ("dashboardName",), "dashboardName"
    ),
    "aws:cloudwatch/eventBus:EventBus": ResourceType(
        "name", ("name",), "name", _arn("events", "event-bus/{name}")
    ),
    "aws:cloudwatch/eventBusPolicy:EventBusPolicy": ResourceType(replaced_by=("eventBusName",)),
    "aws:cloudwatch/eventArchive:EventArchive": ResourceType(
        "name", ("name", "eventSourceArn"), "name", _arn("events", "archive/{name}")
    ),
    "aws:cloudwatch/eventRule:EventRule": ResourceType(
        "name", ("name", "namePrefix", "eventBusName"), "", _event_rule
    ),
    "aws:cloudwatch/eventTarget:EventTarget": ResourceType(
        "targetId", ("rule", "eventBusName", "targetId")
    ),
    "aws:cloudwatch/logGroup:LogGroup": ResourceType(
        "name", ("name", "namePrefix"), "name", _arn("logs", "log-group:{name}")
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": ResourceType(
        "name", ("name", "logGroupName"), "name"
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": ResourceType(
        "name", ("name",), "name", _arn("cloudwatch", "alarm:{name}")
    ),
    "aws:codedeploy/application:Application": ResourceType(
        "name", ("computePlatform",), "", _arn("codedeploy", "application:{name}")
    ),
    "aws:codedeploy/deploymentConfig:DeploymentConfig": ResourceType(
        "deploymentConfigName",
        ("deploymentConfigName", "computePlatform", "trafficRoutingConfig"),
        "deploymentConfigName",
    ),
    "aws:codedeploy/deploymentGroup:DeploymentGroup": ResourceType(replaced_by=("appName",)),
    "aws:cognito/managedLoginBranding:ManagedLoginBranding": ResourceType(
        replaced_by=("clientId", "userPoolId")
    ),
    "aws:cognito/resourceServer:ResourceServer": ResourceType(
        replaced_by=("identifier", "userPoolId")
    ),
    "aws:cognito/userPool:UserPool": ResourceType(
        "name", ("aliasAttributes", "usernameAttributes", "usernameConfiguration"), "id", _user_pool
    ),
    "aws:cognito/userPoolClient:UserPoolClient": ResourceType(
        "name",
        ("generateSecret", "userPoolId"),
        "",
        lambda made: {"clientSecret": f"secret of {made.unique}"},
    ),
    "aws:cognito/userPoolDomain:UserPoolDomain": ResourceType(
        "", ("domain", "userPoolId"), "domain"
    ),
    "aws:dynamodb/table:Table": ResourceType(
        "name", ("name", "hashKey", "rangeKey"), "name", _table
    ),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": ResourceType(
        "", ("url",), "", _arn("iam", "oidc-provider/{unique}", region="")
    ),
    "aws:iam/policy:Policy": ResourceType(
        "name", ("name", "namePrefix", "path"), "arn", _arn("iam", "policy/{name}", region="")
    ),
    "aws:iam/role:Role": ResourceType(
        "name", ("name", "namePrefix", "path"), "name", _arn("iam", "role/{name}", region="")
    ),
    "aws:iam/rolePolicy:RolePolicy": ResourceType("name", ("name", "role")),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ResourceType(
        replaced_by=("policyArn", "role")
    ),
    "aws:kms/key:Key": ResourceType(
        "", ("customerMasterKeySpec", "keyUsage", "multiRegion"), "", _arn("kms", "key/{unique}")
    ),
    "aws:lambda/alias:Alias": ResourceType("name", ("name", "functionName"), "arn", _alias),
    "aws:lambda/eventSourceMapping:EventSourceMapping": ResourceType(
        "",
        ("eventSourceArn", "startingPosition"),
        "",
        lambda made: {
            "arn": made.arn("lambda", f"event-source-mapping:{made.unique}"),
            "uuid": made.unique,
        },
    ),
    "aws:lambda/function:Function": ResourceType(
        "name", ("name", "packageType"), "name", _function, ("version", "qualifiedArn")
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": ResourceType(
        replaced_by=("functionName", "qualifier")
    ),
    "aws:lambda/functionRecursionConfig:FunctionRecursionConfig": ResourceType(
        replaced_by=("functionName",)
    ),
    "aws:lambda/permission:Permission": ResourceType(
        replaced_by=("action", "function", "principal", "qualifier", "sourceArn", "statementId")
    ),
    # Bucket names are those of all of AWS, so its ARN has neither region nor account.
    "aws:s3/bucket:Bucket": ResourceType(
        "bucket",
        ("bucket", "bucketPrefix"),
        "bucket",
        lambda made: {"arn": aws_names.bucket_arn(str(made.inputs["bucket"]))},
    ),
    **{
        f"aws:s3/{part[0].lower()}{part[1:]}:{part}": ResourceType(
            replaced_by=("bucket",), id="bucket"
        )
        for part in (
            "BucketLifecycleConfiguration",
            "BucketNotification",
            "BucketOwnershipControls",
            "BucketPolicy",
            "BucketPublicAccessBlock",
            "BucketServerSideEncryptionConfiguration",
            "BucketVersioning",
        )
    },
    "aws:budgets/budget:Budget": ResourceType("name", ("name", "namePrefix"), "name"),
    "aws:route53/healthCheck:HealthCheck": ResourceType(
        replaced_by=("type", "requestInterval", "measureLatency")
    ),
    "aws:route53/record:Record": ResourceType(
        replaced_by=("zoneId", "name", "type", "setIdentifier"),
        computed=lambda made: {"fqdn": made.name.removesuffix(".")},
    ),
    "aws:scheduler/schedule:Schedule": ResourceType(
        "name", ("name", "groupName"), "name", _arn("scheduler", "schedule/default/{name}")
    ),
    "aws:sns/topic:Topic": ResourceType(
        "name", ("name", "fifoTopic"), "arn", _arn("sns", "{name}")
    ),
    "aws:sns/topicPolicy:TopicPolicy": ResourceType(replaced_by=("arn",)),
    # Subscribe answers a known endpoint with the ARN of its subscription:
    # https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
    "aws:sns/topicSubscription:TopicSubscription": ResourceType(
        replaced_by=("topic", "protocol", "endpoint"), adopts=("topic", "protocol", "endpoint")
    ),
    # CreateQueue answers a known name and the same attributes with the URL of that queue:
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_CreateQueue.html
    "aws:sqs/queue:Queue": ResourceType(
        "name", ("name", "fifoQueue"), "url", _queue, adopts=("name", *QUEUE_ATTRIBUTES)
    ),
    "aws:sqs/queuePolicy:QueuePolicy": ResourceType(replaced_by=("queueUrl",)),
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": ResourceType(replaced_by=("queueUrl",)),
}
