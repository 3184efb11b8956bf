"""Hosts the components for Pulumi programs in any language; the engine starts it by its folder."""

import sys
from importlib import import_module
from os.path import abspath, basename, dirname

NAME = "serverless-orders"

_FOLDER = dirname(abspath(__file__))


def main() -> None:
    """Serve the components until the engine ends the process."""
    # Python searches this folder first, where queue.py stands before the standard library's.
    sys.path[:] = [dirname(_FOLDER), *(path for path in sys.path if abspath(path) != _FOLDER)]
    package = import_module(basename(_FOLDER))
    version = import_module(f"{package.__name__}._version").VERSION
    pulumi = import_module("pulumi")
    components = [
        value
        for value in map(vars(package).get, package.__all__)
        if isinstance(value, type) and issubclass(value, pulumi.ComponentResource)
    ]
    host = import_module("pulumi.provider.experimental").component_provider_host
    host(components, NAME, version=version)


if __name__ == "__main__":
    main()
