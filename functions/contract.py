"""The facts that the functions and the infrastructure share, each defined once.

Plain constants and no imports: the functions read them at run time, the components
when they build routes, environments, alarms and dashboards.
"""

# Paths of the API's resources, as API Gateway's route keys write them.
ORDERS_PATH = "/orders"
ORDER_PATH = "/orders/{id}"
HISTORY_PATH = "/orders/{id}/history"
HEALTH_PATH = "/health"  # of a region; in no version of the API

# Scopes of access tokens, where there is sign-in: `<resource server>/<scope>`. The last one is as
# good as any other, and shows everybody's orders.
RESOURCE_SERVER = "orders"
READ_SCOPE = "orders/read"
WRITE_SCOPE = "orders/write"
ADMIN_SCOPE = "orders/admin"

# Versions of the API: each has these paths behind its name, as /v2/orders, and a module in
# functions/orders/representations. The paths alone mean the version UNVERSIONED.
API_VERSIONS = ("v1", "v2")
UNVERSIONED = "v1"

# Metrics of requests by what their paths begin with, under METRIC_NAMESPACE with the dimension
# ApiId: counted in the API's access log, so they cost a request nothing.
REQUESTS_OF_VERSIONS = {"": "RequestsUnversioned", "v1": "RequestsV1", "v2": "RequestsV2"}

# The currencies of ISO 4217 by their decimals. All prices of a system are in one of them, which
# version 1 does not name.
CURRENCIES = {
    2: "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD "
    "CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ "
    "GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL "
    "MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR "
    "PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT "
    "TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
}
DEFAULT_CURRENCY = "EUR"
VERSION_OF_CURRENCY = "v2"  # the one that names it

# Order status machine: (from, to) -> what causes the transition.
PENDING = "PENDING"
CONFIRMED = "CONFIRMED"
FAILED = "FAILED"
DELIVERY = "a delivery of OrderCreated"
LAST_FAILURE = "a failure on the last permitted receive"
REDRIVE = "a redrive from the dead-letter queue, or a delivery after a raised maxReceiveCount"
TRANSITIONS = {
    (PENDING, CONFIRMED): DELIVERY,
    (PENDING, FAILED): LAST_FAILURE,
    (FAILED, CONFIRMED): REDRIVE,
}

# Synthetic orders, the sign of life: their customerName begins so, and goes on with the stack's
# secret, so that nobody else's order passes for one.
SYNTHETIC_PREFIX = "synthetic "
SYNTHETIC_SCOPES = (READ_SCOPE, WRITE_SCOPE)  # what places them signed in may do, and no more

# Event sent to the queue: {"type": ORDER_CREATED, "detail": {each of ORDER_CREATED_DETAIL}}.
ORDER_CREATED = "OrderCreated"
ORDER_CREATED_DETAIL = ("id", "customerName", "items")

# Events on the bus, one for each change of an order (functions/orders/changes.py): the status that
# it came to have -> detail-type. PLACED causes the first, TRANSITIONS all others.
EVENT_SOURCE = "serverless-orders"
PLACED = "an accepted order"
CHANGE_EVENTS = {PENDING: ORDER_CREATED, CONFIRMED: "OrderConfirmed", FAILED: "OrderFailed"}

# Message attributes beside the body; CREATED_AT_ATTRIBUTE (below) is one too.
CORRELATION_ID_ATTRIBUTE = "correlationId"
REDRIVEN_ATTRIBUTE = "redriven"

# Sparse index over pending orders: only a PENDING item carries the partition key. It holds keys
# alone. New orders are put in the first PENDING_SHARDS_VARIABLE of its shards; the repair looks at
# all MOST_PENDING_SHARDS, so that no setting hides an order.
PENDING_INDEX = "pending-keys"
PENDING_SHARD_ATTRIBUTE = "pendingShard"
MOST_PENDING_SHARDS = 256
# In so many runs the repair looked at every shard. A prime beyond the longest rate in minutes, so
# that at every rate each run has another minute of the cycle.
PENDING_CYCLE = 61
CREATED_AT_ATTRIBUTE = "createdAt"

# Whose an order is: the subject of who placed it. Orders without a caller have none.
OWNER_ATTRIBUTE = "owner"

# Sparse index over the owners of orders, where there is sign-in: what a list of orders shows.
OWNER_INDEX = "owner"
LISTED_ATTRIBUTES = ("customerName", "status", "updatedAt")  # beside its keys

