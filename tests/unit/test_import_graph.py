"""Who may import whom: arrows point down, and nothing of ours stands in the standard library's way.

Imports are read from the source, those inside functions and under TYPE_CHECKING included.
"""

import ast
import functools
import graphlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.workspace import ROOT

# Folder or module -> the modules of ours, outside itself, that it may import; whatever a longer
# name allows stands in for the shorter one's. Nothing may import the tests but the tests.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "functions": (),
    "functions.toolkit": (),
    "components": ("functions.contract",),
    "policy": (),
    "settings": ("components",),
    "__main__": ("components", "settings"),
    "local": ("functions.contract", "components", "settings"),
    "operations": ("functions", "local"),
    "tools": ("functions", "components", "settings", "local", "operations", "policy"),
    "console": ("functions", "components", "settings", "local", "operations", "tools"),
    # The command line begins a run with its console; nothing else in `local` knows of that.
    "local.__main__": ("components", "settings", "local", "console"),
    "tests": (
        *("functions", "components", "settings", "local", "operations", "policy", "tools"),
        "console",
    ),
}
OURS = {name.partition(".")[0] for name in MAY_IMPORT} - {"__main__"}

# Measured code, which is copied into a folder of its own; examples are users' programs.
APART = ("tools/benchmarks/bare", "tools/benchmarks/tutorial", "examples")

# The policy pack's own names for itself: Pulumi starts it with its folder first on the path.
PACK = {"rules": "policy.rules", "exemptions": "policy.exemptions"}


def sources() -> list[Path]:
    """Every Python file of the repository that is ours."""
    found = [*ROOT.glob("*.py")]
    for folder in OURS:
        found += (ROOT / folder).rglob("*.py")
    return sorted(
        path
        for path in found
        if not any(path.is_relative_to(ROOT / apart) for apart in APART)
        and "venv" not in path.relative_to(ROOT).parts
    )


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def nodes(path: Path) -> list[ast.AST]:
    """What a file consists of, read once: every rule asks for all files."""
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(path: Path) -> Iterator[str]:
    """The full names of what a file imports; of `from a import b` both `a.b`."""
    package = module_name(path).split(".")
    if path.name != "__init__.py":
        package.pop()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*above, *(node.module or "").split(".")]).strip(".")
            yield from (f"{stem}.{alias.name}" for alias in node.names)


def within(name: str, area: str) -> bool:
    return name == area or name.startswith(f"{area}.")


def area_of(module: str) -> str:
    """The longest name in MAY_IMPORT that a module is in."""
    return max((area for area in MAY_IMPORT if within(module, area)), key=len)


def offences(path: Path) -> list[str]:
    module = module_name(path)
    area = area_of(module)
    allowed = (area, *MAY_IMPORT[area])
    found = []
    for name in imports(path):
        if area == "policy":
            head = name.partition(".")[0]
            name = name.replace(head, PACK.get(head, head), 1)
        if name.partition(".")[0] in OURS and not any(within(name, each) for each in allowed):
            may = ", ".join(MAY_IMPORT[area]) or "nothing of ours"
            found.append(
                f"{module} imports {name}: outside itself, {area} may import {may} "
                "(tests/unit/test_import_graph.py)"
            )
    return found


def test_no_import_points_up() -> None:
    found = [offence for path in sources() for offence in offences(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("file", "line", "named"),
    [
        ("functions/orders/store.py", "from ...components import iam", ""),
        ("functions/toolkit/api.py", "from ..orders import order", "functions.orders.order"),
        ("functions/toolkit/api.py", "from .. import contract", "functions.contract"),
        ("functions/create_order.py", "import components.iam", "components.iam"),
        ("components/queues.py", "from functions.orders import events", "functions.orders.events"),
        ("components/queues.py", "import settings", "settings"),
        ("policy/rules/api.py", "from functions import contract", "functions.contract"),
        ("settings.py", "def f():\n    from local import program", "local.program"),
        ("local/program.py", "from operations import stacks", "operations.stacks"),
        ("tools/chaos/run.py", "from tests.recorder import deploy", "tests.recorder"),
    ],
)
def test_an_import_that_points_up_is_named(
    file: str, line: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(line, encoding="utf-8")
    monkeypatch.setattr(sys.modules[__name__], "ROOT", tmp_path)
    [offence] = offences(path)
    assert f"imports {named}" in offence


def test_no_modules_import_each_other_in_a_circle() -> None:
    modules = {module_name(path): path for path in sources()}

    def imported(path: Path) -> set[str]:
        # Of `from a import b` whichever of both is a module.
        named = [[name, name.rpartition(".")[0]] for name in imports(path)]
        found = [next((each for each in names if each in modules), "") for names in named]
        return {*found} - {module_name(path), ""}

    try:
        graphlib.TopologicalSorter({m: imported(p) for m, p in modules.items()}).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" is imported by ".join(error.args[1]))


def test_nothing_stands_in_the_standard_librarys_way() -> None:
    # Wherever a program's folder is first on the path: the root, a component package's plugin, the
    # policy pack, the functions' folder, `python -m` in any other.
    folders = [ROOT, *(ROOT / name for name in OURS if (ROOT / name).is_dir())]
    shadows = [
        f"{path.relative_to(ROOT)} hides the standard library's {path.stem}: rename it"
        for folder in folders
        for path in folder.iterdir()
        if (path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py"))))
        and path.stem in sys.stdlib_module_names - {"__main__"}
    ]
    assert not shadows, "\n".join(shadows)


def test_no_test_imports_a_conftest_by_that_name() -> None:
    # There are several, and which one is found depends on the selection of tests.
    found = [
        f"{module_name(path)} imports {name}: put what tests share into a module with a name"
        for path in sources()
        for name in imports(path)
        if name.partition(".")[0] == "conftest"
    ]
    assert not found, "\n".join(found)


def test_the_emulators_own_code_is_known_to_its_adapter_only() -> None:
    users = {
        module_name(path)
        for path in sources()
        if any(within(name, "ministack") for name in imports(path))
    }
    product = {user for user in users if not within(user, "tests")}
    assert product, "nothing was read"
    assert not {user for user in product if not within(user, "local.ministack")}
