"""What is in force while the daemon runs: the configuration, and what was changed since.

A stage reads it from a file when it starts; what has no place in the file it is told once it is ready.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from heard.pipes import Process
from heard.settings import Settings, Source
from heard.stage import RunFile
from heard.wire.codec import Body
from heard.wire.control import Code, ControlError
from heard.wire.report import Order

log = logging.getLogger(__name__)

Read = Callable[[], Settings]
"""Reads the configuration again, as at the start. Raises ControlError with every error of it, one a line."""

LIVE = frozenset(
    {
        "log_level",
        "exit_when_done",
        "publish.partials",
        "publish.audio",
        *(
            f"upstream.{name}"
            for name in (
                "url",
                "api_key_file",
                "ca_file",
                "speech_model",
                "frame_ms",
                "params",
                "catch_up",
                "rotate_before_s",
                "idle_close_s",
                "sessions_per_minute",
                "connect_timeout_s",
            )
        ),
    }
)
"""What a reload can change; of a source, its noise reduction. All else is as it was until a restart."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A configuration that was read, and what of it can be put in force.

    changed  keys; left: those that take a restart
    denoise  of each source whose noise reduction changes, what its stage is to say whether it can be had
    """

    settings: Settings
    changed: list[str]
    left: list[str]
    denoise: Body


class InForce:
    """The settings in force, in the file that every stage reads when it starts."""

    def __init__(self, run: str, settings: Settings, read: Read | None) -> None:
        self._read = read
        self._file = RunFile(run, settings, frozenset())
        self._orders: dict[tuple[str, str], tuple[Process, Order]] = {}
        self._reloaded = False
        self._write()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._file.settings

    def keep(self, op: str, source: str, args: Body) -> None:
        """Remember a change that a stage has carried out, for its restart."""
        names = [source] if source else [each.name for each in self.settings.source]
        if op in ("mute", "unmute"):
            muted = self._file.muted | set(names) if op == "mute" else self._file.muted - set(names)
            self._file = replace(self._file, muted=muted)
            self._write()
        elif op == "set":
            section, _, key = str(args["key"]).partition(".")
            if section == "denoise":
                # In the file, so that a new process hears it before its first sample.
                self._put(_with(self.settings, source, key, args["value"]))
            else:
                order = Order(0, "set", source, {"key": args["key"], "value": args["value"]})
                self._orders[source, key] = ("upstream", order)

    def read_again(self) -> Wanted:
        """Read the configuration; nothing changes.

        Raises:
            ControlError: there is none, or it has errors; nothing has changed.
        """
        if self._read is None:
            raise ControlError(Code.NOT_AVAILABLE, "this daemon was started without a configuration to read")
        try:
            wanted = self._read()
        except ControlError as error:
            log.error("reload: nothing is changed: %s", error.message)
            raise
        in_force, changed, left = merged(self.settings, wanted)
        denoise: Body = {
            after.name: {"backend": after.denoise.backend, "noise": after.denoise.noise}
            for before, after in zip(self.settings.source, in_force.source, strict=True)
            if (before.denoise.backend, before.denoise.noise) != (after.denoise.backend, after.denoise.noise)
        }
        return Wanted(in_force, changed, left, denoise)

    def put(self, wanted: Wanted) -> list[str]:
        """Put in force what was read; return the changed keys that take a restart.

        What was set while running gives way to what is configured.
        """
        self._orders.clear()
        self._reloaded = True
        self._put(wanted.settings)
        changed, left = ", ".join(wanted.changed), ", ".join(wanted.left)
        log.info("reload: %s", f"changed: {changed}" if changed else "nothing is changed")
        if left:
            log.warning("reload: these take a restart, and are as they were: %s", left)
        return wanted.left

    def orders_for(self, name: str) -> Iterator[tuple[Process, Order]]:
        """Yield what a restarted stage is to be told once it is ready."""
        if self._reloaded:
            # It may have read the file just before it was written.
            yield name, Order(0, "reload")  # type: ignore[misc]  # a Process, as its report says
        yield from (kept for kept in self._orders.values() if kept[0] == name)

    def _put(self, settings: Settings) -> None:
        self._file = replace(self._file, settings=settings)
        self._write()

    def _write(self) -> None:
        self._file.write(Path(self.settings.runtime_dir))


def merged(old: Settings, new: Settings) -> tuple[Settings, list[str], list[str]]:
    """Return the settings to put in force, the keys of what that changes, and those that take a restart."""
    changed: list[str] = []
    left: list[str] = []
    top: dict[str, Any] = {}
    for field in fields(Settings):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if field.name == "source":
            top["source"] = _sources(old, new, changed, left)
        elif hasattr(before, "__dataclass_fields__"):
            live: dict[str, Any] = {}
            for inner in fields(before):
                name = f"{field.name}.{inner.name}"
                if getattr(before, inner.name) != (value := getattr(after, inner.name)):
                    (changed if name in LIVE else left).append(name)
                    live |= {inner.name: value} if name in LIVE else {}
            top[field.name] = replace(before, **live)
        elif before != after:
            (changed if field.name in LIVE else left).append(field.name)
            top |= {field.name: after} if field.name in LIVE else {}
    return replace(old, **top), changed, left


def _sources(old: Settings, new: Settings, changed: list[str], left: list[str]) -> tuple[Source, ...]:
    """Return the sources that there are, with the noise reduction that is wanted."""
    left += [f"source.{each.name}" for each in new.source if old.by_name(each.name) is None]
    found: list[Source] = []
    for before in old.source:
        after = new.by_name(before.name)
        if after is None:
            left.append(f"source.{before.name}")
            found.append(before)
            continue
        left += [
            f"source.{before.name}.{field.name}"
            for field in fields(Source)
            if field.name != "denoise" and getattr(before, field.name) != getattr(after, field.name)
        ]
        changed += [
            f"source.{before.name}.denoise.{field.name}"
            for field in fields(before.denoise)
            if getattr(before.denoise, field.name) != getattr(after.denoise, field.name)
        ]
        found.append(replace(before, denoise=after.denoise))
    return tuple(found)


def _with(settings: Settings, name: str, key: str, value: object) -> Settings:
    """Return `settings` with a key of one source's noise reduction changed, as its stage has accepted it."""
    denoise: dict[str, Any] = {key: value}
    sources = tuple(
        replace(each, denoise=replace(each.denoise, **denoise)) if each.name == name else each
        for each in settings.source
    )
    return replace(settings, source=sources)