# Where there are several regions: whose an order is (the region that took it, or has adopted it;
# none: the first one's), and since when, if not since its creation. A region has the
# MOST_PENDING_SHARDS shards of the index over pending orders that follow those of the regions
# before it, so that its repair sees its own orders alone.
REGION_ATTRIBUTE = "region"
REGION_SINCE_ATTRIBUTE = "regionSince"

# Attributes of the table of what became of each order: its keys, and when DynamoDB drops an item.
HISTORY_ORDER_ATTRIBUTE = "orderId"
HISTORY_VERSION_ATTRIBUTE = "version"
HISTORY_EXPIRY_ATTRIBUTE = "expiresAt"

# Attributes of the table of callers' limits: its key, requests made, when DynamoDB drops an item.
LIMITS_KEY_ATTRIBUTE = "id"
LIMITS_TAKEN_ATTRIBUTE = "taken"
LIMITS_EXPIRY_ATTRIBUTE = "expiresAt"

# Environment variables that the infrastructure sets on a function.
TABLE_NAME_VARIABLE = "ORDERS_TABLE_NAME"
HISTORY_TABLE_NAME_VARIABLE = "HISTORY_TABLE_NAME"
HISTORY_DAYS_VARIABLE = "HISTORY_RETENTION_DAYS"  # 0: for ever
QUEUE_URL_VARIABLE = "ORDER_EVENTS_QUEUE_URL"
BUS_NAME_VARIABLE = "ORDER_EVENTS_BUS_NAME"
ORDER_ID_KEY_VARIABLE = "ORDER_ID_KEY"  # secret; keys the HMAC that gives ids from Idempotency-Keys
MAX_RECEIVE_COUNT_VARIABLE = "MAX_RECEIVE_COUNT"
PENDING_THRESHOLD_VARIABLE = "PENDING_THRESHOLD_SECONDS"
REPUBLISH_LIMIT_VARIABLE = "REPUBLISH_LIMIT"
PENDING_SHARDS_VARIABLE = "PENDING_SHARDS"
API_URL_VARIABLE = "API_URL"
SYNTHETIC_CUSTOMER_VARIABLE = "SYNTHETIC_CUSTOMER"  # secret; only where there are synthetic orders
# Only where synthetic orders are placed signed in: where their client gets its tokens, the client,
# and its secret.
SYNTHETIC_TOKEN_URL_VARIABLE = "SYNTHETIC_TOKEN_URL"  # noqa: S105 - no secret
SYNTHETIC_CLIENT_ID_VARIABLE = "SYNTHETIC_CLIENT_ID"
SYNTHETIC_CLIENT_SECRET_VARIABLE = "SYNTHETIC_CLIENT_SECRET"  # noqa: S105 - its name
# JSON, only where a version is deprecated: what a route's path begins with -> header fields.
DEPRECATIONS_VARIABLE = "API_DEPRECATIONS"
CURRENCY_VARIABLE = "CURRENCY"  # where a version of the API names it
IMPORTS_BUCKET_VARIABLE = "IMPORTS_BUCKET_NAME"
VERSION_FAILURES_VARIABLE = "VERSION_FAILURES"  # whether they are counted: while versions change
SIGN_IN_VARIABLE = "SIGN_IN_REQUIRED"  # set where no request may come without a caller
# Only of the checks of new versions: JSON, names on AWS by functions' own; when metrics are bad,
# and for how long they are looked at once all traffic has moved.
FUNCTION_NAMES_VARIABLE = "FUNCTION_NAMES"
LARGEST_ERROR_PERCENT_VARIABLE = "LARGEST_ERROR_PERCENT"
WATCHED_SECONDS_VARIABLE = "WATCHED_SECONDS"
CURSOR_KEY_VARIABLE = "CURSOR_KEY"  # secret; signs the places in lists of orders
LIMITS_TABLE_VARIABLE = "CALLER_LIMITS_TABLE_NAME"  # these three only where callers have limits
LIMIT_POLICY_VARIABLE = "CALLER_LIMIT_POLICY"
LIMIT_QUOTA_VARIABLE = "CALLER_LIMIT_PER_MINUTE"
# These two only where there are several regions: all of them, the first one home, and the age from
# which a region changes its orders in the replica of the next one, which may adopt them.
REGIONS_VARIABLE = "REGIONS"
ADOPT_AFTER_VARIABLE = "ADOPT_AFTER_SECONDS"
SERVICE_NAME_VARIABLE = "POWERTOOLS_SERVICE_NAME"  # every function; the metrics' dimension

