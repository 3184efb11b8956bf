"""GET /health: whether this region can take orders, for health checks that lead callers here.

What was found holds for a few seconds in each process: a dozen checkers ask every half minute.
"""

# isort: off
from .toolkit import bootstrap

# isort: on
import os
import time
from typing import TYPE_CHECKING, Any

from .orders import problems
from .orders.health import Needs
from .orders.metrics import metrics
from .toolkit import api, aws
from .toolkit.problems import UNAVAILABLE, Problem

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

# Seconds for which an answer is given again.
KEPT = 10.0

_needs = Needs()
_region = os.environ["AWS_REGION"]
_found: dict[str, BaseException] = {}
_until = 0.0


def handler(event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """The Lambda function's entry."""
    return api.respond(health, event, context, metrics, problems.TYPE)


def health(_request: api.Request, _context: Any) -> api.Response:
    """200, or 503 with what does not answer; raises Problem."""
    global _found, _until
    now = time.monotonic()
    if now >= _until:
        _found = _needs.failing()
        _until = time.monotonic() + KEPT
    if _found:
        log = {name: aws.failure(error).fields for name, error in _found.items()}
        raise Problem(
            UNAVAILABLE,
            f"Not as it should be in {_region}: {', '.join(_found)}.",
            members={"region": _region, "failing": list(_found)},
            log=log,
        )
    return api.Response(200, {"status": "ok", "region": _region}, {}, {"region": _region})


bootstrap.complete()
