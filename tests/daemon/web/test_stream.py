"""One viewer's stream, as an ASGI server drives it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from heard.web import stream
from heard.web.audience import Audience
from heard.web.stream import EventStream

Sent = list[dict[str, Any]]


async def _never() -> dict[str, Any]:
    await asyncio.Event().wait()
    return {"type": "http.disconnect"}


async def _until(predicate: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not predicate():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)


def _body(sent: Sent) -> bytes:
    return b"".join(message.get("body", b"") for message in sent)


async def _served(audience: Audience, sent: Sent, receive: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    async def send(message: Any) -> None:
        sent.append(message)

    await EventStream(audience)({}, receive, send)


def test_events_come_as_they_happen_and_end_with_the_browser() -> None:
    async def scene() -> None:
        audience, sent, gone = Audience(), Sent(), asyncio.Event()

        async def receive() -> dict[str, Any]:
            await gone.wait()
            return {"type": "http.disconnect"}

        serving = asyncio.create_task(_served(audience, sent, receive))
        await _until(lambda: b"event: now" in _body(sent))
        audience.tell_link(up=False, reason="gone")
        await _until(lambda: b'"reason":"gone"' in _body(sent))
        assert sent[0]["status"] == 200
        assert (b"content-type", b"text/event-stream") in sent[0]["headers"]
        gone.set()
        async with asyncio.timeout(30):
            await serving
        assert audience.viewers == set()

    asyncio.run(scene())


def test_who_is_sent_away_gets_the_end_of_the_answer() -> None:
    """So that the browser sees it, and comes again."""

    async def scene() -> None:
        audience, sent = Audience(), Sent()
        serving = asyncio.create_task(_served(audience, sent, _never))
        await _until(lambda: sent)
        audience.end()
        async with asyncio.timeout(30):
            await serving
        assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
        assert audience.viewers == set()

    asyncio.run(scene())


def test_a_browser_that_takes_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds neither its place nor what waits for it."""
    monkeypatch.setattr(stream, "SEND_S", 0.05)

    async def scene() -> None:
        audience = Audience()

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                await asyncio.Event().wait()

        response = EventStream(audience)
        serving = asyncio.create_task(response({}, _never, send))
        await _until(lambda: not audience.viewers)
        async with asyncio.timeout(30):
            await serving

    asyncio.run(scene())


def test_a_connection_in_which_nothing_happens_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a comment, which a browser passes over."""
    monkeypatch.setattr(stream, "IDLE_S", 0.02)

    async def scene() -> None:
        audience, sent = Audience(), Sent()
        serving = asyncio.create_task(_served(audience, sent, _never))
        await _until(lambda: _body(sent).endswith(b":\n\n"))
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving

    asyncio.run(scene())
