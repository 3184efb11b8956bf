"""The functions' deployable folder: our code, its locked dependencies, bytecode for Lambda.

`bundle()` is what a program uses; `make bundle` builds it and prints its path. The same sources
give the same bytes on every machine; see the modules for how each part is made:

- `installer`: the dependencies of functions/requirements.txt
- `botocore_data`: botocore's service descriptions, reduced to the operations in use
- `certificates`: Amazon's root certificates
- `compiler`: bytecode for the runtime's Python, and for no other
- `cache`: where the folder lies and when it is built
"""

import os
import shutil
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path

import pulumi

from ..order_functions import NAMES, operations
from . import botocore_data, cache, certificates, compiler, installer
from .botocore_data import Operations
from .commands import BundleError

__all__ = [
    "FUNCTIONS",
    "OPERATIONS",
    "STAND_IN",
    "BundleError",
    "build",
    "bundle",
    "main",
    "runnable_here",
    "sources",
]

_HERE = Path(__file__).resolve().parent
_INSTALLED = _HERE.parent / "functions"  # where a pip installation has them
FUNCTIONS = _INSTALLED if _INSTALLED.is_dir() else _HERE.parents[1] / "functions"

OPERATIONS: Operations = operations()
"""What the functions' grants allow them to call, by botocore's service name."""

STAND_IN: ContextVar[pulumi.Archive | None] = ContextVar("stand_in", default=None)
"""What `bundle` gives instead of building, where a program is only read."""

Warn = Callable[[str], None]


def _silent(_: str) -> None:
    pass


def bundle(
    runtime: str = "python3.13",
    operations: Operations = OPERATIONS,
    *,
    require_bytecode: bool = False,
) -> pulumi.Archive:
    """The archive of all functions for a Lambda runtime, built now unless it is there already.

    Without the runtime's Python on this machine the archive lacks bytecode. A warning says so;
    with `require_bytecode` it is a BundleError.
    """
    if (stand_in := STAND_IN.get()) is not None:
        return stand_in
    folder = build(
        runtime,
        pulumi.log.warn,
        operations,
        require_bytecode=require_bytecode,
        tell=pulumi.log.info,
    )
    return pulumi.FileArchive(str(folder))


def build(
    runtime: str,
    warn: Warn,
    operations: Operations = OPERATIONS,
    *,
    require_bytecode: bool = False,
    tell: Warn = _silent,
) -> Path:
    """The bundle's folder for a Lambda runtime (such as "python3.13"); raises BundleError.

    What takes long is told before it begins.
    """
    target = compiler.interpreter_of(runtime)
    if target is None:
        if require_bytecode:
            raise BundleError(_MISSING.format(runtime=runtime) + _REFUSED)
        warn(_MISSING.format(runtime=runtime) + _WARNING)
    absent = [name for name in NAMES if not (FUNCTIONS / f"{name}.py").is_file()]
    if absent:
        raise BundleError(
            f"functions/{absent[0]}.py does not exist: components/order_functions.py declares "
            f"the function {absent[0]}"
        )
    requirements = FUNCTIONS / "requirements.txt"
    modules = {
        f"functions/{name}": FUNCTIONS / name
        for name in sorted(path.relative_to(FUNCTIONS).as_posix() for path in sources())
    }

    def dependencies(folder: Path) -> None:
        tell("Installing the functions' dependencies (once, up to a minute) ...")
        installer.install(requirements, folder)
        botocore_data.reduce_data(folder, operations)
        certificates.pick_certificates(folder)
        installer.remove_unused(folder)

    base = [path.read_bytes() for path in sorted(_HERE.glob("*.py"))]
    base.append(requirements.read_bytes())
    base.append(repr([(name, sorted(operations[name])) for name in sorted(operations)]).encode())
    root = _build_root()
    installed = cache.made(root, "dependencies", base, dependencies)
    code = [name.encode() + b"\0" + path.read_bytes() for name, path in modules.items()]

    def whole(name: str, interpreter: compiler.Interpreter | None) -> Path:
        keys = [*base, (interpreter.cache_tag if interpreter else "no bytecode").encode()]

        def compiled(folder: Path) -> None:
            tell(f"Compiling the functions' dependencies for {keys[-1].decode()} (once) ...")
            shutil.copytree(installed, folder, dirs_exist_ok=True)
            if interpreter:
                interpreter.compile(folder)

        def complete(folder: Path) -> None:
            shutil.copytree(ready, folder, dirs_exist_ok=True)
            for source, path in modules.items():
                (folder / source).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / source)
            if interpreter:
                interpreter.compile(folder, modules)

        ready = cache.made(root, "compiled", keys, compiled) if interpreter else installed
        return cache.made(root, name, [*keys, *code], complete)

    folder = whole("functions", target)
    if target != compiler.RUNNING:
        _here[folder.resolve()] = lambda: whole("here", compiler.RUNNING)
    return folder


_here: dict[Path, Callable[[], Path]] = {}


def runnable_here(folder: Path) -> Path:
    """The folder itself, or of a bundle that this process made: the same with bytecode for the
    running Python, in a folder of its own. For running it on this machine; never deployed."""
    return _here[folder]() if folder in _here else folder


_MISSING = (
    "The Lambda functions of this program run on {runtime}, and this machine has no {runtime} on"
    " its PATH (or one that does not start), so they cannot be compiled for it here. "
)
_WARNING = (
    "They are deployed all the same, but start about three times as slowly when they are cold."
    " Install it to get rid of this; it need not run your program."
)
_REFUSED = (
    "A production stack is not deployed without: what is deployed must not depend on the machine"
    " that deploys. Install it; it need not run your program."
)


def _build_root() -> Path:
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "serverless-orders"
    in_checkout = FUNCTIONS.parent / ".build"
    return cache.writable([user] if FUNCTIONS == _INSTALLED else [in_checkout, user])


def sources() -> list[Path]:
    """The functions' modules; what editors keep beside them has names that no module has."""
    found = FUNCTIONS.rglob("*.py")
    return [each for each in found if each.stem.isidentifier() and "__pycache__" not in each.parts]


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def main() -> None:
    """The command line: build, print the folder."""
    runtime = sys.argv[1] if len(sys.argv) > 1 else "python3.13"
    try:
        folder = build(runtime, _say, tell=_say)
    except BundleError as error:
        sys.exit(f"bundle: {error}")
    print(folder)  # noqa: T201


if __name__ == "__main__":
    main()
