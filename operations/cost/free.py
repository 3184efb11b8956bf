"""Resources that cost nothing themselves; every other type has to be priced."""

FREE = frozenset(
    {
        # https://aws.amazon.com/certificate-manager/pricing/
        "aws:acm/certificate:Certificate",
        "aws:acm/certificateValidation:CertificateValidation",
        "aws:apigatewayv2/apiMapping:ApiMapping",
        "aws:apigatewayv2/domainName:DomainName",
        # Asked for an alias of an API, Route 53 answers for nothing:
        # https://aws.amazon.com/route53/pricing/
        "aws:route53/record:Record",
        # Code, names, rights and wiring: what runs through them is billed where it runs.
        "aws:apigatewayv2/authorizer:Authorizer",
        "aws:apigatewayv2/integration:Integration",
        "aws:apigatewayv2/route:Route",
        "aws:apigatewayv2/stage:Stage",
        "aws:cloudwatch/eventBusPolicy:EventBusPolicy",
        "aws:cloudwatch/eventRule:EventRule",
        "aws:cloudwatch/eventTarget:EventTarget",
        "aws:cloudwatch/logMetricFilter:LogMetricFilter",
        # https://aws.amazon.com/codedeploy/pricing/
        "aws:codedeploy/application:Application",
        "aws:codedeploy/deploymentConfig:DeploymentConfig",
        "aws:codedeploy/deploymentGroup:DeploymentGroup",
        # A user pool's parts; people and machines that sign in are billed: BY_USE.
        "aws:cognito/managedLoginBranding:ManagedLoginBranding",
        "aws:cognito/resourceServer:ResourceServer",
        "aws:cognito/userPoolDomain:UserPoolDomain",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:lambda/alias:Alias",
        "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
        "aws:lambda/functionRecursionConfig:FunctionRecursionConfig",
        "aws:lambda/permission:Permission",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "aws:s3/bucketNotification:BucketNotification",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "aws:s3/bucketVersioning:BucketVersioning",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:sns/topicSubscription:TopicSubscription",
        "aws:sqs/queuePolicy:QueuePolicy",
        "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy",
        "aws:sqs/redrivePolicy:RedrivePolicy",
        "pulumi:index:Stash",
        "pulumi:providers:aws",
    }
)

BY_USE = frozenset(
    {
        # Billed for what passes through or lies in them.
        "aws:apigatewayv2/api:Api",
        "aws:cloudwatch/eventArchive:EventArchive",
        "aws:cloudwatch/eventBus:EventBus",
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:cognito/userPool:UserPool",
        "aws:dynamodb/table:Table",
        "aws:lambda/eventSourceMapping:EventSourceMapping",
        "aws:lambda/function:Function",
        "aws:s3/bucket:Bucket",
        "aws:scheduler/schedule:Schedule",
        "aws:sns/topic:Topic",
        "aws:sqs/queue:Queue",
    }
)

BY_THE_MONTH = frozenset(
    {
        "aws:budgets/budget:Budget",
        "aws:cloudwatch/compositeAlarm:CompositeAlarm",
        "aws:cloudwatch/dashboard:Dashboard",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:cognito/userPoolClient:UserPoolClient",
        "aws:kms/key:Key",
        "aws:route53/healthCheck:HealthCheck",
    }
)

NOT_COUNTED = (
    "free tiers, taxes and AWS Support",
    "data that leaves AWS or its region, and a VPC's endpoints or NAT",
    "of several regions: the other stacks, whose tables stand with the home stack's, at its prices",
    "what fails: retries, dead letters, repairs, alarms' e-mails",
    "who signs in: Cognito's active users beyond 10,000 and the tokens of machines",
    "files that are imported and objects in buckets",
    "deployments: the runs of their checks, and the metrics that these read",
    "KMS requests for the tables, which DynamoDB makes every few minutes",
)
"""What an estimate leaves out."""
