"""What a stack registers, read from the program and the stack's configuration, without AWS."""

from collections.abc import Mapping
from typing import Any

import pulumi

from local import graph
from local.errors import LocalRunError
from local.graph import Graph, Registered
from operations.stacks import StackError

__all__ = ["Graph", "Registered", "read"]


def read(stack: str, overrides: Mapping[str, Any] | None = None) -> Graph:
    """The stack's resources and settings; `overrides` are configuration keys, as `memorySize` or
    `queue.maxReceiveCount`. Raises StackError for a stack or a value that cannot be."""
    try:
        return graph.read(stack, overrides)
    except (LocalRunError, pulumi.RunError) as error:
        raise StackError(f"stack {stack}: {error}") from error
