"""What is said of systemd's units, from what `systemctl show` prints."""

from __future__ import annotations

import pytest

from heard.doctor.finding import State
from heard.doctor.service import Unit, credential_files, credentials, read, service

LOADED = {"LoadState": "loaded", "FragmentPath": "/etc/systemd/system/heard.service"}
RUNS = LOADED | {
    "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled", "NRestarts": "0",
    "StatusText": "ready: mic live (open)",
}  # fmt: skip
FAILED = LOADED | {
    "ActiveState": "failed", "SubState": "failed", "Result": "exit-code", "ExecMainCode": "1"
}  # fmt: skip


@pytest.mark.parametrize(
    ("properties", "state", "found", "fix"),
    [
        (RUNS, State.OK, "ready: mic live (open)", ""),
        (RUNS | {"UnitFileState": "disabled"}, State.WARNING, "not after a reboot", "systemctl enable heard"),
        (RUNS | {"NRestarts": "3"}, State.WARNING, "after 3 restarts", "journalctl -u heard"),
        (
            LOADED | {"ActiveState": "inactive", "UnitFileState": "disabled"},
            State.WARNING,
            "not running (disabled)",
            "systemctl enable --now heard",
        ),
        (FAILED | {"ExecMainStatus": "2"}, State.FAULT, "the configuration is wrong", "heard config check"),
        (FAILED | {"ExecMainStatus": "4"}, State.FAULT, "no key", "see key"),
        (FAILED | {"ExecMainStatus": "203"}, State.FAULT, "could not be started", "install-service"),
        (FAILED | {"ExecMainStatus": "1"}, State.FAULT, "exit status 1", "journalctl -u heard -n 20"),
        (
            FAILED | {"ExecMainCode": "2", "ExecMainStatus": "9", "Result": "signal"},
            State.FAULT,
            "ended by signal 9",
            "systemctl reset-failed heard && systemctl start heard",
        ),
        (
            FAILED | {"ExecMainCode": "3", "ExecMainStatus": "6", "Result": "watchdog"},
            State.FAULT,
            "watchdog",
            "journalctl",
        ),
        (
            FAILED | {"ActiveState": "activating", "SubState": "auto-restart", "ExecMainStatus": "1"},
            State.FAULT,
            "is being restarted",
            "journalctl",
        ),
        ({"LoadState": "bad-setting"}, State.FAULT, "bad-setting", "systemd-analyze verify"),
    ],
)
def test_a_unit(properties: dict[str, str], state: State, found: str, fix: str) -> None:
    """Failed with its last exit status in words; else whether it runs, and will."""
    (finding,) = service([Unit("system", properties)], devices=False)
    assert finding.state is state
    assert found in finding.found
    assert fix in finding.fix


def test_the_users_unit_has_other_commands() -> None:
    """And hears another microphone."""
    failed = Unit("user", FAILED | {"ExecMainStatus": "1"})
    (finding,) = service([failed], devices=True)
    assert "systemctl --user start heard" in finding.fix
    assert "journalctl --user" in finding.fix
    (hears,) = service([Unit("user", RUNS)], devices=True)
    assert "microphone of the session" in hears.found
    (hears,) = service([Unit("system", RUNS)], devices=True)
    assert "ALSA" in hears.found


def test_two_daemons_for_one_microphone() -> None:
    """Each unit is well by itself."""
    found = service([Unit("system", RUNS), Unit("user", RUNS)], devices=True)
    assert [each.state for each in found] == [State.OK, State.OK, State.WARNING]


def test_the_credential_that_a_unit_gives() -> None:
    """From a file, plain or encrypted, or set in the unit, where it stays; none of another name."""
    text = (
        "# /etc/systemd/system/heard.service\n[Service]\n#LoadCredential=c:/no\nLoadCredential=a:/etc/a\n"
        "LoadCredentialEncrypted=b:/etc/b.cred\nSetCredential=d:canary\n"
    )
    unit = Unit("system", {}, credentials=credentials(text))
    found = [unit.credential(name) for name in ("a", "b", "c", "d", "")]
    assert found == [
        "LoadCredential=a:/etc/a",
        "LoadCredentialEncrypted=b:/etc/b.cred",
        "",
        "SetCredential=d",
        "",
    ]


def test_where_a_credential_is_read_from() -> None:
    """From the file that is named, or from one of systemd's own stores."""
    assert credential_files("LoadCredential=a:/etc/a") == ("/etc/a",)
    assert credential_files("LoadCredential=a")[0] == "/etc/credstore/a"
    assert credential_files("LoadCredentialEncrypted=a")[0] == "/etc/credstore.encrypted/a"
    assert credential_files("SetCredential=a") == ()


def test_no_service_is_no_fault() -> None:
    """Neither where there is no systemd, nor where no unit is installed."""
    absent = Unit("system", {"LoadState": "not-found"})
    for units in ([], [Unit("system", {}, "no bus")], [absent], [absent, Unit("user", {}, "no bus")]):
        (finding,) = service(units, devices=False)
        assert finding.state is State.SKIPPED


def test_what_systemctl_prints() -> None:
    """A value may hold an equals sign; a line without one is none of it."""
    assert read("A=1\nStatusText=x = y\n\nB=\n") == {"A": "1", "StatusText": "x = y", "B": ""}
