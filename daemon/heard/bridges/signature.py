"""Core: the signature of a webhook, so that its receiver knows who sent it and when.

The scheme is Standard Webhooks 1.0 (standardwebhooks.com, spec, "Symmetric signatures"): HMAC-SHA256 with a
shared secret over `ID.TIMESTAMP.BODY`. Receivers have libraries for it in a dozen languages.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

PREFIX = "whsec_"
LEAST_BYTES, MOST_BYTES = 24, 64


def key_from(secret: str) -> bytes:
    """Return the key that a secret in its written form, `whsec_` and base64, stands for.

    Raises:
        ValueError: it is not written so, or is too short to be safe.
    """
    wanted = (
        f"must be {PREFIX} and {LEAST_BYTES} to {MOST_BYTES} random bytes as base64: "
        f"printf '{PREFIX}%s' \"$(openssl rand -base64 32)\""
    )
    if not secret.startswith(PREFIX):
        raise ValueError(wanted)
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(wanted) from None
    if not LEAST_BYTES <= len(key) <= MOST_BYTES:
        raise ValueError(wanted)
    return key


def headers(key: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """Return the three headers of a signed message.

    message_id  the same for every attempt: the receiver knows by it what it has already
    timestamp   of this attempt, Unix seconds: a receiver refuses what is minutes old, so that nobody can
                send again what was overheard
    """
    signed = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
