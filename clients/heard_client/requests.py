"""Core: the ops of the control socket: what each asks for, and what its result means (docs/wire.md, Ops)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from heard.wire.codec import Body, checked, take, take_or
from heard.wire.endpoints import reachable
from heard_client.messages import Message
from heard_client.parsing import from_body

if TYPE_CHECKING:
    from heard.wire.status import Status

T = TypeVar("T")

FORGET_S = 610.0
"""A little longer than the daemon takes at most to delete."""


@dataclass(frozen=True, slots=True)
class Ask(Generic[T]):
    """A request.

    read     makes the result of the daemon's map; raises WireError where the map is none of heard's
    extra_s  how much longer than usual the daemon may take
    """

    op: str
    read: Callable[[Body], T]
    args: Body = field(default_factory=dict)
    extra_s: float = 0.0


RELOAD_S = 5.0
"""How much longer a reload may take: what it asks for is looked at before it is put in force."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Who answers: the daemon's version, its protocol and run, and where it publishes."""

    version: str
    protocol: int
    run: str
    transcripts: str


@dataclass(frozen=True, slots=True)
class NoiseProfile:
    """What `learn_noise` measured."""

    noise_dbfs: float
    seconds: float
    in_force: bool = False
    """Whether noise reduction goes by it now; else it is kept until `denoise.noise` is "learned"."""
    backends: tuple[str, ...] = ()
    """Those that can go by it."""


@dataclass(frozen=True, slots=True)
class Transcripts:
    """A page of transcripts; `more` says that there are others behind it, which `cursor=next` asks for."""

    transcripts: tuple[Message, ...]
    more: bool
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What `forget` deleted, or would delete."""

    finals: int
    events: int
    left: tuple[str, ...] = ()
    """Files of the state directory that may still hold words: damaged, or open in another program."""


def read_hello(result: Body) -> Hello:
    """Return the result of `hello`."""
    return Hello(
        take(result, "version", str),
        take(result, "protocol", int),
        take(result, "run", str),
        take(result, "transcripts", str),
    )


def seen_from(control: str, hello: Hello) -> Hello:
    """Return `hello` with the publish socket as a client finds it that asked at `control`."""
    return replace(hello, transcripts=reachable(hello.transcripts, control))


def read_noise(result: Body) -> NoiseProfile:
    """Return the result of `learn_noise`."""
    return NoiseProfile(
        take(result, "noise_dbfs", float),
        take(result, "seconds", float),
        take_or(result, "in_force", bool, default=False),
        tuple(checked(name, "backends", str) for name in take_or(result, "backends", list, [])),
    )


def read_watch(result: Body) -> float:
    """Return the result of `watch`."""
    return take(result, "seconds", float)


def read_transcripts(result: Body) -> Transcripts:
    """Return the result of `history` and `search`; messages of topics that are not known are left out."""
    bodies = [checked(each, "transcripts", dict) for each in take(result, "transcripts", list)]
    read = (from_body(take(body, "topic", str), body) for body in bodies)
    return Transcripts(
        tuple(message for message in read if message is not None),
        take_or(result, "more", bool, default=False),
        take_or(result, "next", str, "") or None,
    )


def read_forgotten(result: Body) -> Forgotten:
    """Return the result of `forget`."""
    return Forgotten(
        take(result, "finals", int),
        take(result, "events", int),
        tuple(checked(name, "left", str) for name in take_or(result, "left", list, [])),
    )


def read_devices(result: Body) -> list[Body]:
    """Return the result of `devices`."""
    return [checked(each, "devices", dict) for each in take(result, "devices", list)]


def read_states(result: Body) -> dict[str, str]:
    """Return the result of what acts on sources: name → state."""
    return {
        str(name): checked(state, "sources", str) for name, state in take(result, "sources", dict).items()
    }


def read_reload(result: Body) -> tuple[str, ...]:
    """Return the result of `reload`."""
    return tuple(checked(key, "restart_needed", str) for key in take_or(result, "restart_needed", list, []))


def read_status(result: Body) -> Status:
    """Return the status map; a daemon may add to it, so its fields are not checked."""
    return cast("Status", result)


def read_body(result: Body) -> Body:
    """Return any result as it is."""
    return result


def read_nothing(_result: Body) -> None:
    """Return nothing, whatever the result is."""


def given(**args: object) -> Body:
    """Return the arguments that are not None."""
    return {name: value for name, value in args.items() if value is not None}


def on_source(op: str, source: str | None) -> Ask[dict[str, str]]:
    """Return the request of an op that acts on one source, or on all (None)."""
    return Ask(op, read_states, given(source=source))


def learn_noise(source: str, seconds: float) -> Ask[NoiseProfile]:
    """Return the request of `learn_noise`, which is answered when the noise was heard."""
    return Ask("learn_noise", read_noise, {"source": source, "seconds": seconds}, extra_s=seconds)


def watch(source: str | None, seconds: float | None) -> Ask[float]:
    """Return the request of `watch`."""
    return Ask("watch", read_watch, given(source=source, seconds=seconds))


def change(source: str, key: str, value: object) -> Ask[Body]:
    """Return the request of `set`."""
    return Ask("set", read_body, {"source": source, "key": key, "value": value})


def generic(op: str, args: Mapping[str, object] | None) -> Ask[Body]:
    """Return the request of an op that this version has no method for."""
    return Ask(op, read_body, dict(args or {}))
