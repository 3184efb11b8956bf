"""What Pulumi's AWS provider calls for each resource type that a stack can hold, and on what.

The types are those that the program registers, whatever its settings: a test goes through them,
and one that has no entry here is asked for by name, as is one that nothing registers any more.

Actions: https://docs.aws.amazon.com/service-authorization/latest/reference/, and the provider's
resources, https://github.com/hashicorp/terraform-provider-aws/tree/main/internal/service.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Condition = Mapping[str, Mapping[str, Any]]

# Patterns of ARNs. `{system}` begins every name that Pulumi makes up for a stack's resources.
_ALL = ("*",)
_FUNCTION = ("arn:{partition}:lambda:{region}:{account}:function:{system}-*",)
_MAPPING = ("arn:{partition}:lambda:{region}:{account}:event-source-mapping:*",)
_TABLE = (
    "arn:{partition}:dynamodb:{region}:{account}:table/Orders{suffix}",
    "arn:{partition}:dynamodb:{region}:{account}:table/{system}-*",
)
_TABLE_PARTS = ("arn:{partition}:dynamodb:{region}:{account}:table/Orders{suffix}/*",)
_QUEUE = (
    "arn:{partition}:sqs:{region}:{account}:order-events{suffix}",
    "arn:{partition}:sqs:{region}:{account}:order-events{suffix}-dlq",
    "arn:{partition}:sqs:{region}:{account}:{system}-*",
)
_ROLE = ("arn:{partition}:iam::{account}:role/{system}-*",)
_LOG_GROUP = (
    "arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/{system}-*",
    "arn:{partition}:logs:{region}:{account}:log-group:/aws/vendedlogs/{system}-*",
)
_BUS = ("arn:{partition}:events:{region}:{account}:event-bus/{system}-*",)
_RULE = ("arn:{partition}:events:{region}:{account}:rule/{system}-*",)
_ARCHIVE = ("arn:{partition}:events:{region}:{account}:archive/{system}-*",)
_SCHEDULE = ("arn:{partition}:scheduler:{region}:{account}:schedule/default/{system}-*",)
_ALARM = ("arn:{partition}:cloudwatch:{region}:{account}:alarm:{system}-*",)
_APPLICATION = ("arn:{partition}:codedeploy:{region}:{account}:application:{system}-*",)
_GROUP = ("arn:{partition}:codedeploy:{region}:{account}:deploymentgroup:{system}-*/{system}-*",)
# Those that every account has, too: whoever deploys by one has to be able to read it.
_CONFIGURATION = (
    "arn:{partition}:codedeploy:{region}:{account}:deploymentconfig:{system}-*",
    "arn:{partition}:codedeploy:{region}:{account}:deploymentconfig:CodeDeployDefault.Lambda*",
)
_DASHBOARD = ("arn:{partition}:cloudwatch::{account}:dashboard/{project}-{stack}*",)
_TOPIC = ("arn:{partition}:sns:{region}:{account}:{system}-*",)
_BUDGET = ("arn:{partition}:budgets::{account}:budget/{system}-*",)
_KEY = ("arn:{partition}:kms:{region}:{account}:key/*",)
_BUCKET = ("arn:{partition}:s3:::{system}-*",)
_OBJECTS = ("arn:{partition}:s3:::{system}-*/*",)
_POOL = ("arn:{partition}:cognito-idp:{region}:{account}:userpool/*",)
# What APIs, routes and stages are called, AWS makes up.
_API = (
    "arn:{partition}:apigateway:{region}::/apis",
    "arn:{partition}:apigateway:{region}::/apis/*",
)
_API_TAGS = ("arn:{partition}:apigateway:{region}::/tags/*",)
_DOMAIN = (
    "arn:{partition}:apigateway:{region}::/domainnames",
    "arn:{partition}:apigateway:{region}::/domainnames/*",
)
_CERTIFICATE = ("arn:{partition}:acm:{region}:{account}:certificate/*",)
_HEALTH_CHECK = ("arn:{partition}:route53:::healthcheck/*",)
_ZONE = ("arn:{partition}:route53:::hostedzone/{zone}",)

# Whose keys have made-up names, too; they carry the project's tag from their creation on.
_NEW_OF_PROJECT = {"StringEquals": {"aws:RequestTag/project": "{project}"}}
_OF_PROJECT = {"StringEquals": {"aws:ResourceTag/project": "{project}"}}
_OF_FUNCTION = {"ArnLike": {"lambda:FunctionArn": _FUNCTION[0]}}

# Roles can be made, and given rights, that the boundary limits; no others.
_WITHIN_BOUNDARY = {"StringEquals": {"iam:PermissionsBoundary": "{boundary}"}}

PASSED_TO = ("codedeploy.amazonaws.com", "lambda.amazonaws.com", "scheduler.amazonaws.com")
"""The services that the roles of a stack are for."""


class Rights(NamedTuple):
    """Actions of a service on resources, by what Pulumi does with a resource of a type."""

    service: str
    on: tuple[str, ...]
    read: str = ""
    create: str = ""
    update: str = ""
    delete: str = ""
    when: Condition | None = None

    def actions(self, reads_only: bool) -> list[str]:
        """The actions, as `dynamodb:CreateTable`."""
        kinds = [self.read] if reads_only else [self.read, self.create, self.update, self.delete]
        return [f"{self.service}:{name}" for kind in kinds for name in kind.split()]


_API_PART = (
    Rights("apigateway", _API, read="GET", create="POST", update="PATCH", delete="DELETE"),
)
_PASSES_ROLE = Rights(
    "iam", _ROLE, create="PassRole", when={"StringEquals": {"iam:PassedToService": PASSED_TO}}
)
_QUEUE_ATTRIBUTES = (Rights("sqs", _QUEUE, read="GetQueueAttributes", update="SetQueueAttributes"),)

RIGHTS: dict[str, tuple[Rights, ...]] = {
    "aws:apigatewayv2/api:Api": (
        Rights("apigateway", _API, "GET", "POST TagResource", "PATCH PUT", "DELETE"),
        Rights("apigateway", _API_TAGS, "GET", "POST PUT TagResource", delete="DELETE"),
    ),
    "aws:apigatewayv2/authorizer:Authorizer": _API_PART,
    "aws:apigatewayv2/integration:Integration": _API_PART,
    "aws:apigatewayv2/route:Route": _API_PART,
    "aws:apigatewayv2/stage:Stage": (
        *_API_PART,
        # Who has the access log written, needs these, which know no resources:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging.html
        Rights(
            "logs",
            _ALL,
            read="DescribeLogGroups DescribeResourcePolicies GetLogDelivery ListLogDeliveries",
            create="CreateLogDelivery PutResourcePolicy",
            update="UpdateLogDelivery",
            delete="DeleteLogDelivery",
        ),
        Rights(
            "iam",
            (
                "arn:{partition}:iam::{account}:role/aws-service-role/ops.apigateway.amazonaws.com/*",
            ),
            create="CreateServiceLinkedRole",
            when={"StringEquals": {"iam:AWSServiceName": "ops.apigateway.amazonaws.com"}},
        ),
    ),
    "aws:cloudwatch/dashboard:Dashboard": (
        Rights("cloudwatch", _DASHBOARD, "GetDashboard", "PutDashboard", "", "DeleteDashboards"),
    ),
    "aws:cloudwatch/eventArchive:EventArchive": (
        Rights(
            "events",
            (*_ARCHIVE, *_BUS),
            "DescribeArchive",
            "CreateArchive",
            "UpdateArchive",
            "DeleteArchive",
        ),
    ),
    "aws:cloudwatch/eventBus:EventBus": (
        Rights(
            "events",
            _BUS,
            read="DescribeEventBus ListTagsForResource",
            create="CreateEventBus TagResource",
            update="UpdateEventBus UntagResource",
            delete="DeleteEventBus",
        ),
    ),
    "aws:cloudwatch/eventBusPolicy:EventBusPolicy": (
        Rights("events", _BUS, "DescribeEventBus", "PutPermission", delete="RemovePermission"),
    ),
    "aws:cloudwatch/eventRule:EventRule": (
        Rights(
            "events",
            _RULE,
            read="DescribeRule ListTagsForResource",
            create="PutRule TagResource",
            update="DisableRule EnableRule UntagResource",
            delete="DeleteRule",
        ),
    ),
    "aws:cloudwatch/eventTarget:EventTarget": (
        Rights("events", _RULE, "ListTargetsByRule", "PutTargets", delete="RemoveTargets"),
    ),
    "aws:cloudwatch/logGroup:LogGroup": (
        # Listed by the beginning of their names, with no resource to name.
        Rights("logs", _ALL, read="DescribeLogGroups"),
        Rights(
            "logs",
            _LOG_GROUP,
            read="ListTagsForResource",
            create="CreateLogGroup PutRetentionPolicy TagResource",
            update="DeleteRetentionPolicy UntagResource",
            delete="DeleteLogGroup",
        ),
    ),
    "aws:cloudwatch/logMetricFilter:LogMetricFilter": (
        Rights(
            "logs",
            _LOG_GROUP,
            read="DescribeMetricFilters",
            create="PutMetricFilter",
            delete="DeleteMetricFilter",
        ),
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": (
        Rights(
            "cloudwatch",
            _ALARM,
            read="DescribeAlarms ListTagsForResource",
            create="PutMetricAlarm TagResource",
            update="UntagResource",
            delete="DeleteAlarms",
        ),
    ),
    "aws:codedeploy/application:Application": (
        Rights(
            "codedeploy",
            _APPLICATION,
            read="GetApplication ListTagsForResource",
            # A deployment's revision belongs to the application.
            create="CreateApplication GetApplicationRevision RegisterApplicationRevision "
            "TagResource",
            update="UntagResource UpdateApplication",
            delete="DeleteApplication",
        ),
    ),
    "aws:codedeploy/deploymentConfig:DeploymentConfig": (
        Rights(
            "codedeploy",
            _CONFIGURATION,
            "GetDeploymentConfig",
            "CreateDeploymentConfig",
            delete="DeleteDeploymentConfig",
        ),
    ),
    "aws:codedeploy/deploymentGroup:DeploymentGroup": (
        Rights(
            "codedeploy",
            _GROUP,
            # And what `python -m operations deploy` calls.
            read="GetDeployment GetDeploymentGroup ListDeployments ListTagsForResource",
            create="CreateDeployment CreateDeploymentGroup TagResource",
            update="UntagResource UpdateDeploymentGroup",
            delete="DeleteDeploymentGroup",
        ),
        # CodeDeploy knows no resource for these.
        Rights("codedeploy", _ALL, create="StopDeployment BatchGetDeploymentTargets"),
        _PASSES_ROLE,
    ),
    "aws:cognito/managedLoginBranding:ManagedLoginBranding": (
        Rights(
            "cognito-idp",
            _POOL,
            read="DescribeManagedLoginBranding DescribeManagedLoginBrandingByClient",
            create="CreateManagedLoginBranding",
            update="UpdateManagedLoginBranding",
            delete="DeleteManagedLoginBranding",
            when=_OF_PROJECT,
        ),
    ),
    "aws:cognito/resourceServer:ResourceServer": (
        Rights(
            "cognito-idp",
            _POOL,
            read="DescribeResourceServer",
            create="CreateResourceServer",
            update="UpdateResourceServer",
            delete="DeleteResourceServer",
            when=_OF_PROJECT,
        ),
    ),
    "aws:cognito/userPool:UserPool": (
        Rights("cognito-idp", _ALL, create="CreateUserPool", when=_NEW_OF_PROJECT),
        Rights("cognito-idp", _POOL, create="TagResource", when=_NEW_OF_PROJECT),
        Rights(
            "cognito-idp",
            _POOL,
            read="DescribeUserPool GetUserPoolMfaConfig ListTagsForResource",
            create="SetUserPoolMfaConfig TagResource",
            update="AddCustomAttributes UntagResource UpdateUserPool",
            delete="DeleteUserPool",
            when=_OF_PROJECT,
        ),
        # For a pool that sends its letters through an identity of SES.
        Rights(
            "iam",
            (
                "arn:{partition}:iam::{account}:role/aws-service-role/"
                "email.cognito-idp.amazonaws.com/*",
            ),
            create="CreateServiceLinkedRole",
            when={"StringEquals": {"iam:AWSServiceName": "email.cognito-idp.amazonaws.com"}},
        ),
    ),
    "aws:cognito/userPoolClient:UserPoolClient": (
        Rights(
            "cognito-idp",
            _POOL,
            read="DescribeUserPoolClient",
            create="CreateUserPoolClient",
            update="UpdateUserPoolClient",
            delete="DeleteUserPoolClient",
            when=_OF_PROJECT,
        ),
    ),
    "aws:cognito/userPoolDomain:UserPoolDomain": (
        # Asked for by its name, with no resource to name.
        Rights("cognito-idp", _ALL, read="DescribeUserPoolDomain"),
        Rights(
            "cognito-idp",
            _POOL,
            create="CreateUserPoolDomain",
            update="UpdateUserPoolDomain",
            delete="DeleteUserPoolDomain",
            when=_OF_PROJECT,
        ),
    ),
    "aws:dynamodb/table:Table": (
        Rights(
            "dynamodb",
            _TABLE,
            read="DescribeContinuousBackups DescribeTable DescribeTimeToLive ListTagsOfResource",
            create="CreateTable TagResource",
            update="UntagResource UpdateContinuousBackups UpdateTable UpdateTimeToLive",
            delete="DeleteTable",
        ),
    ),
    "aws:iam/role:Role": (
        Rights(
            "iam",
            _ROLE,
            read="GetRole ListAttachedRolePolicies ListInstanceProfilesForRole ListRolePolicies "
            "ListRoleTags",
            create="TagRole",
            update="UntagRole UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription",
            delete="DeleteRole",
        ),
        Rights(
            "iam",
            _ROLE,
            create="CreateRole",
            update="PutRolePermissionsBoundary",
            when=_WITHIN_BOUNDARY,
        ),
    ),
    "aws:iam/rolePolicy:RolePolicy": (
        Rights("iam", _ROLE, read="GetRolePolicy"),
        Rights(
            "iam", _ROLE, create="PutRolePolicy", delete="DeleteRolePolicy", when=_WITHIN_BOUNDARY
        ),
    ),
    "aws:kms/key:Key": (
        Rights("kms", _ALL, create="CreateKey", when=_NEW_OF_PROJECT),
        Rights("kms", _KEY, create="TagResource", when=_NEW_OF_PROJECT),
        Rights(
            "kms",
            _KEY,
            read="DescribeKey GetKeyPolicy GetKeyRotationStatus ListResourceTags",
            update="DisableKeyRotation EnableKeyRotation PutKeyPolicy TagResource UntagResource "
            "UpdateKeyDescription",
            delete="ScheduleKeyDeletion",
            when=_OF_PROJECT,
        ),
    ),
    "aws:lambda/alias:Alias": (
        Rights("lambda", _FUNCTION, "GetAlias", "CreateAlias", "UpdateAlias", "DeleteAlias"),
    ),
    "aws:lambda/eventSourceMapping:EventSourceMapping": (
        Rights(
            "lambda",
            _MAPPING,
            create="CreateEventSourceMapping",
            update="UpdateEventSourceMapping",
            delete="DeleteEventSourceMapping",
            when=_OF_FUNCTION,
        ),
        Rights("lambda", _MAPPING, "ListTags", "TagResource", "UntagResource"),
        # Lambda knows no resource for it.
        Rights("lambda", _ALL, read="GetEventSourceMapping"),
    ),
    "aws:lambda/function:Function": (
        Rights(
            "lambda",
            _FUNCTION,
            read="GetFunction GetFunctionCodeSigningConfig GetFunctionConfiguration ListTags "
            "ListVersionsByFunction",
            create="CreateFunction PublishVersion PutFunctionConcurrency TagResource",
            update="DeleteFunctionConcurrency UntagResource UpdateFunctionCode "
            "UpdateFunctionConfiguration",
            delete="DeleteFunction",
        ),
        _PASSES_ROLE,
        # Who puts a function into a VPC, has to see it:
        # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html
        Rights("ec2", _ALL, create="DescribeSecurityGroups DescribeSubnets DescribeVpcs"),
    ),
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": (
        Rights(
            "lambda",
            _FUNCTION,
            read="GetFunctionEventInvokeConfig",
            create="PutFunctionEventInvokeConfig",
            update="UpdateFunctionEventInvokeConfig",
            delete="DeleteFunctionEventInvokeConfig",
        ),
    ),
    "aws:lambda/functionRecursionConfig:FunctionRecursionConfig": (
        Rights(
            "lambda",
            _FUNCTION,
            read="GetFunctionRecursionConfig",
            create="PutFunctionRecursionConfig",
        ),
    ),
    "aws:lambda/permission:Permission": (
        Rights("lambda", _FUNCTION, "GetPolicy", "AddPermission", delete="RemovePermission"),
    ),
    "aws:s3/bucket:Bucket": (
        Rights(
            "s3",
            _BUCKET,
            read="GetAccelerateConfiguration GetBucketAcl GetBucketCORS GetBucketLocation "
            "GetBucketLogging GetBucketObjectLockConfiguration GetBucketPolicy "
            "GetBucketRequestPayment GetBucketTagging GetBucketVersioning GetBucketWebsite "
            "GetEncryptionConfiguration GetLifecycleConfiguration GetReplicationConfiguration "
            "ListBucket ListTagsForResource",
            create="CreateBucket PutBucketTagging TagResource",
            update="UntagResource",
            # One that holds objects is emptied before it is deleted.
            delete="DeleteBucket ListBucketVersions",
        ),
        Rights(
            "s3", tuple(f"{each}/*" for each in _BUCKET), delete="DeleteObject DeleteObjectVersion"
        ),
    ),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": (
        Rights("s3", _BUCKET, "GetLifecycleConfiguration", "PutLifecycleConfiguration"),
    ),
    "aws:s3/bucketNotification:BucketNotification": (
        Rights("s3", _BUCKET, "GetBucketNotification", "PutBucketNotification"),
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": (
        Rights("s3", _BUCKET, "GetBucketOwnershipControls", "PutBucketOwnershipControls"),
    ),
    "aws:s3/bucketPolicy:BucketPolicy": (
        Rights("s3", _BUCKET, "GetBucketPolicy", "PutBucketPolicy", "", "DeleteBucketPolicy"),
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": (
        Rights("s3", _BUCKET, "GetBucketPublicAccessBlock", "PutBucketPublicAccessBlock"),
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        Rights("s3", _BUCKET, "GetEncryptionConfiguration", "PutEncryptionConfiguration"),
    ),
    "aws:s3/bucketVersioning:BucketVersioning": (
        Rights("s3", _BUCKET, "GetBucketVersioning", "PutBucketVersioning"),
    ),
    "aws:budgets/budget:Budget": (
        Rights(
            "budgets",
            _BUDGET,
            "ViewBudget ListTagsForResource",
            "ModifyBudget TagResource",
            "ModifyBudget TagResource UntagResource",
            "ModifyBudget",
        ),
    ),
    "aws:scheduler/schedule:Schedule": (
        Rights(
            "scheduler",
            _SCHEDULE,
            "GetSchedule",
            "CreateSchedule",
            "UpdateSchedule",
            "DeleteSchedule",
        ),
        _PASSES_ROLE,
    ),
    "aws:sns/topic:Topic": (
        Rights(
            "sns",
            _TOPIC,
            read="GetTopicAttributes ListTagsForResource",
            create="CreateTopic TagResource",
            update="SetTopicAttributes UntagResource",
            delete="DeleteTopic",
        ),
    ),
    "aws:sns/topicPolicy:TopicPolicy": (
        Rights("sns", _TOPIC, "GetTopicAttributes", update="SetTopicAttributes"),
    ),
    "aws:sns/topicSubscription:TopicSubscription": (
        Rights(
            "sns",
            _TOPIC,
            read="GetSubscriptionAttributes ListSubscriptionsByTopic",
            create="Subscribe",
            update="SetSubscriptionAttributes",
            delete="Unsubscribe",
        ),
    ),
    "aws:sqs/queue:Queue": (
        Rights(
            "sqs",
            _QUEUE,
            read="GetQueueAttributes GetQueueUrl ListQueueTags",
            create="CreateQueue TagQueue",
            update="SetQueueAttributes UntagQueue",
            delete="DeleteQueue",
        ),
    ),
    "aws:sqs/queuePolicy:QueuePolicy": _QUEUE_ATTRIBUTES,
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": _QUEUE_ATTRIBUTES,
}

_RECORDS = (
    Rights(
        "route53",
        _ZONE,
        read="GetHostedZone ListResourceRecordSets",
        create="ChangeResourceRecordSets",
    ),
    # Whether a change has reached all name servers.
    Rights("route53", ("arn:{partition}:route53:::change/*",), read="GetChange"),
)

DOMAIN_RIGHTS: dict[str, tuple[Rights, ...]] = {
    "aws:acm/certificate:Certificate": (
        Rights("acm", _ALL, create="RequestCertificate", when=_NEW_OF_PROJECT),
        Rights("acm", _CERTIFICATE, create="AddTagsToCertificate", when=_NEW_OF_PROJECT),
        Rights(
            "acm",
            _CERTIFICATE,
            read="DescribeCertificate ListTagsForCertificate",
            create="AddTagsToCertificate",
            update="RemoveTagsFromCertificate UpdateCertificateOptions",
            delete="DeleteCertificate",
            when=_OF_PROJECT,
        ),
    ),
    "aws:acm/certificateValidation:CertificateValidation": (
        Rights("acm", _CERTIFICATE, read="DescribeCertificate", when=_OF_PROJECT),
    ),
    "aws:apigatewayv2/apiMapping:ApiMapping": (
        Rights("apigateway", _DOMAIN, "GET", "POST", "PATCH", "DELETE"),
    ),
    "aws:apigatewayv2/domainName:DomainName": (
        Rights("apigateway", _DOMAIN, "GET", "POST TagResource", "PATCH", "DELETE"),
    ),
    "aws:route53/healthCheck:HealthCheck": (
        # Route 53 knows no resource for the creation of one.
        Rights("route53", _ALL, create="CreateHealthCheck"),
        Rights(
            "route53",
            _HEALTH_CHECK,
            read="GetHealthCheck ListTagsForResource",
            create="ChangeTagsForResource",
            update="UpdateHealthCheck",
            delete="DeleteHealthCheck",
        ),
    ),
    "aws:route53/record:Record": _RECORDS,
}
"""The same for the types of a domain, which a role is for that is given its hosted zone."""

# Who makes a replica has to be able to fill it, and DynamoDB has a role for the replication:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2gt_IAM.html
_REPLICA = (
    "arn:{partition}:dynamodb:{replicas}:{account}:table/Orders{suffix}",
    "arn:{partition}:dynamodb:{replicas}:{account}:table/{system}-*",
)
REPLICA_RIGHTS = (
    Rights(
        "dynamodb",
        _REPLICA,
        read="DescribeContinuousBackups DescribeTable DescribeTimeToLive ListTagsOfResource",
        create="BatchWriteItem CreateTable CreateTableReplica DeleteItem GetItem PutItem Query "
        "Scan TagResource UpdateItem",
        update="UntagResource UpdateContinuousBackups UpdateTable UpdateTimeToLive",
        delete="DeleteTable DeleteTableReplica",
    ),
    Rights(
        "iam",
        (
            "arn:{partition}:iam::{account}:role/aws-service-role/"
            "replication.dynamodb.amazonaws.com/*",
        ),
        create="CreateServiceLinkedRole",
        when={"StringEquals": {"iam:AWSServiceName": "replication.dynamodb.amazonaws.com"}},
    ),
)
"""What the stack of the home region takes beside, in the other regions."""

REPLICA_BOUNDARY = (Rights("dynamodb", _REPLICA, update="UpdateItem"),)
"""What roles of a region do at most in the replicas of the others."""

BOUNDARY: tuple[Rights, ...] = (
    Rights(
        "dynamodb",
        (*_TABLE, *_TABLE_PARTS, f"{_TABLE[1]}/*"),
        "BatchGetItem DescribeStream DescribeTable GetItem GetRecords GetShardIterator ListStreams "
        "Query",
        "PutItem",
        "UpdateItem",
        "DeleteItem",
    ),
    Rights("sqs", _QUEUE, "GetQueueAttributes ReceiveMessage", "SendMessage", "", "DeleteMessage"),
    Rights("s3", _BUCKET, "ListBucket"),
    Rights("s3", _OBJECTS, "GetObject GetObjectVersion", "PutObject"),
    Rights("events", _BUS, create="PutEvents"),
    Rights("lambda", _FUNCTION, create="InvokeFunction"),
    Rights("lambda", _FUNCTION, "GetAlias GetProvisionedConcurrencyConfig", "", "UpdateAlias"),
    Rights("cloudwatch", _ALL, "DescribeAlarms GetMetricData"),
    Rights("codedeploy", _GROUP, "GetDeployment", "PutLifecycleEventHookExecutionStatus"),
    Rights("logs", _LOG_GROUP[:1], create="CreateLogStream PutLogEvents"),
    Rights("xray", _ALL, create="PutTelemetryRecords PutTraceSegments"),
    Rights(
        "ec2",
        _ALL,
        "DescribeNetworkInterfaces DescribeSubnets",
        "CreateNetworkInterface",
        "AssignPrivateIpAddresses UnassignPrivateIpAddresses",
        "DeleteNetworkInterface",
    ),
)
"""What roles of a stack do at most, whatever is granted to them."""


GROUPS = {
    **dict.fromkeys(("apigateway", "ec2", "lambda", "logs"), "code"),
    **dict.fromkeys(("dynamodb", "kms", "s3", "sqs"), "data"),
    **dict.fromkeys(
        ("budgets", "cloudwatch", "codedeploy", "events", "scheduler", "sns"), "events"
    ),
    "cognito-idp": "roles",
    "iam": "roles",
}
"""Which policy the rights on a service are in: one alone would be too long for IAM."""


def grouped() -> dict[str, list[Rights]]:
    """The rights on all types, by the policy that they are in."""
    found: dict[str, list[Rights]] = {}
    for rights in RIGHTS.values():
        for each in rights:
            found.setdefault(GROUPS.get(each.service, "further"), []).append(each)
    return found


def statements(
    rights: Iterable[Rights], names: Mapping[str, str], *, reads_only: bool = False
) -> list[dict[str, Any]]:
    """The statements of a policy: one for all actions on the same resources and conditions.

    `names` fill in the patterns: partition, region, account, system, suffix, project, stack,
    boundary, zone and replicas, the regions of replicas with a comma between.
    """
    found: dict[str, tuple[Rights, set[str]]] = {}
    for each in rights:
        alike = repr((each.service, each.on, each.when))
        found.setdefault(alike, (each, set()))[1].update(each.actions(reads_only))
    return [
        {
            "Effect": "Allow",
            "Action": sorted(actions),
            "Resource": [filled for pattern in each.on for filled in _resources(pattern, names)],
            **({"Condition": _filled(each.when, names)} if each.when else {}),
        }
        for each, actions in found.values()
        if actions
    ]


def _resources(pattern: str, names: Mapping[str, str]) -> list[str]:
    """The ARNs of a pattern: one, or one for each region of replicas."""
    if "{replicas}" not in pattern:
        return [pattern.format_map(names)]
    return [
        pattern.format_map({**names, "replicas": region}) for region in names["replicas"].split(",")
    ]


def _filled(condition: Condition, names: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {
        operator: {
            key: value.format_map(names) if isinstance(value, str) else list(value)
            for key, value in keys.items()
        }
        for operator, keys in condition.items()
    }
