"""What the commands of `heard bridge` share: their options, and how a bridge is run."""

from __future__ import annotations

import asyncio
import importlib
import os
import re
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import click

from heard.bridges.credentials import Secret, secret
from heard.bridges.errors import StartError
from heard.bridges.far_side import FarSide, Server
from heard.bridges.place import Place
from heard.bridges.process import Route, bridge, until_stopped, watch
from heard.cli.fail import FAILURE, USAGE, Failure
from heard.cli.places import asked
from heard.logs import set_up
from heard.wire.topics import Topic
from heard_client.cli.options import endpoints
from heard_client.cli.when import moment
from heard_client.connect import Endpoints, find_endpoints
from heard_client.errors import EndpointError, HeardError

F = TypeVar("F", bound=Callable[..., Any])

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
PATH = click.Path(path_type=Path)


@dataclass(frozen=True, slots=True)
class Common:
    """What was given of the options that all bridges have; see `common` for each."""

    name: str
    source: str | None
    since: str | None
    config: Path | None
    state_dir: Path | None
    control_given: str | None
    transcripts_given: str | None

    def endpoints(self) -> Endpoints:
        """Return where the daemon is.

        Raises:
            Failure: it cannot be told.
        """
        if self.transcripts_given is not None and self.control_given is None:
            raise Failure("--transcripts needs --endpoint, the control socket of the same daemon", USAGE)
        if self.config is not None:
            # Where the keys for tcp:// are looked for as well, by whoever connects.
            os.environ["HEARD_CONFIG"] = str(self.config)
        if self.control_given is not None:
            return asked(self.control_given, self.transcripts_given)
        try:
            return find_endpoints()
        except EndpointError as error:
            raise Failure(str(error), USAGE) from None

    def since_time(self) -> float | None:
        """Return the time that `--since` means.

        Raises:
            Failure: none.
        """
        try:
            return None if self.since is None else moment(self.since, time.time())
        except ValueError as error:
            raise Failure(f"--since: {error}", USAGE) from None

    def folder(self) -> Path:
        """Return the state directory: as given, systemd's for this service, or the daemon's own.

        Raises:
            Failure: with every error of the daemon's configuration.
        """
        if self.state_dir is not None:
            return self.state_dir.expanduser().absolute()
        if given := os.environ.get("STATE_DIRECTORY"):
            return Path(given.split(":")[0])
        # Reading the whole configuration takes a while; it is not needed for help.
        from heard.cli.options import settings_from  # noqa: PLC0415

        return Path(settings_from(self.config, ()).state_dir)


def common(default_name: str, *, keeps_place: bool = True) -> Callable[[F], F]:
    """Add the options that all bridges have; the command gets them as `common`, a `Common`."""

    def decorate(command: F) -> F:
        def gathered(*args: object, **options: object) -> object:
            picked = {name: options.pop(name, None) for name in Common.__dataclass_fields__ if name != "name"}
            name = options.pop("name", default_name)
            return command(*args, common=_common(str(name), picked), **options)

        gathered.__name__ = command.__name__
        gathered.__doc__ = command.__doc__
        gathered.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
        wrapped: Any = gathered
        for option in reversed(_options(default_name, keeps_place=keeps_place)):
            wrapped = option(wrapped)
        done: F = wrapped
        return done

    return decorate


def _common(name: str, picked: dict[str, Any]) -> Common:
    if not NAME.fullmatch(name):
        raise Failure(
            f"--name {name!r}: must be 1 to 32 of a-z, 0-9 and -, beginning with a letter or digit", USAGE
        )
    return Common(name=name, **picked)


def _options(default_name: str, *, keeps_place: bool) -> list[Callable[[Any], Any]]:
    of_place = [
        click.option(
            "--since",
            metavar="TIME",
            help="On the first start, begin with what was said since then: 10m, yesterday, 2026-11-28T14:30. "
            "By default: with what is said from now on.",
        ),
        click.option(
            "--name",
            default=default_name,
            show_default=True,
            help="Under which the place is kept: each bridge that runs beside another needs its own.",
        ),
        click.option(
            "--state-dir",
            type=PATH,
            metavar="DIR",
            help="Keep the place here instead of the daemon's state_dir.",
        ),
    ]
    return [
        click.option("--source", metavar="NAME", help="Only this source; by default all."),
        *(of_place if keeps_place else []),
        click.option(
            "--config",
            type=PATH,
            metavar="FILE",
            help="The daemon's configuration, which names its sockets; by default in the usual places.",
        ),
        endpoints,
    ]


def tls_options(command: F) -> F:
    """Add what TLS needs; the command gets `tls_ca`, `tls_cert`, `tls_key`."""
    for option in (
        click.option(
            "--tls-key", type=PATH, metavar="FILE", help="The key of --tls-cert, where it is not in there."
        ),
        click.option("--tls-cert", type=PATH, metavar="FILE", help="Certificate to present, PEM."),
        click.option(
            "--tls-ca",
            type=PATH,
            metavar="FILE",
            help="Trust these authorities instead of the machine's, PEM.",
        ),
    ):
        command = option(command)
    return command


def found_secret(credential: str, file: Path | None, variable: str) -> Secret | None:
    """Return a secret, None where none is given.

    Raises:
        Failure: it cannot be used.
    """
    try:
        return secret(credential, file, variable, os.environ)
    except StartError as error:
        raise failure(error) from None


def far_side(module: str, package: str) -> ModuleType:
    """Import a module of `heard.bridges`.

    Raises:
        Failure: the package that it is made of is not installed.
    """
    try:
        return importlib.import_module(f"heard.bridges.{module}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("heard"):
            raise
        raise Failure(
            f"this needs the Python package {package}: pip install 'heard[bridges]'", FAILURE
        ) from None


def deliver(common: Common, live: tuple[Topic, ...], made: Callable[[], FarSide]) -> int:
    """Run a bridge that keeps its place, until it is stopped; return the exit code.

    live  topics of messages that may be missed
    made  makes the far side; called in the event loop

    Raises:
        Failure: it cannot work as it is set up.
    """
    where = common.endpoints()
    route = Route(where.transcripts, where.control, common.source, common.since_time(), live)
    folder = common.folder()

    async def work() -> int:
        with Place(folder, common.name) as place:
            return await bridge(made(), place, route)

    return _run(common.name, work)


def serve(common: Common, made: Callable[[Route], Server]) -> int:
    """Run a bridge whose clients keep their own places; see `deliver`."""
    where = common.endpoints()
    route = Route(where.transcripts, where.control, common.source)

    async def work() -> int:
        server = made(route)
        return await until_stopped(server.run(), watch(server, route))

    return _run(common.name, work)


def _run(name: str, work: Callable[[], Coroutine[None, None, int]]) -> int:
    set_up(name)
    try:
        return asyncio.run(work())
    except StartError as error:
        raise failure(error) from None
    except HeardError as error:
        raise Failure(str(error), USAGE) from None  # such as keys for tcp:// that cannot be used


def failure(error: StartError) -> Failure:
    """Return how the command ends."""
    return Failure(str(error), error.exit_code)
