"""The metrics of orders: counted by the handlers, declared in contract."""

from .. import contract
from ..toolkit.telemetry import ByVersion, Metrics

metrics = Metrics(
    contract.METRIC_NAMESPACE,
    contract.METRIC_UNITS,
    ByVersion(
        contract.VERSION_FAILURES,
        contract.FUNCTION_NAME_DIMENSION,
        contract.VERSION_DIMENSION,
        contract.VERSION_FAILURES_VARIABLE,
    ),
)
