"""Values of a system that is configured no further. Seconds, MB and days as the names say."""

# The functions.
RUNTIME = "python3.13"
ARCHITECTURE = "x86_64"
MEMORY_MB = 1024
TIMEOUT_SECONDS = 30
LOG_RETENTION_DAYS = 14

# The API. The rates are requests per second over all callers; the bursts are requests.
CORS_ORIGINS = ("*",)
CORS_HEADERS = ("*",)
CORS_METHODS = ("GET", "POST")
THROTTLE_RATE = 500
THROTTLE_BURST = 1000
CREATE_THROTTLE_RATE = 250
CREATE_THROTTLE_BURST = 500

# The data.
TABLE_NAME = "Orders"
QUEUE_NAME = "order-events"
VISIBILITY_TIMEOUT_SECONDS = 30
MESSAGE_RETENTION_DAYS = 14
DEAD_LETTER_RETENTION_DAYS = 14
MAX_RECEIVE_COUNT = 3

# The processor's batches.
BATCH_SIZE = 10
BATCH_WINDOW_SECONDS = 0

# The repair. By the threshold every regular delivery is over: the visibility timeout times the
# receives. An event sent again for an order that was merely slow would change nothing.
REPUBLISH_RATE_MINUTES = 1
PENDING_THRESHOLD_SECONDS = 120
REPUBLISH_LIMIT = 1000

# Asynchronous invocations: Lambda's own number of retries, and an age at which the next run of
# the schedule has long taken over.
ASYNC_RETRIES = 2
ASYNC_EVENT_AGE_SECONDS = 3600

# Batches of a stream: a few tries within seconds, then the record is given up rather than its
# shard held up; a stream keeps a record for a day.
STREAM_RETRIES = 3
STREAM_RECORD_AGE_SECONDS = 86_400

# What the alarms hold against. Percentages are of requests; the rest is as the names say.
ALARM_FUNCTION_ERROR_PERCENT = 1
ALARM_DURATION_PERCENT_OF_TIMEOUT = 80
ALARM_API_ERROR_PERCENT = 1
ALARM_API_LATENCY_MILLISECONDS = 3000
ALARM_QUEUE_AGE_SECONDS = 300
ALARM_DRAIN_SECONDS = 900
ALARM_CREATION_SUCCESS_PERCENT = 99
ALARM_PROCESSING_TIME_MILLISECONDS = 60_000
ALARM_QUEUE_LAG_MILLISECONDS = 60_000
ALARM_OLDEST_PENDING_SECONDS = 600
