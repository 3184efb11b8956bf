"""The OpenAPI documents, made from the schemas and the route table that the functions run on."""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "openapi"
"""The committed documents, `v1.json` and so on."""

FROZEN = FOLDER / "frozen"
"""What callers keep to: a document may add to the one of its name here, and take nothing back."""
