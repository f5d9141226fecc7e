"""A webhook as a far side: each final is a signed POST, tried until it is taken; the only user of httpx."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpx

from heard import __version__
from heard.bridges.backoff import delays
from heard.bridges.delivery import Delivery
from heard.bridges.errors import CREDENTIALS, RefusedError, StartError
from heard.bridges.signature import headers, key_from
from heard_client import Message

__all__ = ["Options", "Webhook", "envelope", "key_from", "retry_after_s"]

log = logging.getLogger(__name__)

FIRST_S, MOST_S = 0.5, 60.0
TIMEOUT_S = 15.0
RETRY_AFTER_MAX_S = 3600.0
LATER = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


@dataclass(frozen=True, slots=True, repr=False)
class Options:
    """Where to POST, and how.

    key      signs each message; None: unsigned
    headers  sent with each request, such as Authorization; they may hold secrets
    """

    url: str
    key: bytes | None = None
    headers: Mapping[str, str] | None = None
    tls: ssl.SSLContext | None = None


class Webhook:
    """An HTTP receiver."""

    def __init__(self, options: Options) -> None:
        # It tells each URL, which may hold a secret.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._options = options
        self._host = httpx.URL(options.url).host
        self._was_taken = False
        self._away = ""
        self._client = httpx.AsyncClient(
            headers={
                "user-agent": f"heard/{__version__}",
                "content-type": "application/json",
                **(options.headers or {}),
            },
            timeout=TIMEOUT_S,
            verify=options.tls or True,
        )

    async def run(self) -> None:
        """Wait: each POST makes or takes a connection for itself."""
        await asyncio.get_running_loop().create_future()

    async def deliver(self, delivery: Delivery) -> None:
        """POST until the receiver answers 2xx; a 4xx gives the message up, but 401, 408, 425 and 429."""
        body = envelope(delivery)
        for delay in delays(FIRST_S, MOST_S):
            wait_s = delay
            try:
                answer = await self._client.post(
                    self._options.url, content=body, headers=self._signed(delivery, body)
                )
            except httpx.HTTPError as error:
                self._say(_reason(error))
            else:
                if answer.is_success:
                    self._taken()
                    return
                self._check(answer)
                told_s = retry_after_s(answer.headers.get("retry-after"), time.time())
                wait_s = max(delay, min(told_s, RETRY_AFTER_MAX_S))
            await asyncio.sleep(wait_s)

    def tell(self, message: Message | None) -> None:
        """Nothing: a webhook is for what must arrive."""

    async def close(self) -> None:
        """Close the connections that wait for the next message."""
        await self._client.aclose()

    def _signed(self, delivery: Delivery, body: bytes) -> dict[str, str]:
        now = int(time.time())
        if self._options.key is None:
            return {"webhook-id": delivery.key, "webhook-timestamp": str(now)}
        return headers(self._options.key, delivery.key, now, body)

    def _check(self, answer: httpx.Response) -> None:
        said = f"{answer.status_code} {answer.reason_phrase}".strip()
        if answer.status_code == HTTPStatus.UNAUTHORIZED and not self._was_taken:
            raise StartError(f"{self._host} answers {said}: it wants other credentials", CREDENTIALS)
        if answer.is_client_error and answer.status_code not in LATER | {HTTPStatus.UNAUTHORIZED}:
            raise RefusedError(f"{self._host} answers {said}")
        if answer.is_redirect:
            said += ", a redirect, which is not followed: give the URL that it leads to"
        self._say(f"answers {said}")

    def _taken(self) -> None:
        if self._away or not self._was_taken:
            log.info("%s takes what is sent", self._host)
        self._was_taken = True
        self._away = ""

    def _say(self, why: str) -> None:
        if why != self._away:
            self._away = why
            log.warning("%s: %s; trying again, nothing is lost", self._host, why)


def envelope(delivery: Delivery) -> bytes:
    """Return the body of a request: `type`, `timestamp`, `data`, as Standard Webhooks recommends."""
    stamp = (
        datetime.fromtimestamp(delivery.time, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )
    head = json.dumps({"type": f"transcript.{delivery.kind}", "timestamp": stamp})
    return head[:-1].encode() + b', "data": ' + delivery.body + b"}"


def retry_after_s(value: str | None, now: float) -> float:
    """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3); 0 for none."""
    if value is None:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, OverflowError):
        return 0.0


def _reason(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {TIMEOUT_S:g} s"
    return str(error).lower() or type(error).__name__
