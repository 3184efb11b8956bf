"""The functions' deployable folder: our code, its locked dependencies, bytecode for Lambda.

`bundle()` is what a program uses; `make bundle` builds it and prints its path.

In the folder, beside functions/ and the dependencies of functions/requirements.txt:
- `botocore-data`: botocore's service descriptions reduced to the operations that the functions
  call, and its endpoints to those services (every region and partition). botocore reads them
  through AWS_DATA_PATH, a public setting (functions/toolkit/bootstrap.py sets it).
- `amazon-roots.pem`: Amazon's root certificates, taken from botocore's own list by their
  published fingerprints, for AWS_CA_BUNDLE. The whole list stays in botocore/cacert.pem.
- bytecode that is valid whatever the files' times say: Pulumi's archiver gives every file the
  same time, which makes ordinary bytecode stale, and Python would compile at each cold start.

A folder is named after all that goes into it and put in place by one rename, so builds at the
same time do no harm and an unchanged one costs nothing.
"""

import contextlib
import gzip
import hashlib
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pulumi

_HERE = Path(__file__).resolve().parent
_INSTALLED = _HERE / "functions"  # where a pip installation has them; a checkout: beside us
FUNCTIONS = _INSTALLED if _INSTALLED.is_dir() else _HERE.parent / "functions"

# What the functions call, by botocore's service name.
OPERATIONS = {
    "dynamodb": ("PutItem", "GetItem", "UpdateItem", "Query"),
    "sqs": ("SendMessage", "SendMessageBatch"),
}

# SHA-256 of the certificates, as published: https://www.amazontrust.com/repository/
AMAZON_ROOTS = {
    "Amazon Root CA 1": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "Amazon Root CA 2": "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
    "Amazon Root CA 3": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
    "Amazon Root CA 4": "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
    "Starfield Services Root Certificate Authority - G2": (
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5"
    ),
}

