"""`heard devices` lists the inputs there are, through PortAudio for real."""

import json
import sys
from pathlib import Path

from ...support import processes
from ...support.sound_server import SoundServer

# As the entry point does it; the group of commands is another module's.
PROGRAM = "from heard.cli.devices import devices; devices()"


def heard_devices(server: SoundServer, *words: str, **env: str) -> processes.Finished:
    argv = [sys.executable, "-c", PROGRAM, *words]
    return processes.run(argv, limit_s=100, env=server.environment() | env)


def test_json_for_programs(sound_server: SoundServer) -> None:
    """A list of maps with the contract's fields; one of them is the default."""
    done = heard_devices(sound_server, "--format", "json")
    assert (done.code, done.stderr) == (0, "")
    rows = json.loads(done.stdout)
    (room,) = [row for row in rows if row["name"] == "room"]
    assert set(room) == {"name", "kind", "channels", "default_rate_hz", "default", "description"}
    assert room["kind"] in ("input", "monitor")
    assert room["channels"] > 0
    assert room["default_rate_hz"] > 0
    assert [row["default"] for row in rows].count(True) == 1


def test_a_table_for_people(sound_server: SoundServer) -> None:
    """Names as `device =` takes them, and which is the default."""
    done = heard_devices(sound_server)
    assert (done.code, done.stderr) == (0, "")
    assert any(line.startswith("room ") and "Hz" in line for line in done.stdout.splitlines())
    assert "default" in done.stdout


def test_without_portaudio_one_line_says_what_to_install(sound_server: SoundServer, tmp_path: Path) -> None:
    """Every interpreter of this test looks for the library in vain; no traceback."""
    (tmp_path / "sitecustomize.py").write_text(
        "import ctypes.util\nctypes.util.find_library = lambda name: None\n"
    )
    nobody = {"PYTHONPATH": str(tmp_path), "PULSE_SERVER": f"unix:{tmp_path}/nobody"}
    done = heard_devices(sound_server, **nobody)
    assert done.code == 1
    assert done.stderr == "Error: PortAudio is not installed: apt install libportaudio2\n"


def test_monitors_of_outputs_are_listed_even_without_portaudio(
    sound_server: SoundServer, tmp_path: Path
) -> None:
    """The sound server's own names come first; each output has its monitor, which says so."""
    (tmp_path / "sitecustomize.py").write_text(
        "import ctypes.util\nctypes.util.find_library = lambda name: None\n"
    )
    done = heard_devices(sound_server, "--format", "json", PYTHONPATH=str(tmp_path))
    assert (done.code, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [
        {
            "name": "room.monitor",
            "kind": "monitor",
            "channels": 1,
            "default_rate_hz": 48_000,
            "default": True,
            "description": "Monitor of room",
        }
    ]
