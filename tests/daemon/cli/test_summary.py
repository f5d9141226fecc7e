"""The summary at the end of a demo."""

from io import StringIO

import pytest
from rich.console import Console

from heard.cli.summary import print_summary, summary, trace_quantiles
from heard.settings import Settings, Source
from heard.supervise.overview import Overview
from heard.wire.codec import Body
from heard.wire.report import Report, StageState


def status(captured: int = 320_000, delivered: int = 320_000, **dropped: int) -> Body:
    """Return a whole status of one source, made by the daemon's own merging of reports."""
    overview = Overview(Settings(source=(Source(name="demo", input="file", path="demo.flac"),)), "r")
    ledger = {"captured": captured, "delivered": delivered, "pending": 0, "dropped": dropped,
              "muted": 0, "gaps": {}}  # fmt: skip
    denoise = {"backend": "noisereduce", "mix": 0.3, "delay_ms": 112.0, "reduction_db": 2.75, "rtf": 0.1}
    sent = {"total_sent": {"p50": 161.2, "p99": 190.4}}
    overview.reports["capture"] = Report("capture", 1, StageState.READY, {"demo": {"ledger": ledger}})
    overview.reports["denoise"] = Report("denoise", 2, StageState.READY, {"demo": {"denoise": denoise}})
    overview.reports["upstream"] = Report("upstream", 3, StageState.READY, {"demo": {"latency_ms": sent}})
    return dict(overview.status({}, 20.0))


def final(text: str, recognize: float) -> Body:
    parts = {"capture": 20.0, "denoise": 110.0, "upstream": 30.0, "recognize": recognize, "publish": 1.0}
    return {"text": text, "latency_ms": parts | {"total": sum(parts.values())}}


FINALS = [final("So far, so good.", 400.0), final("And on.", 600.0), final("Yes.", 500.0)]


def printed(whole: Body, finals: list[Body]) -> str:
    stream = StringIO()
    print_summary(whole, finals, Console(file=stream, width=80, highlight=False))
    return stream.getvalue()


def test_it_says_what_was_heard_and_how_long_it_took() -> None:
    """Words, turns, the delay of each stage, the ledger, and what noise reduction did."""
    text = printed(status(), FINALS)
    assert "7 words in 3 turns, 20.0 s of audio" in text
    rows = {line.split()[0]: line.split()[1:3] for line in text.splitlines() if line.strip()}
    assert rows["recognize"] == ["500", "600"]
    assert rows["total"] == ["661", "761"]
    words = " ".join(text.split())
    assert "to socket 161 190 sample captured to frame sent" in words
    assert "captured 20.00 s = delivered 20.00 s + pending 0.00 s + dropped 0.00 s" in words
    assert "noise of demo: 2.8 dB lower (noisereduce, mix 0.3)" in text
    assert all(len(line) <= 80 for line in text.splitlines())


def test_losses_are_named_and_a_ledger_that_does_not_add_up_is_told() -> None:
    """The reason stands beside what was dropped; missing samples would be a bug of heard's."""
    dropped = " ".join(printed(status(delivered=304_000, shutdown=16_000), []).split())
    assert "dropped 1.00 s (shutdown)" in dropped
    missing = " ".join(printed(status(delivered=319_995), []).split())
    assert "5 samples unaccounted for" in missing
    assert "unaccounted" not in printed(status(), [])


def test_nothing_said_is_no_fault() -> None:
    """Silence, or a daemon that was stopped before its first report."""
    assert "0 words in 0 turns, 20.0 s of audio" in printed(status(), [])
    empty = Overview(Settings(), "r").status({}, 0.0)
    assert "0 words in 0 turns, 0.0 s of audio" in printed(dict(empty), [])
    assert summary(empty, [{"text": None, "latency_ms": None}])


def test_quantiles_are_of_the_finals_own_traces() -> None:
    """A trace that lacks a stage counts for the others."""
    found = trace_quantiles([*FINALS, {"latency_ms": {"total": 5000.0}}])
    assert found["recognize"] == {"p50": 500.0, "p99": 600.0}
    assert found["total"]["p99"] == 5000.0


def test_it_goes_to_stderr_unless_stdout_is_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Into a file goes the transcript alone."""
    print_summary(status(), FINALS)
    out, err = capsys.readouterr()
    assert out == ""
    assert "7 words in 3 turns" in err
