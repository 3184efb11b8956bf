"""How the index over pending orders is spread, so that it does not slow the table down."""

from math import ceil

from ._contract import contract
from .order_inputs import OrderSettings

# A partition takes 1,000 write units a second, and orders sorted by time all go to the end of
# their key's partition, which DynamoDB therefore cannot split. An index that takes no more
# throttles its table:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html
UNITS_PER_SHARD = 1000

# Keys fit into one unit: an order is put in once and taken out once.
UNITS_PER_ORDER = 2

# Orders come unevenly, and not all of them through the API.
MARGIN = 2

LEAST_SHARDS = 4


def shards(settings: OrderSettings) -> int:
    """In how many shards new orders are put, of settings with their defaults."""
    rate = settings["throttle"]["create_rate"]
    needed = ceil(rate * UNITS_PER_ORDER * MARGIN / UNITS_PER_SHARD)
    usual = min(max(LEAST_SHARDS, needed), contract.MOST_PENDING_SHARDS)
    return settings["pending"].get("shards", usual)
