"""The metrics of orders: counted by the handlers, declared in contract."""

from .. import contract
from ..toolkit.telemetry import Metrics

metrics = Metrics(contract.METRIC_NAMESPACE, contract.METRIC_UNITS, contract.FAILURES_BY_VERSION)
