"""Whether what the orders of this region need answers: their table, and the queue of events."""

from .. import contract
from ..toolkit import aws, environment, tracing

# Seconds for a connection and for an answer. Together they leave a health check of Route 53, which
# waits 2 s for an answer, enough of them for a start:
# https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html
PATIENCE = 0.4

# No order's id, since it is no UUID.
_NO_ORDER = "health"


class Needs:
    """The table and the queue that the infrastructure names."""

    def __init__(self) -> None:
        self._table = environment.text(contract.TABLE_NAME_VARIABLE)
        self._queue_url = environment.text(contract.QUEUE_URL_VARIABLE)
        self._dynamodb = aws.impatient_client("dynamodb", PATIENCE)
        self._sqs = aws.impatient_client("sqs", PATIENCE)

    def failing(self) -> dict[str, BaseException]:
        """What does not answer as it should, by name; two AWS calls."""
        found: dict[str, BaseException] = {}
        for name, ask in (("table", self._ask_table), ("queue", self._ask_queue)):
            try:
                ask()
            except aws.FAILURES as error:
                found[name] = error
        return found

    def _ask_table(self) -> None:
        with tracing.Subsegment("DynamoDB", "GetItem", table_name=self._table):
            self._dynamodb.get_item(
                TableName=self._table, Key={"id": {"S": _NO_ORDER}}, ConsistentRead=True
            )

    def _ask_queue(self) -> None:
        with tracing.Subsegment("SQS", "GetQueueAttributes", queue_url=self._queue_url):
            self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["QueueArn"])
