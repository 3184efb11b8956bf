"""How many orders there are, and how large their table is."""

from typing import NamedTuple

from . import store


class Size(NamedTuple):
    """How large the table is, as DynamoDB counts about every six hours."""

    items: int
    bytes: int


class MeasuredTable(store.Table):
    """The table of orders as a whole."""

    def size(self) -> Size:
        """Its size, by one AWS call; raises what botocore raises (`aws.FAILURES`)."""
        with self._traced("DescribeTable"):
            table = self._client.describe_table(TableName=self._table)["Table"]
        return Size(table["ItemCount"], table["TableSizeBytes"])
