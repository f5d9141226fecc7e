"""The status as a person sees it: what stands there, and that it fits."""

import pytest
from rich.text import Text

from heard.wire.codec import Body, pack
from heard.wire.status import DenoiseStatus, Ledger, ProcessStatus, SourceStatus, UpstreamStatus
from heard_client.cli import dashboard, marks
from heard_client.messages import Level
from heard_client.parsing import parse


def source(**more: object) -> Body:
    ledger: Ledger = {
        "captured": 12_016_000, "delivered": 11_920_000, "pending": 96_000,
        "dropped": {}, "muted": 0, "gaps": {},
    }  # fmt: skip
    denoise: DenoiseStatus = {
        "backend": "noisereduce", "mix": 0.3, "noise": "tracked", "adaptive": False, "mix_now": 0.3,
        "delay_ms": 112.0, "reduction_db": 2.7, "rtf": 0.08,
    }  # fmt: skip
    upstream: UpstreamStatus = {
        "service": "local", "state": "open", "session": "s1", "reconnects": 0, "rotations": 0,
        "backlog_s": 0.1, "error": None,
    }  # fmt: skip
    stages = ("capture", "denoise", "upstream", "total_sent", "recognize", "publish", "total")
    whole: SourceStatus = {
        "state": "live", "started": 1.0, "input": "device", "device": "default", "rate_hz": 48000,
        "level_dbfs": -32.1, "snr_db": 14.2, "xruns": 0, "ledger": ledger, "denoise": denoise,
        "upstream": upstream, "latency_ms": {stage: {"p50": 22.4, "p99": 1030.1} for stage in stages},
        "turns": 57, "opened": "", "verdicts": [],
    }  # fmt: skip
    return {**whole, **more}


def status(*, sources: int = 1, **more: object) -> Body:
    process: ProcessStatus = {
        "pid": 1234567, "state": "ready", "restarts": 0, "rss_bytes": 31_000_000, "cpu_s": 1.2, "counters": {}
    }  # fmt: skip
    names = ("supervise", "capture", "denoise", "upstream", "publish", "recognizer")
    return {
        "version": "0.1.0",
        "run": "3f2a1b2c3d4e",
        "uptime_s": 751.0,
        "state": "ready",
        "processes": {name: dict(process) for name in names},
        "sources": {f"mic{number}": source(**more) for number in range(sources)},
        "publish": {"endpoint": "ipc:///t", "published": 312, "journal_rows": 57},
    }


def shown(lines: list[Text]) -> str:
    return "\n".join(line.plain for line in lines)


def test_one_source_fits_a_small_terminal() -> None:
    """Everything about one source and every process, at 80 by 24."""
    lines = dashboard.lines(status(), rows=24)
    assert len(lines) <= 24
    assert max(line.cell_len for line in lines) <= 80
    text = shown(lines)
    for expected in (
        "heard 0.1.0  ready  up 12:31  run 3f2a1b2c  published 312  journal 57",
        "mic0  live  device default  48000 Hz  57 turns  0 xruns",
        "-32.1 dBFS  SNR 14.2 dB",
        "noisereduce mix 0.30  noise -2.7 dB",
        "upstream  local open  backlog 0.1 s  reconnects 0  rotations 0",
        "captured 751.0 = delivered 745.0 + pending 6.0 + dropped 0.0",
        "capture  denoise  upstream  recognize  publish   total    sent",
        "recognizer   ready         1234567         0     31 MB       1.2",
    ):
        assert expected in text


def test_what_is_to_be_said_of_a_sources_sound() -> None:
    """A verdict stands beside the state, and which device the default one is beside its name."""
    text = shown(dashboard.lines(status(opened="Blue Yeti", verdicts=["too-quiet", "clipping"])))
    assert "mic0  live  too-quiet, clipping  device default (Blue Yeti)" in text


@pytest.mark.parametrize("sources", [0, 1, 2, 3, 5, 9, 40])
def test_any_number_of_sources_fits(sources: int) -> None:
    """Details go before sources do; what has no room is counted."""
    lines = dashboard.lines(status(sources=sources), rows=24)
    assert len(lines) <= 24
    listed = len({line.plain.split()[0] for line in lines if line.plain.startswith("mic")})
    assert (
        listed == sources
        or lines[-1].plain == f"… {sources - listed} more sources: ↑ ↓, or a higher terminal"
    )


