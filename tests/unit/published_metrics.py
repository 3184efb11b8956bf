"""The metrics that AWS publishes, with their dimensions, as its documentation has them.

A metric that is not emitted makes an alarm that never rings and a graph that stays empty, and
nothing says so: what we watch is held against this table.
"""

from typing import NamedTuple

LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"
HTTP_API = "https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-metrics.html"
DYNAMODB = (
    "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html"
)
SQS = (
    "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
    "sqs-available-cloudwatch-metrics.html"
)


EVENTS = "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html"


class Published(NamedTuple):
    """Which sets of dimensions a metric is published with, its statistics, and where it says so."""

    dimensions: tuple[frozenset[str], ...]
    statistics: frozenset[str]
    source: str


COUNTED = frozenset({"Sum"})
MEASURED = frozenset({"Average", "Maximum", "p50", "p99"})

_FUNCTION = (frozenset({"FunctionName"}),)
_MAPPING = (frozenset({"EventSourceMappingUUID"}),)
_STAGE = (frozenset({"ApiId", "Stage"}),)
_QUEUE = (frozenset({"QueueName"}),)
_TABLE_OR_INDEX = (
    frozenset({"TableName"}),
    frozenset({"TableName", "GlobalSecondaryIndexName"}),
)
_OPERATION = (frozenset({"TableName", "Operation"}),)

# A rule of a custom bus, and one of the default bus.
_REPLICA = (frozenset({"TableName", "ReceivingRegion"}),)
_RULE = (frozenset({"EventBusName", "RuleName"}), frozenset({"RuleName"}))

PUBLISHED: dict[tuple[str, str], Published] = {
    ("AWS/Lambda", "Invocations"): Published(_FUNCTION, COUNTED, LAMBDA),
    ("AWS/Lambda", "Errors"): Published(_FUNCTION, COUNTED, LAMBDA),
    ("AWS/Lambda", "Throttles"): Published(_FUNCTION, COUNTED, LAMBDA),
    ("AWS/Lambda", "Duration"): Published(_FUNCTION, MEASURED, LAMBDA),
    ("AWS/Lambda", "ConcurrentExecutions"): Published(_FUNCTION, frozenset({"Maximum"}), LAMBDA),
    ("AWS/Lambda", "IteratorAge"): Published(_FUNCTION, MEASURED, LAMBDA),
    ("AWS/Lambda", "DroppedEventCount"): Published(_MAPPING, COUNTED, LAMBDA),
    ("AWS/Lambda", "OnFailureDestinationDeliveredEventCount"): Published(_MAPPING, COUNTED, LAMBDA),
    ("AWS/ApiGateway", "Count"): Published(_STAGE, COUNTED, HTTP_API),
    ("AWS/ApiGateway", "4xx"): Published(_STAGE, COUNTED, HTTP_API),
    ("AWS/ApiGateway", "5xx"): Published(_STAGE, COUNTED, HTTP_API),
    ("AWS/ApiGateway", "Latency"): Published(_STAGE, MEASURED, HTTP_API),
    ("AWS/ApiGateway", "IntegrationLatency"): Published(_STAGE, MEASURED, HTTP_API),
    ("AWS/DynamoDB", "ConsumedReadCapacityUnits"): Published(_TABLE_OR_INDEX, COUNTED, DYNAMODB),
    ("AWS/DynamoDB", "ConsumedWriteCapacityUnits"): Published(_TABLE_OR_INDEX, COUNTED, DYNAMODB),
    ("AWS/DynamoDB", "ReplicationLatency"): Published(_REPLICA, MEASURED, DYNAMODB),
    ("AWS/DynamoDB", "ReadThrottleEvents"): Published(_TABLE_OR_INDEX, COUNTED, DYNAMODB),
    ("AWS/DynamoDB", "WriteThrottleEvents"): Published(_TABLE_OR_INDEX, COUNTED, DYNAMODB),
    ("AWS/DynamoDB", "ThrottledRequests"): Published(_OPERATION, COUNTED, DYNAMODB),
    ("AWS/DynamoDB", "SystemErrors"): Published(_OPERATION, COUNTED, DYNAMODB),
    ("AWS/SQS", "NumberOfMessagesSent"): Published(_QUEUE, COUNTED, SQS),
    ("AWS/SQS", "NumberOfMessagesReceived"): Published(_QUEUE, COUNTED, SQS),
    ("AWS/SQS", "NumberOfMessagesDeleted"): Published(_QUEUE, COUNTED, SQS),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): Published(_QUEUE, MEASURED, SQS),
    ("AWS/SQS", "ApproximateNumberOfMessagesNotVisible"): Published(_QUEUE, MEASURED, SQS),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): Published(_QUEUE, frozenset({"Maximum"}), SQS),
    ("AWS/Events", "TriggeredRules"): Published(_RULE, COUNTED, EVENTS),
    ("AWS/Events", "FailedInvocations"): Published(_RULE, COUNTED, EVENTS),
    ("AWS/Events", "InvocationsFailedToBeSentToDlq"): Published(_RULE, COUNTED, EVENTS),
}

# The operations that DynamoDB's dimension `Operation` has, of those that we call (same page).
OPERATIONS = frozenset(
    {"PutItem", "GetItem", "BatchGetItem", "UpdateItem", "DeleteItem", "Query", "Scan"}
)
