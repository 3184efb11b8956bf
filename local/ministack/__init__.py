"""The one door to the emulator's own code: all that is tied to its version is in this package.

Used in the emulator's process only.
"""

from __future__ import annotations

import importlib
import logging
import sys
from pathlib import Path

import ministack.app  # type: ignore[import-untyped]

from local.ministack import endpoint, observation, queues, repairs
from local.ministack.access import (
    arn,
    denied,
    header,
    refusal,
    region,
    service_session,
    session,
)
from local.ministack.observation import Publish, denial, watch_rights
from local.ministack.regions import Regions, current
from local.ministack.user_pools import published, region_of, region_of_client

__all__ = [
    "Regions",
    "application",
    "arn",
    "current",
    "denial",
    "denied",
    "header",
    "load_services",
    "observe",
    "prepare",
    "published",
    "refusal",
    "region",
    "region_of",
    "region_of_client",
    "service_session",
    "session",
    "use_endpoint",
    "use_interpreter",
    "watch_rights",
]

application = ministack.app.app
"""The emulator as an ASGI application."""

_SERVICES = (
    *("sts", "iam", "dynamodb", "sqs", "s3", "cloudwatch_logs", "lambda_svc", "apigateway"),
    *("sns", "kms", "cloudwatch", "scheduler"),
)


def prepare() -> None:
    """Repair the emulator. Before any of its services is loaded: they import by name."""
    repairs.apply()
    # Set here, since as LOG_LEVEL in the environment it would reach the functions.
    for handler in logging.getLogger().handlers:
        handler.setLevel(logging.WARNING)
    logging.getLogger().setLevel(logging.WARNING)


def load_services() -> None:
    """Load the services that a program uses while nobody asks anything of them yet."""
    for service in _SERVICES:
        importlib.import_module(f"ministack.services.{service}")


def observe(publish: Publish) -> None:
    """Publish what functions and queues do from now on; once in a process."""
    repairs.apply_to_services()
    observation.install(publish)
    endpoint.install()
    queues.watch(publish)


use_endpoint = endpoint.use


def use_interpreter(path: Path) -> None:
    """Start functions with the Python at `path` from now on."""
    sys.executable = str(path)
