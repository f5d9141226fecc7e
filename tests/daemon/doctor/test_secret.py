"""What is said of the key."""

from __future__ import annotations

import pytest

from heard.doctor.finding import State
from heard.doctor.secret import Credential, KeyFile, Looked, key

FILE = "/etc/heard/key"
NOWHERE = (
    Looked("systemd's credential assemblyai-api-key", there=False),
    Looked(f"file {FILE}", there=False),
    Looked("$ASSEMBLYAI_API_KEY", there=False),
)
IN_FILE = (NOWHERE[0], Looked(f"file {FILE}", there=True), NOWHERE[2])


@pytest.mark.parametrize(
    ("looked", "file", "error", "found", "fix"),
    [
        (NOWHERE, None, "no key", "looked for systemd's credential", f"install -m 600 /dev/stdin {FILE}"),
        (IN_FILE, KeyFile(FILE, 0o644, "ann", mine=True), "mode 0644", "0644", f"chmod 600 {FILE}"),
        (IN_FILE, KeyFile(FILE, 0o600, "bob", mine=False), "denied", "belongs to bob", "sudo chown"),
        (IN_FILE, KeyFile(FILE, 0o600, "ann", mine=True), "is empty", "is empty", "put the key there"),
    ],
)
def test_no_key(looked: tuple[Looked, ...], file: KeyFile | None, error: str, found: str, fix: str) -> None:
    """Why it cannot be used decides what to do."""
    (finding,) = key("assemblyai", looked, file, error)
    assert finding.state is State.FAULT
    assert found in finding.found
    assert fix in finding.fix


def test_a_key_that_only_the_service_sees() -> None:
    """A warning: outside of the service nobody can tell whether it is right."""
    credential = "LoadCredential=assemblyai-api-key:/etc/heard/key"
    (finding,) = key("assemblyai", NOWHERE, None, "no key", Credential(credential))
    assert finding.state is State.WARNING
    assert credential in finding.found
    assert f"systemd-run --pipe --wait -p {credential}" in finding.fix


def test_a_key_that_the_service_would_be_given() -> None:
    """The file that its credential is read from is not there: the fix puts it there."""
    file = "/etc/credstore/assemblyai-api-key"
    credential = Credential("LoadCredential=assemblyai-api-key", file)
    (finding,) = key("assemblyai", NOWHERE, None, "no key", credential)
    assert finding.state is State.FAULT
    assert finding.fix.startswith(f"sudo install -D -m 600 /dev/stdin {file}")


def test_a_key() -> None:
    """The first place that has one; the local service needs none."""
    (finding,) = key("assemblyai", IN_FILE, KeyFile(FILE, 0o600, "ann", mine=True), None)
    assert (finding.state, finding.found) == (State.OK, f"found in file {FILE}")
    (finding,) = key("local", NOWHERE, None, "no key")
    assert finding.state is State.SKIPPED
