"""Core: what each op of the control socket asks for: an answer at once, or orders to stages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from heard import __version__
from heard.pipes import Process
from heard.settings import Settings
from heard.wire import PROTOCOL
from heard.wire.codec import Body, WireError, take, take_or
from heard.wire.control import Code, ControlError

ANSWER_S = 5.0
"""How long a stage may take to answer an order."""

LONGEST_ANSWER_S = 30.0
"""The same for an order that takes its time."""
FORGET_S = 600.0
"""The same for `forget`: it deletes in small steps, so that nothing waits for it."""
DEVICES_S = 12.0
"""The same for a list of devices: capture waits 10 s for the sound system."""
LEARN_S = 2.0
"""For how long noise is measured unless the client says."""
WATCH_S = 15.0
"""For how long spectra are published unless the client says."""

SHOWN_CHARS = 100


@dataclass(frozen=True, slots=True)
class Relay:
    """What a handler returns that needs stages: the orders to give, by process."""

    orders: tuple[tuple[Process, str, str, Body], ...]
    """(process, op, source, args)."""
    result: Body = field(default_factory=dict)
    """What is known of the result before the stages answer."""
    within_s: float = ANSWER_S
    """How long they may take."""
    then: Callable[[], Relay] | None = None
    """What follows once all have answered without an error; the client hears then."""
    otherwise: Callable[[], None] = lambda: None
    """Called where one of them refuses or is late."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A configuration that was read again.

    denoise  what the denoise stage is asked first, by source: whether it can have that
    put      puts all in force and returns the op's result
    drop     takes note that it is not put in force
    """

    denoise: Body
    put: Callable[[], Body]
    drop: Callable[[], None] = lambda: None


class Ops:
    """The ops, by name in `handlers`: each takes a request's arguments.

    `status` returns the status map. `up` says whether a process can take orders. `reload` reads the
    configuration again; it raises ControlError where that has errors.
    """

    def __init__(
        self,
        settings: Settings,
        run: str,
        *,
        status: Callable[[], Body],
        up: Callable[[Process], bool],
        reload: Callable[[], Prepared],
    ) -> None:
        self.stop_requested = False
        self._settings = settings
        self._run = run
        self._status = status
        self._up = up
        self._read_again = reload
        self.handlers: dict[str, Callable[[Body], Body | Relay]] = {
            "hello": self._hello,
            "status": lambda _args: self._status(),
            "mute": self._to("capture", "mute"),
            "unmute": self._to("capture", "unmute"),
            "endpoint": self._to("upstream", "endpoint"),
            "reconnect": self._to("upstream", "reconnect"),
            "get": self._get,
            "set": self._set,
            "learn_noise": self._learn_noise,
            "watch": self._watch,
            "history": _of_the_journal("history"),
            "search": _of_the_journal("search"),
            "forget": _of_the_journal("forget", FORGET_S),
            "devices": lambda _args: Relay((("capture", "devices", "", {}),), within_s=DEVICES_S),
            "reload": lambda _args: self.reload(),
            "stop": self._stop,
        }

    def _hello(self, _args: Body) -> Body:
        return {
            "version": __version__,
            "protocol": PROTOCOL,
            "run": self._run,
            "transcripts": take_or(
                take_or(self._status(), "publish", dict, {}), "endpoint", str, self._settings.publish.endpoint
            ),
        }

    def _stop(self, _args: Body) -> Body:
        self.stop_requested = True
        return {}

    def _to(self, process: Process, op: str) -> Callable[[Body], Relay]:
        """Return the handler of an op that one stage carries out, for one source or all."""

        def handler(args: Body) -> Relay:
            source = self._source(args, required=False)
            return Relay(((process, op, source, {}),))

        return handler

    def _get(self, args: Body) -> Relay:
        source = self._source(args, required=True)
        key = take_or(args, "key", str, "")
        stages = [_stage_of(key)] if key else list(STAGES.values())
        return Relay(tuple((stage, "get", source, {"key": key} if key else {}) for stage in stages))

    def _set(self, args: Body) -> Relay:
        source = self._source(args, required=True)
        key = take(args, "key", str)
        if "value" not in args:
            raise WireError("field 'value' is missing")
        return Relay(((_stage_of(key), "set", source, {"key": key, "value": args["value"]}),))

    def _learn_noise(self, args: Body) -> Relay:
        source = self._source(args, required=True)
        seconds = take_or(args, "seconds", float, LEARN_S)
        # The stage says which lengths it takes; whatever is asked for, a client is not kept waiting for ever.
        within_s = min(max(0.0, seconds) + ANSWER_S, LONGEST_ANSWER_S)
        order: tuple[Process, str, str, Body] = ("denoise", "learn_noise", source, {"seconds": seconds})
        return Relay((order,), within_s=within_s)

    def _watch(self, args: Body) -> Relay:
        source = self._source(args, required=False)
        seconds = take_or(args, "seconds", float, WATCH_S)
        return Relay((("denoise", "watch", source, {"seconds": seconds}),))

    def reload(self) -> Relay:
        """Read the configuration again, and have it put in force if denoise can have what it asks for.

        Raises:
            ControlError: it has errors.
        """
        prepared = self._read_again()

        def put() -> Relay:
            result = prepared.put()
            # A stage that is not up reads what is in force when it starts.
            return Relay(tuple((each, "reload", "", {}) for each in RELOADING if self._up(each)), result)

        if not prepared.denoise or not self._up("denoise"):
            return put()
        check: tuple[Process, str, str, Body] = ("denoise", "check", "", {"sources": prepared.denoise})
        return Relay((check,), then=put, otherwise=prepared.drop)

    def _source(self, args: Body, *, required: bool) -> str:
        name = take(args, "source", str) if required else take_or(args, "source", str, "")
        if (required or name) and self._settings.by_name(name) is None:
            names = ", ".join(source.name for source in self._settings.source)
            raise ControlError(Code.UNKNOWN_SOURCE, f"no source is called {shown(name)}: there are {names}")
        return name


STAGES: dict[str, Process] = {"denoise": "denoise", "upstream": "upstream"}
"""Who has the settings that can change while running, by the first part of their key."""

RELOADING: tuple[Process, ...] = ("capture", "denoise", "upstream", "publish")
"""Who reads the settings in force."""


def _of_the_journal(op: str, within_s: float = ANSWER_S) -> Callable[[Body], Relay]:
    """Return the handler of an op that `publish`, who has the journal, carries out and checks."""

    def handler(args: Body) -> Relay:
        return Relay((("publish", op, "", args),), within_s=within_s)

    return handler


def _stage_of(key: str) -> Process:
    section = key.partition(".")[0]
    if section not in STAGES or "." not in key:
        raise ControlError(
            Code.BAD_VALUE,
            f"unknown key {shown(key)}: keys begin with {' or '.join(f'{s}.' for s in STAGES)}",
        )
    return STAGES[section]


def shown(text: str) -> str:
    """Return what a client sent, short enough for a reply."""
    return repr(text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…")
