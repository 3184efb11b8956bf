"""`Pulumi.yaml`: the configuration's types, descriptions and defaults."""

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
    texts = docstrings(Configuration)
    config = {
        camel_case(name): _entry(declared, texts[name])
        for name, declared in declarations(Configuration).items()
    }
    text = yaml.safe_dump(
        config, sort_keys=False, allow_unicode=True, width=1000, default_flow_style=None
    )
    return head + mark + "".join(f"  {line}\n" for line in text.splitlines())


def _entry(declared: Declaration, text: str) -> dict[str, Any]:
    kind = getattr(declared.kind, "__origin__", declared.kind)
    entry: dict[str, Any] = {"type": _TYPES.get(kind, "object")}
    if kind is list:
        entry["items"] = {"type": "string"}
    if is_typeddict(kind):
        fields = ", ".join(map(camel_case, declarations(kind)))
        entry["description"] = f"{text.rstrip('.')}: {fields}"
    else:
        entry["description"] = described(declared, text).rstrip(".")
    # Without a default the engine would ask every stack for the key.
    absent = {"boolean": False, "array": []}.get(entry["type"], {})
    default = declared.default if declared.default not in (None, ()) else absent
    entry["default"] = list(default) if isinstance(default, tuple) else default
    return entry
