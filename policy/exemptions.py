"""What this project's own stacks are exempt from, and why.

`--policy-pack-config` of another project overrides these; they name the project they are for.
"""

from typing import Any

from pulumi_policy import EnforcementLevel

INITIAL_CONFIG: dict[str, EnforcementLevel | dict[str, Any]] = {
    "api-route-authorised": {
        # Without it, the protocol's default would make the rule advisory.
        "enforcementLevel": EnforcementLevel.MANDATORY,
        # Anonymous by the specification: customers order without an account. Throttling per
        # route stands in for authorisation.
        "exemptRoutes": [
            "serverless-orders:POST /orders",
            "serverless-orders:GET /orders/{id}",
            "serverless-orders:GET /orders/{id}/history",
        ],
    },
}
