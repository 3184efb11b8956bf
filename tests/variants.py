"""The stacks, and each optional feature switched on, by name: (stack, configuration)."""

from __future__ import annotations

import functools
from typing import Any

from tests.recorder import Recording, deploy_stack

STACKS = ("dev", "prod", "local")

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
        },
    ),
    "vpc": (
        "prod",
        {
            "vpcSubnetIds": ["subnet-0a1b2c3d", "subnet-0e4f5a6b"],
            "vpcSecurityGroupIds": ["sg-0a1b2c3d"],
        },
    ),
    "api": (
        "dev",
        {
            "corsOrigins": ["https://shop.example.com", "https://admin.example.com"],
            "corsHeaders": ["content-type", "idempotency-key"],
            "corsMethods": ["POST"],
            "throttleRate": 10,
            "throttleBurst": 20,
            "createThrottleRate": 5,
            "createThrottleBurst": 10,
        },
    ),
    "queue": (
        "prod",
        {
            "visibilityTimeoutSeconds": 240,
            "messageRetentionDays": 4,
            "maxReceiveCount": 5,
            "batchSize": 100,
            "batchWindowSeconds": 5,
            "processorMaximumConcurrency": 10,
            "republishRateMinutes": 5,
            "pendingThresholdSeconds": 300,
            "republishLimit": 10,
        },
    ),
    "protected-dev": (
        "dev",
        {"pointInTimeRecovery": True, "deletionProtection": True, "protect": True},
    ),
    "no-topic": ("dev", {"alarmTopic": False}),
    "alarms": (
        "prod",
        {
            "allowedAccountIds": ["123456789012"],
            "alarmEmails": ["on-call@example.com", "shop@example.com"],
            "alarmThresholds": {"queueAgeSeconds": 120},
        },
    ),
}

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{stack: (stack, {}) for stack in STACKS},
    **FEATURES,
}


def recording(variant: str, preview: bool = False) -> Recording:
    """What the program registers for a variant; made once, and not to be changed."""
    return _recording(variant, preview)


@functools.cache
def _recording(variant: str, preview: bool) -> Recording:
    stack, overrides = VARIANTS[variant]
    return deploy_stack(stack, overrides, preview=preview)
