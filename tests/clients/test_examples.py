"""The scripts that people copy run as they stand, against a real publish socket."""

import os
import re
import sys
from pathlib import Path

from heard.wire.codec import pack, unpack

from ..support import processes
from ..support.poll import until
from .peers import Frames, answering, final, publishing

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "clients" / "examples"


def environ(runtime: Path) -> dict[str, str]:
    (runtime / "heard").mkdir()
    return os.environ | {"XDG_RUNTIME_DIR": str(runtime)}


def test_the_subscriber_prints_finals(tmp_path: Path) -> None:
    """Ten lines, and nothing of heard in them."""
    script = EXAMPLES / "subscribe.py"
    env = environ(tmp_path)
    with (
        publishing(tmp_path / "heard" / "transcripts") as daemon,
        processes.started([sys.executable, script], limit_s=90, env=env) as child,
    ):
        daemon.await_subscriptions(1)
        daemon.send("transcript.partial.mic", final("not"))
        daemon.send("transcript.final.mic", final("Hear, hear!"))
        until(lambda: child.printed() == "Hear, hear!\n", 30, f"the line of the final\n{child.tail()}")


def test_the_subscriber_is_the_one_of_the_readme() -> None:
    """At most ten lines, two dependencies: what the README promises, and shows."""
    code = (EXAMPLES / "subscribe.py").read_text(encoding="utf-8").partition('"""\n')[2]
    lines = [line for line in code.splitlines() if line]
    assert len(lines) <= 10
    assert re.findall(r"^(?:import|from) (\w+)", code, re.MULTILINE) == ["os", "msgpack", "zmq"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    assert lines in [[line for line in block.splitlines() if line] for block in blocks]


def test_the_voice_command_mutes_the_source_that_said_it(tmp_path: Path) -> None:
    """A final comes in, a request goes out, its result is shown."""
    asked = []

    def answer(frames: Frames) -> list[Frames]:
        request = unpack(frames[-1])
        asked.append((request["op"], request["args"]))
        result = {"sources": {"mic": "muted"}}
        return [[frames[0], pack({"v": 1, "id": request["id"], "ok": True, "result": result})]]

    env = environ(tmp_path)
    with (
        answering(tmp_path / "heard" / "control", answer),
        publishing(tmp_path / "heard" / "transcripts") as daemon,
        processes.started([sys.executable, EXAMPLES / "commands.py"], limit_s=90, env=env) as child,
    ):
        daemon.await_subscriptions(2)
        daemon.send("transcript.final.mic", final("Please mute the microphone."))
        daemon.send("gap.mic", {"reason": "device-lost", "samples": 16000, "start": 1.0, "end": 2.0})
        until(lambda: "1.0 s were lost: device-lost" in child.printed(), 30, f"the gap\n{child.tail()}")
        assert "mic: Please mute the microphone.  (561 ms after it was said)" in child.printed()
        assert asked == [("mute", {"source": "mic"})]
