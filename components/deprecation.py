"""What the answers of a deprecated version of the API say, in header fields."""

import json
from email.utils import format_datetime

from ._contract import contract
from .order_inputs import Deprecation, OrderSettings, day


def environment(settings: OrderSettings) -> dict[str, str]:
    """The variable by which functions know what is deprecated; none where nothing is."""
    told: dict[str, dict[str, str]] = {}
    for version, deprecation in settings.get("deprecations", {}).items():
        beginnings = [f"/{version}/"] if version in settings["api_versions"] else []
        if version == contract.UNVERSIONED:
            beginnings.append(contract.ORDERS_PATH)
        told |= dict.fromkeys(beginnings, _fields(deprecation))
    return {contract.DEPRECATIONS_VARIABLE: json.dumps(told)} if told else {}


def _fields(deprecation: Deprecation) -> dict[str, str]:
    """Deprecation (RFC 9745) and Sunset (RFC 8594), each with its relation of Link."""
    fields = {"deprecation": f"@{int(day(deprecation['since']).timestamp())}"}
    relations = ["deprecation"]
    if "sunset" in deprecation:
        fields["sunset"] = format_datetime(day(deprecation["sunset"]), usegmt=True)
        relations.append("sunset")
    if "link" in deprecation:
        link = deprecation["link"]
        fields["link"] = ", ".join(f'<{link}>; rel="{each}"' for each in relations)
    return fields
