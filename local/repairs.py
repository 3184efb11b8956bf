"""Where the emulator is so unlike AWS that a program which works there fails here: put right.

Applied in the emulator's process, before it serves.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions  # type: ignore[import-untyped]

# IAM has no actions of the batch operations' names: a permission for SendMessage covers
# SendMessageBatch (SQS developer guide, "Amazon SQS API permissions").
_BATCH_ACTIONS = {
    f"sqs:{operation}Batch": f"sqs:{operation}"
    for operation in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}


def apply() -> None:
    """Repair the emulator in this process."""
    iam_actions.extract_iam_action = _single_action(iam_actions.extract_iam_action)


def _single_action(extract: Callable[..., str | None]) -> Callable[..., str | None]:
    @functools.wraps(extract)
    def action(*args: Any, **kwargs: Any) -> str | None:
        found = extract(*args, **kwargs)
        return _BATCH_ACTIONS.get(found or "", found)

    return action
