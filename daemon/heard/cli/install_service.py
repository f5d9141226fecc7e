"""`heard install-service`: units, account and configuration for systemd, and the way back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import click

from heard.cli.fail import FAILURE, USAGE, Failure
from heard.cli.service_files import (
    File,
    Kind,
    Place,
    digest,
    digest_of,
    place,
    read_receipt,
    strangers,
    unreadable,
    wanted,
    write_receipt,
)

LIMIT_S = 60.0
"""For each of systemd's programs."""
SUGGESTION = (
    "install heard where every user can read it, for example: python3 -m venv /opt/heard && "
    "/opt/heard/bin/pip install 'heard[local]' && /opt/heard/bin/heard install-service --system"
)


@click.command()
@click.option(
    "--user", "kind", flag_value="user", help="For your own session, with its microphone; the default."
)
@click.option(
    "--system", "kind", flag_value="system", help="For the machine, from its start on; the default for root."
)
@click.option("--uninstall", is_flag=True, help="Stop the service and remove what was written.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
def install_service(*, kind: Kind | None, uninstall: bool, dry_run: bool) -> None:
    """Let systemd run heard from the environment that this command runs in.

    It writes the units, for --system also the account that they run as, and a configuration to begin with
    where there is none yet. Files that somebody has changed are never overwritten and never removed.
    Nothing is started: what to type for that is printed at the end.

    \b
    Examples:
      heard install-service --user
      sudo /opt/heard/bin/heard install-service --system --dry-run
      sudo /opt/heard/bin/heard install-service --system --uninstall
    """  # noqa: D301  # click wants the character, which a raw string does not hold
    kind = kind or ("system" if os.geteuid() == 0 else "user")
    where = place(kind, os.environ)
    steps = Steps(dry_run=dry_run)
    _check_systemd(kind, dry_run=dry_run)
    try:
        if uninstall:
            _uninstall(where, steps)
        else:
            _install(where, steps)
    except OSError as error:
        raise Failure(f"{error.filename}: {error.strerror}") from None
    except subprocess.TimeoutExpired as error:
        raise Failure(f"{' '.join(error.cmd)}: does not end; what was done until then stands") from None


class Steps:
    """Does things one by one and says each, or only says them."""

    def __init__(self, *, dry_run: bool) -> None:
        self.dry_run = dry_run

    def write(self, file: File) -> None:
        """Write a file and the folders that it lies in."""
        self._say(f"write {file.path}")
        if not self.dry_run:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.write_text(file.text, encoding="utf-8")
            file.path.chmod(0o644)

    def remove(self, path: Path) -> None:
        """Remove a file, and its folder where nothing else is in it."""
        self._say(f"remove {path}")
        if not self.dry_run:
            path.unlink(missing_ok=True)
            if path.parent.name == "heard" and not any(path.parent.iterdir()):
                path.parent.rmdir()

    def run(self, *argv: str) -> None:
        """Run one of systemd's programs.

        Raises:
            Failure: it failed; with what it said.
        """
        self._say(f"run {' '.join(argv)}")
        if self.dry_run:
            return
        done = subprocess.run(argv, timeout=LIMIT_S, capture_output=True, text=True, check=False)
        if done.returncode:
            said = " ".join(done.stderr.split()) or f"exit status {done.returncode}"
            raise Failure(f"{' '.join(argv)}: {said}", FAILURE)

    def keep(self, path: Path, why: str) -> None:
        """Say that a file stays as it is."""
        click.echo(f"keep {path}: {why}")

    def _say(self, what: str) -> None:
        click.echo(f"would {what}" if self.dry_run else what)


def _install(where: Place, steps: Steps) -> None:
    scripts = Path(sysconfig.get_path("scripts"))
    if not (scripts / "heard").exists():
        raise Failure(f"{scripts}/heard is not there: install heard with pip, which makes it")
    if where.kind == "system":
        parts = [scripts, Path(sysconfig.get_path("purelib")), Path(sys.base_prefix)]
        if why := unreadable([*parts, Path(sys.executable).resolve()]):
            raise Failure(f"{why}: {SUGGESTION}", USAGE)
    asked = wanted(where, scripts)
    known = read_receipt(where.receipt)
    if changed := ", ".join(str(path) for path in strangers(asked, known)):
        raise Failure(
            f"{changed}: was not written by this command, or was changed since: move it away, "
            f"and put your own settings into `{_systemctl(where.kind)} edit heard`",
            USAGE,
        )
    digests = dict(known)
    for file in asked:
        if file.kept and file.path.exists():
            steps.keep(file.path, "it is yours")
            continue
        if digest_of(file.path) == digest(file.text):
            steps.keep(file.path, "as it should be")
        else:
            steps.write(file)
        digests[file.path] = digest(file.text)
    if not steps.dry_run:
        write_receipt(where.receipt, digests)
    if where.kind == "system":
        steps.run("systemd-sysusers", "heard.conf")
        steps.run("systemd-tmpfiles", "--create", "heard.conf")
    steps.run(*_systemctl(where.kind).split(), "daemon-reload")
    if not steps.dry_run:
        _say_next(where, scripts)


def _uninstall(where: Place, steps: Steps) -> None:
    known = read_receipt(where.receipt)
    if not known:
        raise Failure(f"{where.receipt}: is not there: this command has installed no {where.kind} service")
    systemctl = _systemctl(where.kind).split()
    units = [path.name for path in known if path.parent == where.units and path.exists()]
    if units:
        # Together, for the socket would start the service again.
        steps.run(*systemctl, "disable", "--now", *units)
        steps.run(*systemctl, "clean", "--what=runtime", "heard.service")
    for path, written in reversed(known.items()):
        found = digest_of(path)
        if found == written:
            steps.remove(path)
        elif found is not None:
            steps.keep(path, "it was changed since it was installed")
    steps.remove(where.receipt)
    steps.run(*systemctl, "daemon-reload")
    if where.kind == "system" and not steps.dry_run:
        click.echo(
            "What was heard (/var/lib/heard), the account that it belongs to and keys stay. To remove them:"
        )
        click.echo("  sudo userdel heard; sudo rm -rf /var/lib/heard /etc/credstore/assemblyai-api-key")


def _check_systemd(kind: Kind, *, dry_run: bool) -> None:
    """See that there is a systemd to install for.

    Raises:
        Failure: there is none, or this user may not.
    """
    if shutil.which("systemctl") is None or not Path("/run/systemd/system").is_dir():
        raise Failure("systemd does not run this machine: start `heard run` by whatever does")
    if kind == "system" and os.geteuid() != 0 and not dry_run:
        raise Failure("--system writes to /etc: run it as root (sudo), or use --user", USAGE)
    session = Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent"), "systemd/private")
    if kind == "user" and not session.exists() and not dry_run:
        raise Failure(
            "systemd runs no session for this user: log in (su does not do), or: loginctl enable-linger"
        )


def _systemctl(kind: Kind) -> str:
    return "systemctl" if kind == "system" else "systemctl --user"


def _say_next(where: Place, scripts: Path) -> None:
    """Print what to type now."""
    systemctl = _systemctl(where.kind)
    sudo = "" if where.kind == "user" else "sudo "
    journal = "journalctl -u heard" if where.kind == "system" else "journalctl --user -u heard"
    running = subprocess.run(
        [*systemctl.split(), "is-active", "--quiet", "heard.service"], timeout=LIMIT_S, check=False
    )
    start = (f"{sudo}{systemctl} enable --now heard", "start it, now and after every boot")
    if running.returncode == 0:
        start = (f"{sudo}{systemctl} restart heard", "it runs as it was before")
    asked = [
        (f"{where.config / 'heard.toml'}", "say what to listen to; then: heard config check"),
        start,
        (f"{systemctl} status heard", "see what it does"),
        (f"{sudo}{scripts / 'heardctl'} listen", "read along"),
        (f"{journal} -f", "see what it says"),
    ]
    width = max(len(command) for command, _ in asked)
    click.echo("\nInstalled. Next:")
    for command, why in asked:
        click.echo(f"  {command:<{width}}  # {why}")
