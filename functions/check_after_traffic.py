"""CodeDeploy's hook AfterAllowTraffic: what the metrics say of a new version that has all traffic.

Alarms end a deployment while traffic moves, if they watch its version. This check asks for the
metrics of that version itself, over all of its deployment, and for a while longer, until CloudWatch
has counted what came last.
"""

# isort: off
from .toolkit import bootstrap

# isort: on
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from . import contract
from .orders.metrics import metrics
from .toolkit import aws, environment, traffic_check
from .toolkit.traffic_check import CodeDeploy, Deployment, NotAsExpectedError
from .toolkit.version_metrics import VersionMetrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Between two looks at the metrics, which CloudWatch has by the minute.
PAUSE_SECONDS = 10.0

_codedeploy = CodeDeploy.connect()
_metrics = VersionMetrics(
    aws.complete_client("cloudwatch", traffic_check.ATTEMPTS),
    contract.METRIC_NAMESPACE,
    contract.FAILURES_BY_VERSION,
    {contract.SERVICE_DIMENSION: environment.text(contract.SERVICE_NAME_VARIABLE)},
)
_most = environment.positive_number(contract.LARGEST_ERROR_PERCENT_VARIABLE)
_watched = environment.whole_number(contract.WATCHED_SECONDS_VARIABLE)


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry: whether the new version may keep the traffic."""
    answer = traffic_check.answer(event, context, _codedeploy, _check)
    metrics.flush(context)
    return answer


def _check(deployment: Deployment) -> dict[str, Any]:
    end = time.monotonic() + _watched
    begun = datetime.fromtimestamp(deployment.created, UTC)
    while True:
        counts = _metrics.since(begun, deployment.name, deployment.alias, deployment.target)
        if counts.percent > _most:
            raise NotAsExpectedError(
                f"{counts.failures:g} failures in {counts.invocations:g} invocations are more than "
                f"{_most:g} %"
            )
        left = end - time.monotonic()
        if left <= 0:
            return counts._asdict()
        time.sleep(min(PAUSE_SECONDS, left))


bootstrap.complete()
