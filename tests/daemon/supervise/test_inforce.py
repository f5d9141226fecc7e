"""What a reload changes, what it leaves, and what a restarted stage is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from heard.settings import Capture, Denoise, Publish, Settings, Source, Upstream
from heard.stage import RunFile
from heard.supervise.inforce import LIVE, InForce, merged
from heard.wire.control import Code, ControlError

MIC, LINE = Source(name="mic"), Source(name="line")


class Desk:
    """Settings in force in a folder, and a configuration that can be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.configured = Settings(runtime_dir=str(folder), source=(MIC, LINE))
        self.error: ControlError | None = None
        self.force = InForce("run1", self.configured, self.read)

    def reload(self) -> list[str]:
        """Read the configuration again and put it in force."""
        return self.force.put(self.force.read_again())

    def read(self) -> Settings:
        """Read the configuration."""
        if self.error is not None:
            raise self.error
        return self.configured

    @property
    def file(self) -> RunFile:
        """What a stage would read."""
        return RunFile.read(self.folder)


@pytest.fixture(name="desk")
def _desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_what_can_change_is_put_in_force_and_the_rest_is_named(desk: Desk) -> None:
    """In the settings and in the file; what takes a restart is as it was in both."""
    old = desk.configured
    desk.configured = replace(
        old,
        log_level="debug",
        upstream=replace(old.upstream, speech_model="other", service="assemblyai"),
        capture=Capture(retention_s=5),
        source=(replace(MIC, device="USB", denoise=Denoise(backend="off")), LINE),
    )
    assert desk.reload() == ["capture.retention_s", "upstream.service", "source.mic.device"]
    wanted = replace(
        old,
        log_level="debug",
        upstream=Upstream(speech_model="other"),
        source=(replace(MIC, denoise=Denoise(backend="off")), LINE),
    )
    assert desk.force.settings == wanted
    assert desk.file.settings == wanted


def test_sources_that_come_and_go_are_named(desk: Desk) -> None:
    """They are as they were."""
    old = desk.configured
    desk.configured = replace(old, source=(MIC, Source(name="phone")))
    assert desk.reload() == ["source.phone", "source.line"]
    assert desk.force.settings == old


def test_a_reload_of_the_same_changes_nothing(desk: Desk) -> None:
    """And names nothing."""
    assert desk.reload() == []
    assert desk.force.settings == desk.configured


def test_only_noise_reduction_that_changes_is_asked_for(desk: Desk) -> None:
    """By source; a mix can always be had. Reading alone changes nothing."""
    old = desk.configured
    denoise = Denoise(backend="deepfilter", noise="learned")
    desk.configured = replace(
        old, source=(replace(MIC, denoise=denoise), replace(LINE, denoise=Denoise(mix=1)))
    )
    wanted = desk.force.read_again()
    assert wanted.denoise == {"mic": {"backend": "deepfilter", "noise": "learned"}}
    assert desk.force.settings == old
    assert desk.file.settings == old


def test_errors_change_nothing(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """The text reaches the caller and the log."""
    desk.error = ControlError(Code.BAD_VALUE, "heard.toml: nonsense")
    with pytest.raises(ControlError, match="nonsense"):
        desk.reload()
    assert "heard.toml: nonsense" in caplog.text
    assert desk.force.settings == desk.configured
    assert list(desk.force.orders_for("upstream")) == []


def test_without_a_configuration_there_is_nothing_to_read(tmp_path: Path) -> None:
    """A daemon of a program's own."""
    force = InForce("run1", Settings(runtime_dir=str(tmp_path)), None)
    with pytest.raises(ControlError) as caught:
        force.read_again()
    assert caught.value.code is Code.NOT_AVAILABLE


def test_what_was_set_is_kept_for_a_restart_and_gives_way_to_a_reload(desk: Desk) -> None:
    """Noise reduction in the file, what belongs to a session as an order; muted sources stay muted."""
    desk.force.keep("set", "mic", {"key": "denoise.mix", "value": 0.5})
    desk.force.keep("set", "mic", {"key": "upstream.prompt", "value": "numbers"})
    desk.force.keep("mute", "line", {})
    assert [each.denoise.mix for each in desk.file.settings.source] == [0.5, None]
    ((process, order),) = desk.force.orders_for("upstream")
    assert (process, order.op, order.source) == ("upstream", "set", "mic")
    assert list(desk.force.orders_for("denoise")) == []
    desk.reload()
    assert [each.denoise.mix for each in desk.file.settings.source] == [None, None]
    assert desk.file.muted == {"line"}
    # A process that had read the file just before is told to read it again.
    assert [order.op for _, order in desk.force.orders_for("upstream")] == ["reload"]


def test_every_source_can_be_meant(desk: Desk) -> None:
    """No source is all of them."""
    desk.force.keep("mute", "", {})
    assert desk.file.muted == {"mic", "line"}
    desk.force.keep("unmute", "mic", {})
    assert desk.file.muted == {"line"}


def test_the_keys_that_change_while_running_exist() -> None:
    """A key that was renamed would take a restart without a word."""
    settings = Settings()
    for name in LIVE:
        section, _, key = name.rpartition(".")
        assert hasattr(getattr(settings, section) if section else settings, key), name


def test_each_change_is_named_once() -> None:
    """Changed and left apart."""
    old = Settings()
    new = replace(old, publish=Publish(partials=False, journal=False), exit_when_done=True)
    settings, changed, left = merged(old, new)
    assert sorted(changed) == ["exit_when_done", "publish.partials"]
    assert left == ["publish.journal"]
    assert settings.publish == Publish(partials=False)
