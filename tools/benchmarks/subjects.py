"""The three subjects: ours as it is deployed, bare boto3, and the tutorial style."""

import compileall
import py_compile
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FUNCTIONS = ("create_order", "get_order", "process_order")
# The tutorial style needs what Powertools calls its `tracer` and `parser` extras.
DEPENDENCIES = {
    "bare": ["boto3"],
    "tutorial": ["boto3", "aws-lambda-powertools", "aws-xray-sdk==2.15.0", "pydantic"],
}


@dataclass(frozen=True)
class Subject:
    """A folder that a Lambda function's zip would hold; zip_bytes: its size, deflated."""

    name: str
    code: Path
    zip_bytes: int

    def trusting(self, folder: Path, authority: Path) -> "Subject":
        """A copy whose every CA bundle holds one more authority, for the local TLS server."""
        code = folder / self.name
        shutil.copytree(self.code, code)
        for bundle in code.rglob("*.pem"):
            bundle.chmod(0o644)
            with bundle.open("ab") as file:
                file.write(b"\n" + authority.read_bytes())
        return Subject(self.name, code, self.zip_bytes)


def _zip_bytes(code: Path, folder: Path) -> int:
    return Path(shutil.make_archive(str(folder / code.name), "zip", code)).stat().st_size


def _install(name: str, folder: Path) -> Path:
    code = folder / name
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    constraints = ["--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*command, "--target", str(code), *constraints, *DEPENDENCIES[name]], check=True)
    for source in (HERE / name).glob("*.py"):
        shutil.copy(source, code)
    compileall.compile_dir(
        code, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH, force=True
    )
    return code


def ours() -> Subject:
    """The functions as they are deployed, from the program's own bundler."""
    from components.bundle import build as bundle

    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    code = bundle(runtime, warn=lambda message: print(message, file=sys.stderr))
    with tempfile.TemporaryDirectory() as folder:
        return Subject("ours", code, _zip_bytes(code, Path(folder)))


def build(folder: Path) -> dict[str, Subject]:
    """`ours`, `bare` and `tutorial`, ready to import."""
    codes = {name: _install(name, folder) for name in DEPENDENCIES}
    others = {name: Subject(name, code, _zip_bytes(code, folder)) for name, code in codes.items()}
    return {"ours": ours(), **others}
