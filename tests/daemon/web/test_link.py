"""The page's subscription: whether the daemon is there, and spectra only while somebody looks."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from heard.web import link
from heard.web.audience import Audience, Viewer
from heard.web.link import Link
from heard.wire.codec import Body, pack, unpack
from heard_client import AsyncControl

from ...clients.peers import Frames, Publisher, answering, final, publishing

SUBSCRIPTIONS = 7
WAIT_S = 30.0


async def _until(predicate: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not predicate():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.01)


async def _shown(viewer: Viewer, wanted: bytes) -> None:
    async with asyncio.timeout(WAIT_S):
        while wanted not in viewer.take():  # noqa: ASYNC110  # likewise
            await asyncio.sleep(0.01)


class Scene:
    """A link between a daemon of the tests and an audience."""

    def __init__(self, publisher: Publisher) -> None:
        self.publisher = publisher
        self.audience = Audience()
        self.watched: list[Body] = []
        self.refuses = 0

    def answer(self, frames: Frames) -> list[Frames]:
        """Answer `watch`, after as many refusals as there are to be, and `history`."""
        request = unpack(frames[-1])
        if request["op"] == "history":
            return self.publisher.journal.answer(frames)
        reply: Body = {"v": 1, "id": request["id"], "ok": True, "result": {"seconds": 15.0}}
        if self.refuses:
            self.refuses -= 1
            error: Body = {"code": "not-available", "message": "denoise is not running at the moment"}
            reply = {"v": 1, "id": request["id"], "ok": False, "error": error}
        args = request["args"]
        assert isinstance(args, dict)
        self.watched.append(args)
        return [[frames[0], pack(reply)]]

    def play(self, folder: Path, acts: Callable[[], Awaitable[None]]) -> None:
        """Run `acts` while the link reads."""

        async def scene() -> None:
            control = AsyncControl(f"ipc://{folder}/c")
            reading = asyncio.create_task(Link(control, self.publisher.endpoint, self.audience).run())
            await asyncio.to_thread(self.publisher.await_subscriptions, SUBSCRIPTIONS)
            try:
                await acts()
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
                control.close()

        with answering(folder / "c", self.answer):
            asyncio.run(scene())


def test_what_is_published_is_shown_to_all(tmp_path: Path) -> None:
    with publishing(tmp_path / "t") as publisher:
        scene = Scene(publisher)

        async def acts() -> None:
            viewer = scene.audience.join(lambda: None)
            publisher.send("transcript.final.mic", final("good morning"))
            await _shown(viewer, b"good morning")

        scene.play(tmp_path, acts)


def test_turns_that_cannot_be_had_are_told(tmp_path: Path) -> None:
    """A hole in the captions that the journal cannot fill is no secret."""
    with publishing(tmp_path / "t") as publisher:
        scene = Scene(publisher)

        async def acts() -> None:
            viewer = scene.audience.join(lambda: None)
            publisher.send("transcript.final.mic", final("one", "t1"), seq=1)
            await _shown(viewer, b'"text":"one"')
            publisher.send("transcript.final.mic", final("five", "t5"), seq=5)
            await _shown(viewer, b"3 cannot be had: not-in-journal")

        scene.play(tmp_path, acts)


def test_a_daemon_that_tells_no_status_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is there again with the next one."""
    monkeypatch.setattr(link, "LOST_S", 0.2)
    with publishing(tmp_path / "t") as publisher:
        scene = Scene(publisher)

        async def acts() -> None:
            viewer = scene.audience.join(lambda: None)
            for sends, told in ((True, b"true"), (False, b"false"), (True, b"true")):
                if sends:
                    publisher.send_status()
                await _shown(viewer, b'"up":' + told)

        scene.play(tmp_path, acts)


def test_spectra_are_asked_for_while_somebody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At once, again before the lease is over, and after a refusal; never when nobody does."""
    monkeypatch.setattr(link, "RENEW_S", 0.1)
    monkeypatch.setattr(link, "RETRY_S", 0.1)
    with publishing(tmp_path / "t") as publisher:
        scene = Scene(publisher)
        scene.refuses = 1

        async def acts() -> None:
            publisher.send_status()
            await asyncio.sleep(0.6)
            assert scene.watched == []
            viewer = scene.audience.join(lambda: None)
            await _until(lambda: len(scene.watched) >= 3)
            assert scene.watched[0] == {"seconds": 15.0}
            scene.audience.leave(viewer)
            count = len(scene.watched)
            await asyncio.sleep(1.5)
            # One may have been on its way.
            assert len(scene.watched) <= count + 1

        scene.play(tmp_path, acts)
