"""`heardctl listen` and `heardctl status --follow` on a real terminal of 80 by 24."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from heard.wire.codec import Body, pack, unpack

from ...support.terminal import Terminal, terminal
from ..peers import Frames, Publisher, answering, final, publishing
from .test_dashboard import status
from .test_heardctl import HEARDCTL

SHOWN_S = 30.0


@contextmanager
def daemon(folder: Path, sources: int = 1) -> Iterator[Publisher]:
    """Run a daemon's two sockets in `folder`, with a status of so many sources."""

    def answer(frames: Frames) -> list[Frames]:
        request = unpack(frames[-1])
        result = status(sources=sources)
        if request["op"] == "history":
            result = {"transcripts": [], "more": False}
        return [[frames[0], pack({"v": 1, "id": request["id"], "ok": True, "result": result})]]

    with publishing(folder / "t") as it, answering(folder / "c", answer):
        yield it


def command(folder: Path, *words: str) -> list[str]:
    where = ["--endpoint", f"ipc://{folder}/c", "--transcripts", f"ipc://{folder}/t"]
    return [*HEARDCTL, *words, *where]


def shown(it: Publisher, screen: Terminal, predicate: Callable[[list[str]], object], what: str) -> list[str]:
    """Wait for the screen, with a daemon that is heard of all the while: its silence would be told."""

    def holds(rows: list[str]) -> object:
        it.send_status()
        return predicate(rows)

    return screen.until(holds, SHOWN_S, what)


def test_captions_are_redrawn_in_place_and_finals_scroll(tmp_path: Path) -> None:
    """One row for a turn however often it changes; colours tell sources apart; Ctrl-C ends it with 130."""
    with daemon(tmp_path) as it, terminal(command(tmp_path, "listen"), tmp_path) as screen:
        it.await_subscriptions(7)
        for length in range(1, 9):
            it.send("transcript.partial.mic", final(" ".join(["word"] * length)))
        it.send("transcript.partial.line", final("hello", "t2"))
        rows = shown(it, screen, lambda rows: "line: hello" in rows, "both partials")
        assert [row for row in rows if row] == ["mic: " + " ".join(["word"] * 8), "line: hello"]
        it.send("transcript.final.mic", final("Eight words."))
        rows = shown(it, screen, lambda rows: "mic: Eight words." in rows, "the final")
        assert [row for row in rows if row] == ["mic: Eight words.", "line: hello"]
        styled = [row for row in screen.screen(styled=True) if row]
        assert "\x1b[36m" in styled[0]
        assert "\x1b[2m" in styled[1] and "33m" in styled[1]  # noqa: PT018  # one style of one row
        for number in range(40):
            it.send("transcript.final.line", final(f"Turn {number}.", f"l{number}"))
        shown(it, screen, lambda rows: "line: Turn 39." in rows, "the last turn")
        kept = [row for row in screen.scrolled() if "Turn" in row]
        assert kept == [f"line: Turn {number}." for number in range(40)]
        screen.press("C-c")
        shown(it, screen, lambda rows: "ended with 130" in rows, "the end")


def test_captions_fit_a_terminal_that_changes_and_hold_wide_characters(tmp_path: Path) -> None:
    """Nothing stale stays behind; a character of two cells is never cut."""
    with daemon(tmp_path) as it, terminal(command(tmp_path, "listen"), tmp_path) as screen:
        it.await_subscriptions(7)
        wide = "音声認識は雑音の中でも聞き取ります" * 3
        it.send("transcript.partial.mic", final(wide))
        shown(it, screen, lambda rows: sum("音" in row for row in rows) == 2, "two rows")
        screen.resize(40, 24)
        third = wide[: len(wide) // 3]
        narrow = [f"mic: {third}", f"     {third}", f"     {third}"]
        shown(it, screen, lambda rows: rows[:3] == narrow and not any(rows[3:]), "three rows")
        screen.resize(120, 24)
        shown(it, screen, lambda rows: rows[0] == f"mic: {wide}" and not any(rows[1:]), "one row")


def test_colours_can_be_switched_off(tmp_path: Path) -> None:
    """As https://no-color.org asks."""
    env = {"NO_COLOR": "1"}
    with daemon(tmp_path) as it, terminal(command(tmp_path, "listen"), tmp_path, env=env) as screen:
        it.await_subscriptions(7)
        it.send("transcript.final.mic", final("Plain."))
        shown(it, screen, lambda rows: "mic: Plain." in rows, "the final")
        assert "\x1b[" not in "".join(screen.screen(styled=True))


def test_a_restarted_daemon_is_told_and_listened_to(tmp_path: Path) -> None:
    """The terminal goes on where it is."""
    with daemon(tmp_path) as it, terminal(command(tmp_path, "listen"), tmp_path) as screen:
        it.await_subscriptions(7)
        it.send_status()
        it.send("transcript.final.mic", final("Before.", "t0"))
        shown(it, screen, lambda rows: "mic: Before." in rows, "the first final")
        it.run = "run-2"
        it.numbers.clear()
        it.send_status()
        it.send("transcript.final.mic", final("After.", "t9"))
        rows = shown(it, screen, lambda rows: "mic: After." in rows, "the second final")
        assert [row for row in rows if row] == ["mic: Before.", "(heard was restarted)", "mic: After."]


@pytest.mark.parametrize("key", ["q", "C-c"])
def test_the_status_fills_one_screen_and_leaves_it(tmp_path: Path, key: str) -> None:
    """What stood on the terminal comes back; q is a good end, Ctrl-C an interruption."""
    with daemon(tmp_path) as it, terminal(command(tmp_path, "status", "--follow"), tmp_path) as screen:
        it.await_subscriptions(2)
        rows = screen.until(lambda rows: "q quits" in rows, SHOWN_S, "the screen")
        assert rows[0].startswith("heard 0.1.0  ready")
        assert len(rows) == 24
        level: Body = {"rms_dbfs": -20.0, "denoised_rms_dbfs": -60.0, "snr_db": 9.0}

        def bars(rows: list[str]) -> bool:
            it.send("level.mic0", level)
            return any("-20.0 dBFS  SNR 9.0 dB" in row for row in rows)

        screen.until(bars, SHOWN_S, "the level")
        screen.press(key)
        rows = screen.until(lambda rows: "ended with" in "".join(rows), SHOWN_S, "the end")
        assert [row for row in rows if row] == [f"ended with {0 if key == 'q' else 130}"]


def test_the_status_fits_any_size_and_scrolls(tmp_path: Path) -> None:
    """Less detail in less room; sources that have none are a key away."""
    with (
        daemon(tmp_path, sources=30) as it,
        terminal(command(tmp_path, "status", "--follow"), tmp_path) as screen,
    ):
        it.await_subscriptions(2)
        rows = screen.until(lambda rows: "more sources" in rows[-1], SHOWN_S, "the screen")
        assert rows[1].startswith("mic0 ")
        screen.press("Down", "Down")
        screen.until(lambda rows: rows[1].startswith("mic2 "), SHOWN_S, "two further")
        screen.press("Up")
        screen.until(lambda rows: rows[1].startswith("mic1 "), SHOWN_S, "one back")
        screen.resize(60, 12)
        screen.until(
            lambda rows: len(rows) == 12 and rows[1].startswith("mic1 ") and "20 more sources" in rows[-1],
            SHOWN_S,
            "less room",
        )
        screen.resize(100, 40)
        screen.until(lambda rows: "q quits" in rows and rows[30].startswith("mic29 "), SHOWN_S, "all of them")
