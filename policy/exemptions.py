"""What this project's own stacks are exempt from, and why.

`--policy-pack-config` of another project overrides these; they name the project they are for.
"""

from typing import Any

from pulumi_policy import EnforcementLevel


def _in_each_version(method: str, path: str) -> list[str]:
    """A route of ours, without a version in its path and with each."""
    return [f"serverless-orders:{method} {prefix}{path}" for prefix in ("", "/v1", "/v2")]


# Health checkers have no token, and learn of no order.
HEALTH = "serverless-orders:GET /health"

INITIAL_CONFIG: dict[str, EnforcementLevel | dict[str, Any]] = {
    "api-route-authorised": {
        # Without it, the protocol's default would make the rule advisory.
        "enforcementLevel": EnforcementLevel.MANDATORY,
        # Anonymous by the specification: customers order without an account. Throttling per
        # route stands in for authorisation.
        "exemptRoutes": [
            *_in_each_version("POST", "/orders"),
            *_in_each_version("GET", "/orders/{id}"),
            *_in_each_version("GET", "/orders/{id}/history"),
            HEALTH,
        ],
    },
    "api-production-authorised": {
        "enforcementLevel": EnforcementLevel.MANDATORY,
        "publicRoutes": [HEALTH],
    },
}
