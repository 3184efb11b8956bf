"""Amazon's root certificates, out of botocore's own list: all that the functions trust.

The whole list stays in botocore/cacert.pem, for the partitions that chain to other roots
(functions/toolkit/bootstrap.py).
"""

import hashlib
import re
import ssl
from collections.abc import Iterator
from pathlib import Path

from .commands import BundleError

FILE = "amazon-roots.pem"

# SHA-256 of the certificates, as published: https://www.amazontrust.com/repository/
AMAZON_ROOTS = {
    "Amazon Root CA 1": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "Amazon Root CA 2": "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
    "Amazon Root CA 3": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
    "Amazon Root CA 4": "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
    "Starfield Services Root Certificate Authority - G2": (
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5"
    ),
}


def pick_certificates(folder: Path) -> None:
    """Write FILE from the list of the botocore that is installed in the folder."""
    roots = "".join(amazon_roots((folder / "botocore" / "cacert.pem").read_text("utf-8")))
    (folder / FILE).write_text(roots, "utf-8", newline="\n")


def amazon_roots(certificates: str) -> Iterator[str]:
    """Amazon's roots out of a PEM list, each checked against its published fingerprint."""
    blocks = re.findall(
        r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n", certificates, re.DOTALL
    )
    by_fingerprint = {
        hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest(): block for block in blocks
    }
    for name, fingerprint in AMAZON_ROOTS.items():
        if fingerprint not in by_fingerprint:
            raise BundleError(f"botocore's certificates lack {name} (SHA-256 {fingerprint})")
        yield f"# {name}\n{by_fingerprint[fingerprint]}"