# Custom CloudWatch metrics, emitted in EMF under METRIC_NAMESPACE with the dimension
# SERVICE_DIMENSION (and, for COLD_START, FUNCTION_NAME_DIMENSION, as Powertools emits it).
# Each of our own has its unit in METRIC_UNITS, below.
METRIC_NAMESPACE = "ServerlessOrders"
SERVICE_DIMENSION = "service"
FUNCTION_NAME_DIMENSION = "function_name"
COLD_START = "ColdStart"
VERSION_DIMENSION = "version"  # of VERSION_FAILURES, with the other two
VERSION_FAILURES = "VersionFailures"  # answers 5xx, and messages to be delivered again
ORDERS_CREATED = "OrdersCreated"  # answered 201, replays excluded
ORDERS_REJECTED = "OrdersRejected"  # refused for the caller's fault (4xx)
ORDERS_CREATE_FAILED = "OrdersCreateFailed"  # refused for ours (5xx)
ORDERS_CONFIRMED = "OrdersConfirmed"  # PENDING or FAILED -> CONFIRMED
ORDERS_FAILED = "OrdersFailed"  # PENDING -> FAILED
ORDER_PROCESSING_TIME = "OrderProcessingTime"  # createdAt -> CONFIRMED
QUEUE_LAG = "QueueLag"  # message sent -> received by the processor
MESSAGES_REJECTED = "MessagesRejected"  # unreadable, of another type, for no order
ORDERS_REPUBLISHED = "OrdersRepublished"  # events sent again by the repair
OLDEST_PENDING_AGE = "OldestPendingAge"  # age of the oldest order past the threshold
ORDERS_STORED = "OrdersStored"  # items of the table, as DynamoDB counts them
ORDERS_TABLE_SIZE = "OrdersTableSize"  # and their size
LINES_IMPORTED = "LinesImported"  # of files, that are orders now
LINES_REJECTED = "LinesRejected"  # of files, that cannot be orders

REQUESTS_OVER_LIMIT = "RequestsOverLimit"  # refused because of their caller's limit
REQUESTS_NOT_COUNTED = "RequestsNotCounted"  # that passed, as the table of limits did not work

# Beginnings of keys in the bucket of imports.
INCOMING = "incoming/"  # files to be imported
RESULTS = "results/"  # what became of each line, by the file's key
UNFINISHED = "unfinished/"  # how far a file is, by its key

# Of the synthetic orders, which none of the above counts: one of both a run.
SYNTHETIC_ORDERS_CONFIRMED = "SyntheticOrdersConfirmed"  # placed, seen CONFIRMED
SYNTHETIC_ORDERS_FAILED = "SyntheticOrdersFailed"  # refused, or not CONFIRMED in time

# As CloudWatch spells them.
METRIC_UNITS = {
    ORDERS_CREATED: "Count",
    ORDERS_REJECTED: "Count",
    ORDERS_CREATE_FAILED: "Count",
    ORDERS_CONFIRMED: "Count",
    ORDERS_FAILED: "Count",
    ORDER_PROCESSING_TIME: "Milliseconds",
    QUEUE_LAG: "Milliseconds",
    MESSAGES_REJECTED: "Count",
    ORDERS_REPUBLISHED: "Count",
    OLDEST_PENDING_AGE: "Seconds",
    SYNTHETIC_ORDERS_CONFIRMED: "Count",
    SYNTHETIC_ORDERS_FAILED: "Count",
    ORDERS_STORED: "Count",
    ORDERS_TABLE_SIZE: "Bytes",
    LINES_IMPORTED: "Count",
    LINES_REJECTED: "Count",
    REQUESTS_OVER_LIMIT: "Count",
    REQUESTS_NOT_COUNTED: "Count",
}

# What a version fails at, as a function counts it: the metric, its dimensions, the variable.
FAILURES_BY_VERSION = {
    "metric": VERSION_FAILURES,
    "function": FUNCTION_NAME_DIMENSION,
    "version": VERSION_DIMENSION,
    "variable": VERSION_FAILURES_VARIABLE,
}

# The limit of each caller, as a function that answers requests has it: variables, attributes and
# metrics. The policies are the limit's names.
CREATE_POLICY, READ_POLICY = "create", "read"
CALLER_LIMIT = {
    "key": LIMITS_KEY_ATTRIBUTE,
    "taken": LIMITS_TAKEN_ATTRIBUTE,
    "expiry": LIMITS_EXPIRY_ATTRIBUTE,
    "table": LIMITS_TABLE_VARIABLE,
    "policy": LIMIT_POLICY_VARIABLE,
    "quota": LIMIT_QUOTA_VARIABLE,
    "exceeded": REQUESTS_OVER_LIMIT,
    "failed": REQUESTS_NOT_COUNTED,
}
