"""`heard run --log-format json`: what a collector reads from stderr."""

from __future__ import annotations

import json

from ..support.corpus import utterance
from ..support.processes import run
from .running import command, configuration, folder


def test_every_line_of_every_process_is_an_object() -> None:
    """From the first line to the last, the recognizer's included."""
    with folder() as place:
        config = place / "heard.toml"
        source = {"name": "mic", "input": "file", "path": str(utterance("arctic-aew-a0003").path)}
        top = {"exit_when_done": True, "log_level": "debug"}
        config.write_text(configuration(place, [{**source, "pace": "fast"}], top=top))
        finished = run(command("run", "--config", str(config), "--log-format", "json"), limit_s=100)
    assert finished.code == 0, finished.stderr
    entries = [json.loads(line) for line in finished.stderr.splitlines()]
    for entry in entries:
        assert list(entry)[:5] == ["time", "level", "process", "logger", "message"]
    assert {"supervise", "recognizer"} <= {entry["process"] for entry in entries}
    ready = next(each for each in entries if each["message"].startswith("ready: "))
    assert (ready["level"], ready["process"]) == ("info", "supervise")
