"""`heard_client` as others install it: it needs pyzmq and msgpack, and loads nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import heard
import heard_client

# A finder in front of all others refuses every top-level name that is neither the standard library's
# nor one of those that the contract allows.
ALONE = """
import sys

ALLOWED = {"heard", "heard_client", "zmq", "msgpack", *sys.stdlib_module_names}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] not in ALLOWED:
            raise ImportError(f"{name} is not to be imported")

sys.meta_path.insert(0, Refuse())
import heard_client

for name in heard_client.__all__:
    getattr(heard_client, name)
with heard_client.Subscriber("ipc:///tmp/heard-nowhere", topics=["status"]) as messages:
    assert messages.receive(0) is None
try:
    with heard_client.Control("ipc:///tmp/heard-nowhere") as daemon:
        daemon.hello()
except heard_client.DaemonNotRunningError:
    pass
print(*sorted({name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)))
print(*sorted(name for name in sys.modules if name.startswith("heard.")))
"""


def run(code: str) -> list[str]:
    roots = [str(Path(module.__path__[0]).parent) for module in (heard, heard_client)]
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(roots)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_it_works_with_nothing_but_pyzmq_and_msgpack() -> None:
    """Everything else is made unimportable in a child; subscribing and asking still work."""
    loaded, ours = run(ALONE)
    assert {"heard", "heard_client", "msgpack", "zmq"} <= set(loaded.split())
    assert not {"numpy", "click", "rich", "pydantic", "noisereduce"} & set(loaded.split())
    assert all(name.startswith("heard.wire") for name in ours.split())


def test_it_loads_no_more_than_it_needs() -> None:
    """An assistant starts with it: what takes long and is rarely needed is loaded when it is."""
    code = """
import sys
import msgpack, zmq
before = set(sys.modules)
import heard_client
print(*sorted(set(sys.modules) - before))
"""
    (loaded,) = run(code)
    late = {"asyncio", "socket", "tomllib", "email", "logging", "numpy", "subprocess"}
    assert not {name.partition(".")[0] for name in loaded.split()} & late
    theirs = [name for name in loaded.split() if not name.startswith(("heard", "_"))]
    assert len(theirs) <= 30, theirs  # dataclasses and pathlib, with what these load


def test_the_command_line_is_not_loaded_with_the_library() -> None:
    """Both click and rich are for `heardctl`, and rich only for what draws."""
    (loaded,) = run("import heard_client, sys; print('click' in sys.modules, 'rich' in sys.modules)")
    assert loaded == "False False"
    (loaded,) = run("import heard_client.cli, sys; print('click' in sys.modules, 'rich' in sys.modules)")
    assert loaded == "True False"
