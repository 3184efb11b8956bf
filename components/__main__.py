"""Hosts the components for Pulumi programs in any language; the engine starts it by its folder."""

import sys
from importlib import import_module
from pathlib import Path

NAME = "serverless-orders"

_FOLDER = Path(__file__).resolve().parent


def main() -> None:
    """Serve the components until the engine ends the process."""
    sys.path.insert(0, str(_FOLDER.parent))
    package = import_module(_FOLDER.name)
    version = import_module(f"{package.__name__}._version").VERSION
    component = import_module("pulumi").ComponentResource
    components = [
        value
        for value in map(vars(package).get, package.__all__)
        if isinstance(value, type) and issubclass(value, component)
    ]
    host = import_module("pulumi.provider.experimental").component_provider_host
    host(components, NAME, version=version)


if __name__ == "__main__":
    main()
