"""What `heard demo` and `heard transcribe` show, on a terminal and where there is none."""

from io import StringIO

import pytest

from heard.cli import live
from heard.cli.live import LiveView, Progress
from heard.wire.codec import Body


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Return True: that is what makes it one."""
        return True


@pytest.fixture(autouse=True)
def _plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give rich a terminal of a known size and kind, whatever the tests run in."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)


def body(text: str, source: str = "demo") -> Body:
    return {"source": source, "text": text}


LEVEL: Body = {"source": "demo", "rms_dbfs": -20.0, "denoised_rms_dbfs": -60.0, "snr_db": 9.4}


def test_without_a_terminal_stdout_has_finals_and_stderr_nothing() -> None:
    """Into a file goes the transcript, one line a turn, at once."""
    out, err = StringIO(), StringIO()
    with LiveView("demo.flac", out=out, err=err) as view:
        view.show("transcript.partial.demo", body("So f"))
        view.show("level.demo", LEVEL)
        view.show("transcript.final.demo", body("So far.\x1b[2J\nSo good."))
        assert out.getvalue() == "So far. [2J So good.\n"
        view.show("status", {})
    assert out.getvalue() == "So far. [2J So good.\n"
    assert err.getvalue() == ""


def test_with_only_stderr_on_a_terminal_the_meters_are_there() -> None:
    """`heard demo > file` still shows that something is heard."""
    out, err = StringIO(), Terminal()
    with LiveView("demo.flac", out=out, err=err) as view:
        view.show("level.demo", LEVEL)
        view.show("transcript.partial.demo", body("So f"))
        view.show("transcript.final.demo", body("So far."))
    assert out.getvalue() == "So far.\n"
    assert "captured" in err.getvalue()
    assert "So f" in err.getvalue()


def test_on_a_terminal_everything_is_in_one_place() -> None:
    """Partial, bars and clock are redrawn; the final stays above them."""
    out, err = Terminal(), StringIO()
    clock = iter(range(100))
    with LiveView("demo.flac", out=out, err=err, clock=lambda: float(next(clock))) as view:
        view.show("transcript.partial.demo", body("So f"))
        view.show("level.demo", LEVEL)
        view.show("transcript.final.demo", body("So far."))
    written = out.getvalue()
    assert written.index("So f") < written.index("captured") < written.index("So far.")
    assert "listening to demo.flac" in written
    assert "speech to noise 9 dB" in written
    assert written.rindex("\x1b[?25h") > written.rindex("\x1b[?25l"), "the cursor is given back"
    assert err.getvalue() == ""


def test_lines_carry_names_once_there_are_two_sources() -> None:
    """A call has two sides."""
    out = StringIO()
    with LiveView("call", out=out, err=StringIO()) as view:
        view.final(body("Hello.", "caller"))
        view.final(body("Hello?", "callee"))
        view.final(body("Yes.", "caller"))
    assert out.getvalue() == "Hello.\ncallee: Hello?\ncaller: Yes.\n"


def test_a_dumb_terminal_is_no_place_to_redraw() -> None:
    """It gets the finals, as a file does."""
    out, err = Terminal(), StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "dumb")
        with LiveView("demo.flac", out=out, err=err) as view:
            view.show("transcript.partial.demo", body("So f"))
            view.show("transcript.final.demo", body("So far."))
    assert out.getvalue() == "So far.\n"


def test_a_long_partial_shows_its_end() -> None:
    """Three lines of it, none too wide."""
    lines = live.partial_lines(" ".join(f"word{n}" for n in range(100)), 40)
    assert len(lines) == live.PARTIAL_LINES
    assert all(line.cell_len <= 40 for line in lines)
    assert lines[-1].plain.endswith("word99")


def test_bars_follow_the_level() -> None:
    """Before and after noise reduction; nothing measured, nothing drawn."""
    before, after = live.level_lines({"demo": LEVEL})
    assert (before.plain.count("█"), after.plain.count("█")) == (18, 6)
    (nothing, _) = live.level_lines({"demo": {"rms_dbfs": None}})
    assert nothing.plain.count("█") == 0
    loud, _ = live.level_lines({"demo": {"rms_dbfs": 3.0}})
    assert loud.plain.count("█") == live.BAR_CELLS


def ledger(captured: int, delivered: int, dropped: int = 0) -> Body:
    counts = {"captured": captured, "delivered": delivered, "pending": captured - delivered - dropped,
              "dropped": {"expired": dropped}, "muted": 0, "gaps": {}}  # fmt: skip
    return {"sources": {"file": {"ledger": counts}}}


def test_settled_audio_is_what_progress_counts() -> None:
    """Delivered or given up, of all sources, in seconds."""
    assert live.settled(ledger(160_000, 48_000, 32_000)) == (5.0, 10.0)  # type: ignore[arg-type]  # the part that matters


def test_progress_is_for_terminals() -> None:
    """A bar in seconds of audio, taken away at the end; nothing in a log file."""
    quiet, err = StringIO(), Terminal()
    for stream in (quiet, err):
        with Progress(60.0, err=stream) as progress:
            progress.update(ledger(0, 0))  # type: ignore[arg-type]  # the part that matters
            progress.update(ledger(320_000, 192_000))  # type: ignore[arg-type]  # likewise
    assert quiet.getvalue() == ""
    assert "12 of 60 s of audio" in err.getvalue()
