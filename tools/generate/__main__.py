"""python -m tools.generate: write every file that follows from the declarations."""

import sys

from tools.generate.files import FILES, ROOT
from tools.openapi.document import UndescribedError


def main() -> int:
    """Write the files that are stale, and say which; 1 when something has to be described."""
    for path, render in FILES.items():
        file = ROOT / path
        present = file.read_text(encoding="utf-8") if file.exists() else ""
        try:
            text = render(present)
        except UndescribedError as error:
            print(error, file=sys.stderr)
            return 1
        if text != present:
            file.write_text(text, encoding="utf-8")
            print(f"{path} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
