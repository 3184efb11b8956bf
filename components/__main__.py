"""Hosts the components for Pulumi programs in any language; the engine starts it by its folder."""

import sys
from importlib import import_module
from pathlib import Path

_FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Serve the components until the engine ends the process."""
    sys.path.insert(0, str(_FOLDER.parent))
    package = import_module(_FOLDER.name)
    version = import_module(f"{package.__name__}._version").VERSION
    host = import_module(f"{package.__name__}.host")
    provider = import_module("pulumi.provider")
    provider.main(host.Host(host.hosted(package), version), sys.argv[1:])


if __name__ == "__main__":
    main()
