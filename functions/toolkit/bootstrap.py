"""What a function process needs before its other imports. Imported first, ended last.

The bundle carries botocore's data reduced to the operations in use and Amazon's own root
certificates (components/bundle); botocore finds both by its public settings. Outside the
bundle neither exists, and botocore falls back to its own.

The way back to botocore's complete data or the system's certificates is to set AWS_DATA_PATH
or AWS_CA_BUNDLE on the function: a variable that is set is left alone.
"""

import gc
import os

BOTOCORE_DATA = "botocore-data"
AMAZON_ROOTS = "amazon-roots.pem"

# Endpoints of the other partitions may chain to other roots: they keep botocore's whole list.
_OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eu-isoe-", "eusc-")

# Imports create objects that live as long as the process: collecting in between is waste.
gc.disable()

_root = os.path.abspath(__file__ + "/../../..")  # noqa: PTH100
_region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""

_data = _root + os.sep + BOTOCORE_DATA
if os.path.isdir(_data):  # noqa: PTH112
    os.environ.setdefault("AWS_DATA_PATH", _data)

_roots = _root + os.sep + AMAZON_ROOTS
if not _region.startswith(_OTHER_PARTITIONS) and os.path.isfile(_roots):  # noqa: PTH113
    os.environ.setdefault("AWS_CA_BUNDLE", _roots)


def complete() -> None:
    """End the start: what was imported is never collected, garbage of requests is."""
    gc.freeze()
    gc.enable()
