"""What IAM would decide of a request, by the emulator's evaluator."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ministack.core import iam_evaluator  # type: ignore[import-untyped]

from tests.aws_names import ACCOUNT


def allowed(
    documents: Sequence[Mapping[str, Any]],
    action: str,
    resource: str,
    context: Mapping[str, Any] | None = None,
    region: str = "us-east-1",
) -> bool:
    """Whether the policies of a role allow an action on a resource; `context` has condition keys.

    A resource may be a pattern of a policy: its wildcards are taken as they stand.
    """
    request = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/test",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=region,
        service_context={key.lower(): value for key, value in (context or {}).items()},
    )
    policies = [iam_evaluator.parse_policy_document(json.dumps(each)) for each in documents]
    return bool(iam_evaluator.evaluate(request, policies).decision == "Allow")
