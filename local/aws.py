"""Clients of the emulator's AWS API, made of what is said here alone.

No variable and no file of the user's has a say in them: proxies, profiles and defaults are meant
for AWS, and one that is broken must not stop a run that never leaves this machine.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from typing import Any

import boto3  # type: ignore[import-untyped]
import botocore.session  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.configprovider import (  # type: ignore[import-untyped]
    BOTOCORE_DEFAUT_SESSION_VARIABLES,
    ConfigValueStore,
    ConstantProvider,
)

_ATTEMPTS = {"mode": "standard", "total_max_attempts": 1}
"""A service's errors are not retried, so that a caller sees what happened."""

_creating = threading.Lock()


def client(service: str, endpoint: str, region: str, credentials: Mapping[str, str]) -> Any:
    """A boto3 client of `service` at `endpoint`; `credentials` are named as boto3 takes them."""
    config = Config(
        max_pool_connections=32,
        connect_timeout=5,
        read_timeout=60,
        retries=_ATTEMPTS,
        proxies={},
        signature_version="s3v4" if service == "s3" else None,  # presigned URLs too
    )
    with _creating:
        return _session().client(
            service, region, endpoint_url=endpoint, config=config, **credentials
        )


@functools.cache
def _session() -> boto3.session.Session:
    # One for all clients: each session parses botocore's endpoint data again.
    core = botocore.session.Session()
    defaults = {name: entry[2] for name, entry in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()}
    defaults |= {"config_file": None, "credentials_file": None}
    store = ConfigValueStore({name: ConstantProvider(value) for name, value in defaults.items()})
    core.register_component("config_store", store)
    return boto3.session.Session(botocore_session=core)