def test_levels_are_bars_before_and_after() -> None:
    """From the newest level message; a bar is longer for what is louder."""
    body = {"rms_dbfs": -20.0, "denoised_rms_dbfs": -60.0, "snr_db": 9.0}
    level = parse("level.mic0", pack(body))
    assert isinstance(level, Level)
    lines = [line.plain for line in dashboard.lines(status(), {"mic0": level})]
    before, after = (next(line for line in lines if name in line) for name in ("level", "denoised"))
    assert (before.count("█"), after.count("█")) == (13, 4)
    assert "-20.0 dBFS  SNR 9.0 dB" in before
    assert "-60.0 dBFS  noisereduce" in after
    assert max(map(len, lines)) <= 80


def test_a_source_that_delivers_nothing_shows_no_level() -> None:
    """The last one would look as if it still did."""
    assert "-32.1" not in shown(dashboard.lines(status(state="muted")))


def test_losses_and_faults_are_named() -> None:
    """What was dropped and why, what is wrong upstream, what a process could not read."""
    ledger = {"captured": 160_000, "delivered": 64_000, "pending": 0, "dropped": {"expired": 96_000},
              "muted": 32_000, "gaps": {"xrun": 320}}  # fmt: skip
    upstream = {"service": "assemblyai", "state": "refused", "error": "key refused:\x1b[2J no such key"}
    whole = status(ledger=ledger, upstream=upstream)
    processes = whole["processes"]
    assert isinstance(processes, dict)
    processes["publish"]["counters"] = {"malformed": 3, "late": 0}
    text = shown(dashboard.lines(whole))
    assert "dropped, expired 6.0; gap, xrun 0.02; muted 2.0" in text
    assert "assemblyai refused" in text
    assert "key refused: [2J no such key" in text
    assert "malformed 3" in text
    assert "late" not in text


@pytest.mark.parametrize(
    "body", [{}, {"sources": 3}, {"sources": {"mic": None}}, {"processes": {"capture": {}}, "publish": []}]
)
def test_a_map_of_another_shape_is_shown_as_far_as_it_goes(body: Body) -> None:
    """A daemon of another version must not end its clients with a traceback."""
    assert dashboard.lines(body)[0].plain.startswith("heard")


def test_durations() -> None:
    """As a person writes them."""
    assert [marks.clock(s) for s in (0, 9.9, 61, 3600, 90061)] == [
        "0:00", "0:09", "1:01", "1:00:00", "25:01:01"
    ]  # fmt: skip


def test_a_long_path_shows_its_end() -> None:
    """The name of the file matters more than its folders."""
    line = dashboard.lines(status(input="file", device="/srv/recordings/2024/05/meeting.flac"))[2]
    assert "file …" in line.plain
    assert "/meeting.flac  48000 Hz" in line.plain


def test_faults_stand_at_the_top() -> None:
    """What is wrong in the world comes before all figures, whatever the height."""
    fault = {"process": "publish", "what": "journal", "detail": "no space\nleft", "since": 1.0}
    for rows in (24, 6):
        lines = dashboard.lines(status() | {"faults": [fault]}, rows=rows)
        assert lines[1].plain == "journal: no space left"


def test_several_sources_keep_their_bars_delays_and_ledgers() -> None:
    """At 80 by 24 there is room for four, each with all that its audio and its session do."""
    level = parse("level.mic3", pack({"rms_dbfs": -20.0, "denoised_rms_dbfs": -60.0, "snr_db": 9.0}))
    assert isinstance(level, Level)
    lines = dashboard.lines(status(sources=4), {"mic3": level}, rows=24)
    assert len(lines) <= 24
    assert max(line.cell_len for line in lines) <= 80
    text = shown(lines)
    assert "██████▊    -20.0 → ██▎        -60.0  SNR 9.0  noisereduce 0.30 -2.7" in text
    assert f"mic3 {' '.join(['22/1030'] * 7)}" in " ".join(text.split())
    assert text.count("captured 751.0 = delivered 745.0 + pending 6.0 + dropped 0.0") == 4
    assert text.count("local open  backlog 0.1 s") == 4


def test_sources_without_room_are_scrolled_to() -> None:
    """The last page is full; beyond it there is nothing to see."""
    for first, expected in ((0, "mic0"), (7, "mic7"), (39, "mic18")):
        lines = dashboard.lines(status(sources=40), rows=24, first=first)
        assert len(lines) == 24
        assert lines[1].plain.startswith(f"{expected} ")
        assert max(line.cell_len for line in lines) <= 80


def test_faults_of_processes_are_told_in_short_views_too() -> None:
    """A counter that is not 0 is worth a look whatever the height."""
    whole = status(sources=3)
    processes = whole["processes"]
    assert isinstance(processes, dict)
    processes["publish"]["counters"] = {"malformed": 3, "late": 0}
    assert "publish: malformed 3" in shown(dashboard.lines(whole, rows=24))
