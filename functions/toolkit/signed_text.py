"""Text that its receiver can only give back as it is: signed, and good for one purpose alone."""

import base64
import hmac
import json

TAG_BYTES = 16  # as many as an attacker cannot guess: 2**128 tries


def seal(key: bytes, purpose: tuple[str, ...], value: str) -> str:
    """The value and its signature in letters that a URL takes (RFC 4648, section 5). It is not
    encrypted: whoever gets it may know the value."""
    signed = json.dumps([*purpose, value]).encode()
    tag = hmac.digest(key, signed, "sha256")[:TAG_BYTES]
    return base64.urlsafe_b64encode(tag + value.encode()).decode().rstrip("=")


def unseal(key: bytes, purpose: tuple[str, ...], sealed: str) -> str | None:
    """The value; None unless `seal` has made exactly this text of it, for this purpose."""
    try:
        value = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))[TAG_BYTES:].decode()
    except ValueError:
        return None
    # The last letter holds bits that say nothing, so the text is compared and not its bytes.
    same = hmac.compare_digest(seal(key, purpose, value).encode(), sealed.encode())
    return value if same else None
