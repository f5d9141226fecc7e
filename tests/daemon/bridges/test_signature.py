"""Signatures, checked by the scheme's own library."""

import base64
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from heard.bridges.signature import headers, key_from

from .running import SECRET

BODY = '{"text": "grüß „Gott“"}'.encode()


def test_the_schemes_own_library_accepts_it() -> None:
    """Text, not only ASCII."""
    signed = headers(key_from(SECRET), "9f-1600", int(time.time()), BODY)
    assert Webhook(SECRET).verify(BODY, signed) == {"text": "grüß „Gott“"}


@pytest.mark.parametrize("changed", ["webhook-id", "webhook-timestamp", "body", "secret"])
def test_whatever_is_changed_is_noticed(changed: str) -> None:
    """Another id, another time, another body; another secret."""
    signed = headers(key_from(SECRET), "9f-1600", int(time.time()), BODY)
    body = BODY + b" " if changed == "body" else BODY
    if changed in signed:
        signed[changed] = str(int(time.time()) - 1) if changed == "webhook-timestamp" else "9f-1601"
    other = "whsec_" + base64.b64encode(bytes(32)).decode()
    with pytest.raises(WebhookVerificationError, match="No matching signature"):
        Webhook(other if changed == "secret" else SECRET).verify(body, signed)


def test_the_specifications_example() -> None:
    """The known answer that the specification and its libraries test with."""
    key = key_from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signed = headers(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert signed["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "written", ["", "secret", "whsec_", "whsec_!!!", "whsec_c2hvcnQ=", "whsec_" + "A" * 200]
)
def test_a_secret_that_is_none_says_how_to_make_one(written: str) -> None:
    """And does not repeat what was given."""
    with pytest.raises(ValueError, match="openssl rand") as raised:
        key_from(written)
    assert len(written) < 7 or written not in str(raised.value)
