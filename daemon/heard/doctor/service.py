"""Core: heard as a service of systemd, of the system or of the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heard.doctor.finding import Finding, fault, ok, skipped, warning

CHECK = "service"
UNIT = "heard.service"
PROPERTIES = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "Result",
    "ExecMainCode",
    "ExecMainStatus",
    "NRestarts",
    "FragmentPath",
    "StatusText",
)
"""What is asked of `systemctl show`."""

EXIT_MEANS = {
    1: "it failed",
    2: "the configuration is wrong, or a file that it names is not there",
    3: "a daemon is not running",
    4: "there is no key for the service",
    203: "its program could not be started",
    217: "its user does not exist",
    243: "a credential could not be read",
}
"""Exit status, as docs/wire.md gives it and systemd.exec(5) adds to it."""
_EXIT_FIX = {
    2: "heard config check",
    4: "heard doctor finds it above: see key",
    203: "the ExecStart of the unit must be this heard: heard install-service",
    217: "sudo systemd-sysusers",
    243: "the file of LoadCredential= in the unit must exist",
}
_KILLED = ("2", "3")
"""ExecMainCode of a process that a signal ended: CLD_KILLED, CLD_DUMPED."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as `systemctl show` describes it; `scope` is "system" or "user"."""

    scope: str
    properties: Mapping[str, str]
    error: str | None = None
    """Why nothing could be asked, None where it could."""
    credentials: tuple[str, ...] = ()
    """Lines of the unit that give the service a credential."""
    absent: frozenset[str] = frozenset()
    """Those of them whose file is known not to be there."""

    def of(self, name: str) -> str:
        """Return a property, "" where there is none."""
        return self.properties.get(name, "")

    def credential(self, name: str) -> str:
        """Return the line that gives the service a credential of that name, "" where none does."""
        given = (line for line in self.credentials if line.partition("=")[2].partition(":")[0] == name)
        return next(given, "")

    @property
    def installed(self) -> bool:
        """Whether there is such a unit."""
        return self.of("LoadState") not in ("", "not-found")

    @property
    def active(self) -> bool:
        """Whether it runs, or is about to."""
        return self.of("ActiveState") in ("active", "reloading", "activating")


def read(text: str) -> dict[str, str]:
    """Return what `systemctl show` printed, by name."""
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value for name, equals, value in pairs if equals}


def credential_files(line: str) -> tuple[str, ...]:
    """Return where a line that gives a credential has it from (systemd.exec(5)), the usual place first."""
    key, _, value = line.partition("=")
    name, _, path = value.partition(":")
    if path or not key.startswith("Load"):
        return (path,) if path.startswith("/") else ()
    kind = "credstore.encrypted" if key.endswith("Encrypted") else "credstore"
    return tuple(f"{base}/{kind}/{name}" for base in ("/etc", "/run", "/usr/local/lib", "/usr/lib"))


def credentials(text: str) -> tuple[str, ...]:
    """Return the lines of a unit, as `systemctl cat` prints it, that give a credential.

    `systemctl show` says `[unprintable]` of them (systemd 252).
    """
    lines = (line.strip() for line in text.splitlines())
    keys = ("LoadCredential=", "LoadCredentialEncrypted=", "SetCredential=", "SetCredentialEncrypted=")
    # The content of one that is set in the unit stays there.
    return tuple(
        line if line.startswith("Load") else line.partition(":")[0] for line in lines if line.startswith(keys)
    )


def service(units: Sequence[Unit], *, devices: bool) -> list[Finding]:
    """Judge the units; `devices`: a source listens to one, which the system's unit may not see."""
    asked = [unit for unit in units if unit.error is None]
    if not asked:
        why = units[0].error if units else "no systemd"
        return [skipped(CHECK, f"systemd does not answer: {why}")]
    there = [unit for unit in asked if unit.installed]
    if not there:
        return [skipped(CHECK, "not installed as a service; `heard run` serves as well")]
    findings = [_judged(unit, devices=devices) for unit in there]
    if sum(unit.active for unit in there) > 1:
        both = "both the system's and the user's unit run: two daemons listen to the same microphone"
        findings.append(warning(CHECK, both, "systemctl --user disable --now heard, or without --user"))
    return findings


def _judged(unit: Unit, *, devices: bool) -> Finding:
    systemctl = "systemctl --user" if unit.scope == "user" else "systemctl"
    journal = "journalctl --user -u heard -n 20" if unit.scope == "user" else "journalctl -u heard -n 20"
    name = f"{unit.scope} unit {unit.of('FragmentPath') or UNIT}"
    if unit.of("LoadState") != "loaded":
        return fault(CHECK, f"{name}: {unit.of('LoadState')}", f"systemd-analyze verify {UNIT}")
    if unit.of("ActiveState") == "failed" or unit.of("SubState") == "auto-restart":
        how, fix = _ending(unit)
        again = f"{systemctl} reset-failed heard && {systemctl} start heard"
        state = "failed" if unit.of("ActiveState") == "failed" else "is being restarted"
        return fault(CHECK, f"{name} {state}: {how}", f"{fix or journal}; then {again}")
    if not unit.active:
        idle = f"{name} is installed and not running ({unit.of('UnitFileState')})"
        return warning(CHECK, idle, f"{systemctl} enable --now heard")
    restarts = int(unit.of("NRestarts") or 0)
    if restarts:
        again = f"{name} runs, after {restarts} restart{'' if restarts == 1 else 's'}"
        return warning(CHECK, again, journal)
    if unit.of("UnitFileState") == "disabled":
        return warning(CHECK, f"{name} runs, but not after a reboot", f"{systemctl} enable heard")
    hears = ""
    if devices:
        hears = (
            "; it hears ALSA's devices, not those of a desktop's sound server"
            if unit.scope == "system"
            else "; it hears the microphone of the session"
        )
    status = f": {unit.of('StatusText')}" if unit.of("StatusText") else ""
    return ok(CHECK, f"{name} {unit.of('SubState')}{status}{hears}")


def _ending(unit: Unit) -> tuple[str, str]:
    """Return how the unit's process ended, and the fix that follows from it, "" where none does."""
    result, status = unit.of("Result"), unit.of("ExecMainStatus")
    if result == "watchdog":
        return "no audio moved for so long that the watchdog ended it", ""
    if unit.of("ExecMainCode") in _KILLED:
        return f"ended by signal {status} ({result})", ""
    number = int(status) if status.isdigit() else 0
    means = EXIT_MEANS.get(number, result or "unknown")
    return f"exit status {status}: {means}", _EXIT_FIX.get(number, "")
