"""What is made from the declarations is as they are."""

import pytest

from operations import graph
from policy.rules.rule import PRODUCTION_STACKS, is_production_name
from settings import is_production
from tests.unit import stacks
from tools.generate.files import FILES, ROOT


@pytest.mark.parametrize("path", FILES)
def test_file_is_what_make_generate_writes(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "read", stacks.graph)  # read once for all who ask
    present = (ROOT / path).read_text(encoding="utf-8")
    assert present == FILES[path](present), f"{path} is stale: run `make generate`"


NAMES = [
    "prod",
    "prod-eu",
    "production",
    "production-2",
    "eu-prod",
    "shop-prod-eu",
    "Prod",
    "PROD-1",
]
OTHERS = ["dev", "local", "products", "preprod", "reproduction", "staging", "live"]


@pytest.mark.parametrize("stack", [*NAMES, *OTHERS])
def test_the_program_and_the_policy_pack_agree_on_what_production_is(stack: str) -> None:
    assert is_production(stack) is (stack in NAMES)
    assert is_production_name(stack, PRODUCTION_STACKS.default) is (stack in NAMES)
