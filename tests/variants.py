"""The stacks, and each optional feature switched on, by name: (stack, configuration)."""

from __future__ import annotations

from typing import Any

import pytest

from components import order_functions
from tests.recorder import Recording
from tests.unit import stacks

STACKS = stacks.STACKS

FEATURES: dict[str, tuple[str, dict[str, Any]]] = {
    "functions": (
        "dev",
        {
            "region": "eu-central-1",
            "nameSuffix": "-two",
            "tags": {"owner": "shop", "cost-centre": "42"},
            "runtime": "python3.12",
            "architecture": "arm64",
            "memorySize": 512,
            "timeoutSeconds": 10,
            "logRetentionDays": 30,
            "reservedConcurrency": {"create_order": 20, "process_order": 5},
            "processor.maximumConcurrency": 5,
            "permissionsBoundary": "arn:aws:iam::123456789012:policy/orders-boundary",
        },
    ),
    "vpc": (
        "prod",
        {
            "vpc.subnetIds": ["subnet-0a1b2c3d", "subnet-0e4f5a6b"],
            "vpc.securityGroupIds": ["sg-0a1b2c3d"],
        },
    ),
    "api": (
        "dev",
        {
            "cors.origins": ["https://shop.example.com", "https://admin.example.com"],
            "cors.headers": ["content-type", "idempotency-key"],
            "cors.methods": [*reversed(order_functions.METHODS)],
            "throttle.rate": 10,
            "throttle.burst": 20,
            "throttle.createRate": 5,
            "throttle.createBurst": 10,
            "apiVersions": ["v2"],
            "deprecations": {"v1": {"since": "2027-01-01", "sunset": "2027-12-31"}},
            "currency": "JPY",
        },
    ),
    "limits": (
        "prod",
        {
            "auth": "cognito",
            "limits": {"createPerMinute": 5, "readPerMinute": 10},
        },
    ),
    "queue": (
        "prod",
        {
            "queue.visibilityTimeoutSeconds": 60,
            "queue.messageRetentionDays": 4,
            "queue.maxReceiveCount": 5,
            "processor.batchSize": 100,
            "processor.batchWindowSeconds": 5,
            "processor.maximumConcurrency": 10,
            "republish.rateMinutes": 5,
            "republish.pendingThresholdSeconds": 300,
            "republish.limit": 10,
            "pending.shards": 16,
        },
    ),
    "protected-dev": (
        "dev",
        {"table.pointInTimeRecovery": True, "table.deletionProtection": True, "protect": True},
    ),
    "deployment": ("prod", {"deployment": "linear20PercentEvery2Minutes", "imports": True}),
    "no-events": ("prod", {"events": False}),
    "synthetic": ("dev", {"synthetic.rateMinutes": 5, "tableMetrics.rateHours": 0}),
    "imports": ("prod", {"imports": True, "importing.retentionDays": 7}),
    "events": ("dev", {"bus.archiveDays": 0, "history.retentionDays": 30}),
    "budget": ("dev", {"monthlyBudget": {"amount": 20.5, "emails": ["finance@example.com"]}}),
    "cognito": (
        "dev",
        {
            "auth": "cognito",
            "synthetic.rateMinutes": 5,
            "userPool.machineScopes": ["orders/admin"],
            "userPool.mfa": "off",
            "userPool.sesIdentityArn": "arn:aws:ses:eu-west-1:123456789012:identity/shop.example",
        },
    ),
    "jwt": (
        "dev",
        {"auth": "jwt", "jwt": {"issuer": "https://login.example.com", "audience": ["orders"]}},
    ),
    "regions": (
        "prod",
        {
            "regions": {
                "members": ["us-east-1", "eu-west-1"],
                "domain": {"name": "api.example.com", "zoneId": "Z0123456789ABCDEFGHIJ"},
            }
        },
    ),
    "no-topic": ("dev", {"alarms.topic": False}),
    "alarms": (
        "prod",
        {
            "allowedAccountIds": ["123456789012"],
            "alarms.emails": ["on-call@example.com", "shop@example.com"],
            "alarms.thresholds": {"queueAgeSeconds": 120},
        },
    ),
}

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{stack: (stack, {}) for stack in STACKS},
    **FEATURES,
}


def long(*values: Any) -> Any:
    """A test's parameters for which it runs with ALL=1 alone."""
    return pytest.param(*values, marks=pytest.mark.long)


MANY = [*STACKS, *map(long, FEATURES)]
"""The variants as parameters of a test that takes half a second for each."""


def recording(variant: str, preview: bool = False) -> Recording:
    """What the program registers for a variant; made once, and not to be changed."""
    stack, overrides = VARIANTS[variant]
    return stacks.recording(stack, preview=preview, **overrides)
