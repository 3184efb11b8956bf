"""`components/schema.json`: what the component package promises to programs in every language."""

import json

import components
from components.host import Host, hosted


def render(_: str) -> str:
    """The schema that the host gives the engine, but for its version, which releases change."""
    schema = json.loads(Host(hosted(components), "0.0.0").schema or "{}")
    del schema["version"]
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"
