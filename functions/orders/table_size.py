"""How many orders there are, and how large their table is."""

from typing import NamedTuple

from .. import contract
from ..toolkit import aws, environment, tracing
from . import store


class Size(NamedTuple):
    """How large the table is, as DynamoDB counts about every six hours."""

    items: int
    bytes: int


class MeasuredTable:
    """The table of orders as a whole."""

    @classmethod
    def connect(cls) -> "MeasuredTable":
        """The table that the infrastructure names."""
        table = environment.text(contract.TABLE_NAME_VARIABLE)
        return cls(aws.client("dynamodb", store.ATTEMPTS), table)

    def __init__(self, client: aws.Client, table: str) -> None:
        self._client = client
        self._table = table

    def size(self) -> Size:
        """Its size, by one AWS call; raises what botocore raises (`aws.FAILURES`)."""
        with tracing.Subsegment("DynamoDB", "DescribeTable", table_name=self._table):
            table = self._client.describe_table(TableName=self._table)["Table"]
        return Size(table["ItemCount"], table["TableSizeBytes"])
