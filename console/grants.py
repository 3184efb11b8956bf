"""What a denied call lacks, in the words of this code base: the entry and the grant to add."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from components.order_functions import PUT
from functions import contract
from local.deployer import Resource
from local.events import CallDenied
from local.workspace import ROOT

DECLARATIONS = "components/order_functions.py"


@dataclass(frozen=True)
class Missing:
    """The function that was denied, the grant that it lacks, and where to add it."""

    function: str
    grant: str
    file: str
    line: int
    statement: str

    @property
    def told(self) -> str:
        """The same in a sentence."""
        return (
            f"add {self.grant} to the grants of {self.function} ({self.file}:{self.line}); "
            f"its role then has {self.statement}"
        )


def missing(call: CallDenied, resources: Sequence[Resource]) -> Missing | None:
    """What a denied call of one of our functions lacks; None for anybody else's."""
    role = call.principal.split("/")[1] if "/" in call.principal else ""
    function = _function(role, resources)
    if function is None:
        return None
    return Missing(
        function,
        _grant(call, resources),
        DECLARATIONS,
        _line(function),
        f'{{"Effect": "Allow", "Action": "{call.action}", "Resource": "{call.resource}"}}',
    )


def _function(role: str, resources: Sequence[Resource]) -> str | None:
    for resource in resources:
        named = str(resource.inputs.get("role", "")).rpartition("/")[2]
        if resource.type == "aws:lambda/function:Function" and role and named == role:
            handler = str(resource.inputs["handler"])
            return handler.split(".")[-2]
    return None


def _grant(call: CallDenied, resources: Sequence[Resource]) -> str:
    """The helper of `order_functions` that gives this action, else a Grant in full."""
    service, _, operation = call.action.partition(":")
    tables = {
        str(each.outputs.get("arn")): each.name
        for each in resources
        if each.type == "aws:dynamodb/table:Table"
    }
    table, _, index = call.resource.partition("/index/")
    if service == "dynamodb" and table in tables:
        keys = next(e for e in resources if str(e.outputs.get("arn")) == table).inputs
        if index:
            return f'on_pending_index("{operation}")'
        history = keys.get("hashKey") == contract.HISTORY_ORDER_ATTRIBUTE
        return f'on_history("{operation}")' if history else f'on_table("{operation}")'
    if call.action == "sqs:SendMessage":
        return "SEND"
    if call.action == PUT.action:
        return "PUT"
    if service == "s3":
        key = call.resource.partition(":::")[2].partition("/")[2]
        prefix = key.partition("/")[0] + "/"
        return f'on_imports("{operation}", "{prefix}", "{operation}")'
    return f'Grant("{call.action}", lambda parts: "{call.resource}", ("{operation}",))'


def _line(function: str) -> int:
    """Where the entry of a function begins, as the file has it now."""
    tree = ast.parse((ROOT / DECLARATIONS).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "OrderFunction":
            for keyword in node.keywords:
                value = keyword.value
                if (
                    keyword.arg == "name"
                    and isinstance(value, ast.Constant)
                    and value.value == function
                ):
                    return node.lineno
    return 1