# Parts of the dependencies that no function imports; half of the archive otherwise.
_UNUSED = (
    "bin",
    "botocore/data",
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/*/",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
)

_USED = "jmespath_utils"  # the one of Powertools' utilities that its Logger imports

_LAMBDA_ROOT = "/var/task"  # where Lambda unpacks the archive; shown in stack traces
_ABANDONED = 3600  # seconds after which an unfinished build is taken for dead

Warn = Callable[[str], None]


class BundleError(Exception):
    """The folder cannot be built; the message says why and what to do."""


def bundle(runtime: str = "python3.13") -> pulumi.Archive:
    """The archive of all functions for a Lambda runtime, built now unless it is there already."""
    return pulumi.FileArchive(str(build(runtime, pulumi.log.warn)))


def build(runtime: str, warn: Warn) -> Path:
    """The bundle's folder for a Lambda runtime (such as "python3.13"); raises BundleError.

    Bytecode is made for the runtime if its interpreter is on PATH (else `warn` is told), and
    for the running interpreter, which the local run uses.
    """
    target = _interpreter(runtime)
    if target is None:
        warn(
            f"{runtime} is not on PATH, or does not start: the functions' bundle has no bytecode"
            " for it, and cold starts on Lambda take about three times as long. Install it."
        )
    by_version = {_version(path): path for path in (target, sys.executable) if path}
    versions = sorted(by_version)
    interpreters = [by_version[version] for version in versions]
    requirements = FUNCTIONS / "requirements.txt"
    sources = {
        f"functions/{path.relative_to(FUNCTIONS).as_posix()}": path for path in _sources(FUNCTIONS)
    }

    def dependencies(folder: Path) -> None:
        _install(requirements, folder)
        _trim(folder)
        _compile(folder, interpreters)

    def whole(folder: Path) -> None:
        shutil.copytree(installed, folder, dirs_exist_ok=True)
        for name, path in sources.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
        _compile(folder, interpreters, list(sources))

    base = [Path(__file__).read_bytes(), requirements.read_bytes(), " ".join(versions).encode()]
    installed = _built("dependencies", base, dependencies)
    code = [name.encode() + b"\0" + path.read_bytes() for name, path in sources.items()]
    return _built("functions", [*base, *code], whole)


def _built(name: str, inputs: Iterable[bytes], fill: Callable[[Path], None]) -> Path:
    """The folder made of the inputs; `fill` makes it unless it exists."""
    digest = hashlib.sha256()
    for part in inputs:
        digest.update(hashlib.sha256(part).digest())
    root = _build_root()
    final = root / f"{name}-{digest.hexdigest()[:20]}"
    if final.is_dir():
        return final
    _remove_abandoned(root)
    with tempfile.TemporaryDirectory(prefix="unfinished-", dir=root) as scratch:
        folder = Path(scratch) / name
        folder.mkdir()
        fill(folder)
        # Losing a race is no loss: the folder that is there now has the same content.
        try:
            folder.rename(final)
        except OSError as error:
            if not final.is_dir():
                raise BundleError(
                    f"cannot put the functions' bundle at {final}: {error}"
                ) from error
    return final


def _build_root() -> Path:
    in_checkout = FUNCTIONS.parent / ".build"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    for root in (in_checkout, cache / "serverless-orders"):
        if root == in_checkout and FUNCTIONS == _INSTALLED:
            continue
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(root, os.W_OK):
            return root
    raise BundleError(f"no place to build the functions' bundle: {in_checkout} is not writable")


def _remove_abandoned(root: Path) -> None:
    for path in root.glob("unfinished-*"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - _ABANDONED:
                shutil.rmtree(path)


def _sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "__pycache__" not in path.parts)


def _interpreter(runtime: str) -> str | None:
    """The running interpreter if it is the runtime's, else the first one on PATH that starts: a
    version manager's stand-in is there even when its version is not chosen."""
    version = "cpython-" + runtime.removeprefix("python").replace(".", "")
    if version == _version(sys.executable):
        return sys.executable
    for folder in os.get_exec_path():
        path = shutil.which(runtime, path=folder)
        with contextlib.suppress(BundleError):
            if path and _version(path) == version:
                return path
    return None


def _version(interpreter: str) -> str:
    """The name that an interpreter's bytecode files carry, such as "cpython-313"."""
    if interpreter == sys.executable:
        return str(sys.implementation.cache_tag)
    code = "import sys; print(sys.implementation.cache_tag)"
    return _run([interpreter, "-I", "-c", code], f"{interpreter} does not start").strip()


def _install(requirements: Path, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--no-compile", "--no-deps", "--only-binary=:all:"]
    command += ["--require-hashes", "--target", str(folder), "--requirement", str(requirements)]
    _run(command, f"pip could not install the functions' dependencies ({requirements.name})")


def _trim(folder: Path) -> None:
    data = folder / "botocore-data"
    for service, operations in OPERATIONS.items():
        _trim_service(folder / "botocore" / "data" / service, data / service, operations)
    endpoints = _read_json(folder / "botocore" / "data", "endpoints")
    _write_json(data / "endpoints.json", _trim_endpoints(endpoints))
    standard = _read_json(folder / "botocore" / "data", "sdk-default-configuration")
    _write_json(data / "sdk-default-configuration.json", standard)
    roots = "".join(amazon_roots((folder / "botocore" / "cacert.pem").read_text("utf-8")))
    (folder / "amazon-roots.pem").write_text(roots, "utf-8")
    for pattern in _UNUSED:
        for path in folder.glob(pattern.rstrip("/")):
            if path.is_dir() and path.name != _USED:
                shutil.rmtree(path)
            elif path.is_file() and not pattern.endswith("/"):
                path.unlink()


def amazon_roots(certificates: str) -> Iterator[str]:
    """Amazon's roots out of a PEM list, each checked against its published fingerprint."""
    blocks = re.findall(
        r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", certificates, re.DOTALL
    )
    by_fingerprint = {
        hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest(): block for block in blocks
    }
    for name, fingerprint in AMAZON_ROOTS.items():
        if fingerprint not in by_fingerprint:
            raise BundleError(f"botocore's certificates lack {name} (SHA-256 {fingerprint})")
        yield f"# {name}\n{by_fingerprint[fingerprint]}"


def _trim_service(source: Path, destination: Path, operations: Iterable[str]) -> None:
    version = max(path.name for path in source.iterdir() if path.is_dir())
    model = _read_json(source / version, "service-2")
    kept = {name: model["operations"][name] for name in operations}
    shapes: dict[str, Any] = {}
    missing = list(_shape_names(kept))
    while missing:
        name = missing.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            missing.extend(_shape_names(shapes[name]))
    trimmed = {
        "version": model["version"],
        "metadata": model["metadata"],
        "operations": kept,
        "shapes": {name: shapes[name] for name in sorted(shapes)},
    }
    _write_json(destination / version / "service-2.json", _undocumented(trimmed))


def _shape_names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("shape"), str):
            yield node["shape"]
        for value in node.values():
            yield from _shape_names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _shape_names(value)


def _undocumented(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            name: _undocumented(value)
            for name, value in node.items()
            if not (name == "documentation" and isinstance(value, str))
        }
    if isinstance(node, list):
        return [_undocumented(value) for value in node]
    return node


def _trim_endpoints(endpoints: dict[str, Any]) -> dict[str, Any]:
    """All partitions and regions, for our services only."""
    return {
        "partitions": [
            {
                **partition,
                "regions": {name: {} for name in partition["regions"]},
                "services": {
                    name: service
                    for name, service in partition["services"].items()
                    if name in OPERATIONS
                },
            }
            for partition in endpoints["partitions"]
        ],
        "version": endpoints["version"],
    }


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    plain, packed = folder / f"{name}.json", folder / f"{name}.json.gz"
    text = plain.read_bytes() if plain.is_file() else gzip.decompress(packed.read_bytes())
    value: dict[str, Any] = json.loads(text)
    return value


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, separators=(",", ":")), "utf-8")


def _compile(folder: Path, interpreters: list[str], names: list[str] | None = None) -> None:
    """Bytecode that is never checked against its source, for the named files or for all."""
    for interpreter in interpreters:
        command = [interpreter, "-s", "-m", "compileall", "-q", "-f"]
        command += ["--invalidation-mode", "unchecked-hash"]
        command += ["-s", str(folder), "-p", _LAMBDA_ROOT]
        command += [str(folder / name) for name in names] if names else [str(folder)]
        _run(command, f"{interpreter} could not compile the functions")


def _run(command: list[str], failure: str) -> str:
    # A fixed seed: otherwise the order of sets in bytecode differs from build to build.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    environment.pop("PYTHONPATH", None)
    try:
        done = subprocess.run(  # noqa: S603
            command, env=environment, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise BundleError(f"{failure}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise BundleError(f"{failure} (exit code {done.returncode}):\n{said}")
    return done.stdout


def main() -> None:
    """The command line: build, print the folder."""
    runtime = sys.argv[1] if len(sys.argv) > 1 else "python3.13"
    try:
        folder = build(runtime, lambda warning: print(warning, file=sys.stderr))  # noqa: T201
    except BundleError as error:
        sys.exit(f"bundle: {error}")
    print(folder)  # noqa: T201


if __name__ == "__main__":
    main()
