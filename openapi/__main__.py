"""python -m openapi: write openapi.json."""

import sys
from pathlib import Path

from openapi.document import render

PATH = Path(__file__).resolve().parent.parent / "openapi.json"


def main() -> int:
    """Write the document beside the README."""
    PATH.write_text(render(), encoding="utf-8")
    print(f"{PATH.name} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
