"""The OpenAPI document, made from the schema and the route table that the functions run on."""

from pathlib import Path

PATH = Path(__file__).resolve().parents[2] / "openapi.json"
"""The committed document."""
