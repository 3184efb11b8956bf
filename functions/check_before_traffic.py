"""CodeDeploy's hook BeforeAllowTraffic: a function's new version has to do its part before it has
any traffic; else the deployment ends, and nobody has met it.
"""

# isort: off
from .toolkit import bootstrap

# isort: on
import json
from typing import TYPE_CHECKING, Any

from . import contract
from .orders.metrics import metrics
from .orders.store import LONGEST_CALL, Store
from .orders.trials import TRIALS, System, Trial
from .toolkit import aws, environment, traffic_check
from .toolkit.deadline import Deadline
from .toolkit.traffic_check import CodeDeploy, Deployment

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# The version is new, so that its first answer waits for a cold start.
ANSWER_SECONDS = 10.0

_codedeploy = CodeDeploy.connect()
_system = System(
    aws.complete_client("lambda", 2, ANSWER_SECONDS),
    json.loads(environment.text(contract.FUNCTION_NAMES_VARIABLE)),
    Store.connect(),
    environment.positive_integer(contract.PENDING_SHARDS_VARIABLE),
    environment.text(contract.SYNTHETIC_CUSTOMER_VARIABLE),
    environment.flag(contract.SIGN_IN_VARIABLE),
)


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry: whether the new version may have traffic."""
    # After the last look there is an order to delete, and CodeDeploy to tell.
    deadline = Deadline(context, LONGEST_CALL + traffic_check.LONGEST_CALL)

    def check(deployment: Deployment) -> dict[str, Any]:
        tried = TRIALS.get(deployment.function)
        if tried is None:
            return {"unchecked": "nothing is known to ask of this function"}
        tried(Trial(_system, deployment, deadline))
        return {}

    answer = traffic_check.answer(event, context, _codedeploy, check)
    metrics.flush(context)
    return answer


bootstrap.complete()
