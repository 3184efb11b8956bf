"""`Pulumi.yaml`: the configuration's types, descriptions and defaults."""

from collections.abc import Iterator
from typing import Any, is_typeddict

import yaml

from components.component import described, docstrings
from components.inputs import Declaration, camel_case, declarations
from settings import Configuration

MARK = "  # From here on written by `make generate`.\n"

_TYPES = {bool: "boolean", int: "integer", str: "string", list: "array"}


def render(present: str) -> str:
    """The file with its configuration renewed; what stands above the mark is kept."""
    head, mark, _ = present.partition(MARK)
    if not mark:
        raise ValueError(f"Pulumi.yaml lacks its line {MARK.strip()!r}")
    return head + mark + "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    texts = docstrings(Configuration)
    for name, declared in declarations(Configuration).items():
        yield f"  {camel_case(name)}:"
        for key, value in _entry(declared, texts[name]).items():
            flow = isinstance(value, list | dict)
            text = yaml.safe_dump(value, width=1000, allow_unicode=True, default_flow_style=flow)
            yield f"    {key}: {text.removesuffix('...' + chr(10)).strip()}"


def _entry(declared: Declaration, text: str) -> dict[str, Any]:
    kind = getattr(declared.kind, "__origin__", declared.kind)
    entry: dict[str, Any] = {"type": _TYPES.get(kind, "object")}
    if kind is list:
        entry["items"] = {"type": "string"}
    if is_typeddict(kind):
        fields = ", ".join(map(camel_case, declarations(kind)))
        entry["description"] = f"{text.rstrip('.')}: {fields}"
    else:
        entry["description"] = described(declared, text, with_default=False).rstrip(".")
    # Without a default the engine would ask every stack for the key.
    absent: Any = {"boolean": False, "array": []}.get(entry["type"], {})
    default = absent if declared.default in (None, ()) else declared.default
    entry["default"] = list(default) if isinstance(default, tuple) else default
    return entry
