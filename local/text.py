"""Text from outside, made safe for whoever reads it on a terminal or in a report."""

from __future__ import annotations

import json
from typing import Any


def shown(text: str) -> str:
    """`text` on one line, with everything that is not plainly visible escaped as in Python.

    Escaped are control characters (ESC and newlines among them), invisible and bidirectional
    formatting, lone surrogates, private and unassigned characters, and the backslash itself, so
    that no text can pass for another. What Unicode calls printable is left as it is.
    """
    return "".join(
        char
        if char.isprintable() and char != "\\"
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def shown_lines(text: str) -> str:
    """`text` of several lines, each as `shown` makes it; all but the first are indented.

    For texts of our own that quote others with line breaks: what they quote stays recognisable.
    """
    return "\n    ".join(shown(line) for line in text.splitlines())


def shown_json(value: Any, indent: int | None = 2) -> str:
    """`value` as JSON, on one line without `indent`, that a terminal can be given: JSON leaves
    DEL as it is."""
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")
