"""Components of a serverless order system, for any Pulumi program."""

from .bucket import Bucket, BucketArgs
from .deploy_role import DeployRole, DeployRoleArgs
from .event_bus import EventBus, EventBusArgs
from .event_consumer import EventConsumer, EventConsumerArgs
from .function import PythonFunction, PythonFunctionArgs
from .http_api import HttpApi, HttpApiArgs
from .observability import Observability, ObservabilityArgs
from .order_system import OrderSystem
from .order_system_args import OrderSystemArgs, home_parts
from .queues import Queue, QueueArgs
from .regional_domain import RegionalDomain, RegionalDomainArgs
from .table import Table, TableArgs
from .user_pool import UserPool, UserPoolArgs

__all__ = [
    "Bucket",
    "BucketArgs",
    "DeployRole",
    "DeployRoleArgs",
    "EventBus",
    "EventBusArgs",
    "EventConsumer",
    "EventConsumerArgs",
    "HttpApi",
    "HttpApiArgs",
    "Observability",
    "ObservabilityArgs",
    "OrderSystem",
    "OrderSystemArgs",
    "PythonFunction",
    "PythonFunctionArgs",
    "Queue",
    "QueueArgs",
    "RegionalDomain",
    "RegionalDomainArgs",
    "Table",
    "TableArgs",
    "UserPool",
    "UserPoolArgs",
    "home_parts",
]
