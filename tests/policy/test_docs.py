"""docs/policy.md says what the pack says."""

from __future__ import annotations

import json

from local.program import ROOT
from policy.rules import POLICIES

DOCUMENT = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")


def rules_table() -> list[str]:
    """The table as the document has to have it, a row for each rule in the pack's order."""
    rows = ["| rule | level | requires | settings (default) |", "|---|---|---|---|"]
    for policy in POLICIES:
        assert policy.enforcement_level is not None
        schema = policy.config_schema.properties if policy.config_schema else {}
        settings = "; ".join(
            f"`{name}`: {setting['description']} ({_default(setting['default'])})"
            for name, setting in schema.items()
            if name != "exemptResources"
        )
        level = policy.enforcement_level.value
        rows.append(f"| `{policy.name}` | {level} | {policy.description} | {settings} |")
    return rows


def _default(value: object) -> str:
    return f"`{json.dumps(value)}`" if value not in ([], {}) else "none"


def test_rules_table_in_the_document_is_the_pack() -> None:
    documented = [line for line in DOCUMENT.splitlines() if line.startswith(("| `", "| rule"))]
    expected = [row for row in rules_table() if not row.startswith("|--")]
    documented = documented[documented.index(expected[0]) :][: len(expected)]
    assert documented == expected, "docs/policy.md should hold:\n" + "\n".join(rules_table())


def test_pack_needs_what_the_repository_installs() -> None:
    def pins(path: str) -> set[str]:
        lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
        return {line.split("#")[0].strip() for line in lines if "==" in line}

    assert pins("policy/requirements.txt") <= pins("requirements.txt")
