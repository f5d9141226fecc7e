"""How each child is started."""

from __future__ import annotations

from heard.settings import Settings, Upstream
from heard.supervise.table import CHILDREN, SECRETS, children, command, environment


def test_the_recognizer_is_started_for_the_local_service_alone() -> None:
    """A cloud user pays for no recognizer."""
    assert "recognizer" in [child.name for child in children(Settings())]
    cloud = Settings(upstream=Upstream(service="assemblyai"))
    assert "recognizer" not in [child.name for child in children(cloud)]


def test_the_key_reaches_upstream_alone() -> None:
    """Every other child's environment lacks what leads to the key."""
    environ = dict.fromkeys(SECRETS, "secret") | {"PATH": "/bin"}
    for child in CHILDREN:
        kept = environment(child, environ)
        assert kept["PATH"] == "/bin"
        assert (set(SECRETS) <= set(kept)) == (child.name == "upstream"), child.name


def test_no_command_line_holds_the_key() -> None:
    """Command lines are for all to read: they name the directory and the lifeline only."""
    settings = Settings(runtime_dir="/run/heard", upstream=Upstream(api_key_file="/etc/heard/key"))
    for child in CHILDREN:
        assert "key" not in " ".join(command(child, settings, 5)[3:]), child.name


def test_stages_stop_from_the_source_down() -> None:
    """The order of the table is the order of the stop."""
    assert [child.name for child in CHILDREN[:4]] == ["capture", "denoise", "upstream", "publish"]
