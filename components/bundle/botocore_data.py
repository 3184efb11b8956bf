"""botocore's descriptions of AWS, reduced to the operations that the functions call.

botocore reads them through AWS_DATA_PATH, a public setting that functions/toolkit/bootstrap.py
sets; what is not in it is not there.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Operations = Mapping[str, Iterable[str]]  # botocore's service name -> operations

FOLDER = "botocore-data"

# What functions read of structures that say much more: botocore leaves out of an answer what its
# description lacks, and every function reads the descriptions of all when it starts.
_READ = {
    "dynamodb": {
        "TableDescription": ("ItemCount", "TableSizeBytes"),
        "ConsumedCapacity": (),
        "ItemCollectionMetrics": (),
    }
}


def reduce_data(folder: Path, operations: Operations) -> None:
    """Write FOLDER from the data of the botocore that is installed in the folder."""
    whole, reduced = folder / "botocore" / "data", folder / FOLDER
    # The bundle is the same in whatever order the functions are declared.
    operations = {service: sorted(names) for service, names in sorted(operations.items())}
    ruled = {
        service
        for service, names in operations.items()
        if _reduce_service(whole / service, reduced / service, names, _READ.get(service, {}))
    }
    if ruled:
        _write_json(reduced / "partitions.json", _read_json(whole, "partitions"))
    endpoints = _read_json(whole, "endpoints")
    listed = {name: names for name, names in operations.items() if name not in ruled}
    _write_json(reduced / "endpoints.json", _reduce_endpoints(endpoints, listed))
    standard = _read_json(whole, "sdk-default-configuration")
    _write_json(reduced / "sdk-default-configuration.json", standard)


def _reduce_service(
    source: Path,
    destination: Path,
    operations: Iterable[str],
    read: Mapping[str, Iterable[str]],
) -> bool:
    """Write what is kept of one service; whether its endpoints are found by rules of its own."""
    version = max(path.name for path in source.iterdir() if path.is_dir())
    model = _read_json(source / version, "service-2")
    kept = {name: model["operations"][name] for name in operations}
    shapes: dict[str, Any] = {}
    missing = list(_shape_names(kept))
    while missing:
        name = missing.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            if name in read:
                members = shapes[name]["members"]
                shapes[name] = {
                    **shapes[name],
                    "members": {each: members[each] for each in read[name]},
                }
            missing.extend(_shape_names(shapes[name]))
    trimmed = {
        "version": model["version"],
        "metadata": model["metadata"],
        "operations": kept,
        "shapes": {name: shapes[name] for name in sorted(shapes)},
    }
    _write_json(destination / version / "service-2.json", _undocumented(trimmed))
    ruled = _has_rules(model)
    if ruled:
        rules = _read_json(source / version, "endpoint-rule-set-1")
        _write_json(destination / version / "endpoint-rule-set-1.json", rules)
    return ruled


def _has_rules(model: dict[str, Any]) -> bool:
    """Whether a service's endpoints are found by rules: those of services with a REST protocol,
    for which S3's depend on the bucket. Functions that call none of them do not read them."""
    return str(model["metadata"]["protocol"]).startswith("rest-")


def _shape_names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("shape"), str):
            yield node["shape"]
        for value in node.values():
            yield from _shape_names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _shape_names(value)


def _undocumented(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            name: _undocumented(value)
            for name, value in node.items()
            if not (name == "documentation" and isinstance(value, str))
        }
    if isinstance(node, list):
        return [_undocumented(value) for value in node]
    return node


def _reduce_endpoints(endpoints: dict[str, Any], operations: Operations) -> dict[str, Any]:
    """All partitions and regions, for our services only."""

    def told(service: dict[str, Any]) -> dict[str, Any]:
        # A region that is not listed is reached by the same defaults, where a service has no
        # endpoint for all regions; and the deprecated ones are names that no region has.
        if "partitionEndpoint" in service:
            return service
        listed = service["endpoints"].items()
        kept = {name: it for name, it in listed if it and not it.get("deprecated")}
        return {**service, "endpoints": kept}

    return {
        "partitions": [
            {
                **partition,
                "regions": {name: {} for name in partition["regions"]},
                "services": {
                    name: told(service)
                    for name, service in partition["services"].items()
                    if name in operations
                },
            }
            for partition in endpoints["partitions"]
        ],
        "version": endpoints["version"],
    }


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    plain, packed = folder / f"{name}.json", folder / f"{name}.json.gz"
    text = plain.read_bytes() if plain.is_file() else gzip.decompress(packed.read_bytes())
    value: dict[str, Any] = json.loads(text)
    return value


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, separators=(",", ":")), "utf-8", newline="\n")
