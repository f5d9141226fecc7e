"""Core: the settings as a line needs them, and the keys that `get` shows and `set` changes."""

from __future__ import annotations

from dataclasses import replace

from heard.settings import WORKING_RATE_HZ
from heard.settings import Settings as Configuration
from heard.settings import Upstream as Settings
from heard.upstream.pace import CATCH_UP
from heard.upstream.port import LineConfig
from heard.upstream.states import Limits
from heard.upstream.terms import Terms
from heard.wire.codec import Body, WireError, take
from heard.wire.control import Code, ControlError
from heard.wire.v3_params import RULES, check_param

LOCAL_PONG_S = 30.0
"""The local recognizer may be busy for long; that it is gone shows at once on its socket."""
LOCAL_START_S = 20.0
"""It is started with the daemon and loads a model first: no outage yet."""
LOCAL_LIVE_FIRST_S = 15.0
LIVE_FIRST_S = 3.0
"""A backlog shorter than this is caught up in order: sooner done than a second session is open. The local
recognizer is several times faster than real time."""
CONNECT_SPARE_S = 5.0
BESIDE_S = 1.0
LOCAL_PARAMS: dict[str, object] = {"session_heartbeat": True, "acknowledge_silence": True}
"""What settles silence sooner; the local recognizer knows both."""
PREFIX = "upstream."
MODEL = "speech_model"
OWN = ("service", "frame_ms", "catch_up", "idle_close_s")
"""Keys of `[upstream]` that `get` shows, but that are changed by a reload alone."""


def line_config(source: str, run: str, whole: Configuration, place: int) -> LineConfig:
    """Return what the line of `source` needs; `place` as in `Terms`."""
    settings = whole.upstream
    local = settings.service == "local"
    return LineConfig(
        source=source,
        run=run,
        service=settings.service,
        terms=Terms(settings.speech_model, {**(LOCAL_PARAMS if local else {}), **settings.params}, place),
        rate_hz=WORKING_RATE_HZ,
        frame_ms=settings.frame_ms,
        retention_s=whole.capture.retention_s,
        rotate_before_s=settings.rotate_before_s,
        idle_close_s=settings.idle_close_s,
        partials=whole.publish.partials,
        live_first_s=_live_first_s(settings),
        start_s=LOCAL_START_S if local else 0.0,
        pace=None if local else CATCH_UP,
        # A recognizer on this machine that hangs is busy, not lost on the way.
        beside_s=None if local else BESIDE_S,
        limits=Limits(
            # The connection's own limit comes first and says more; this one is for DNS.
            connect_s=settings.connect_timeout_s + CONNECT_SPARE_S,
            begin_s=settings.connect_timeout_s,
            pong_s=LOCAL_PONG_S if local else Limits().pong_s,
        ),
    )


def got(settings: Settings, terms: Terms, args: Body) -> Body:
    """Return the values in force, or that of `key`.

    Raises:
        ControlError: there is no such key, or it is not set.
    """
    values: Body = {name: getattr(settings, name) for name in OWN}
    values |= {MODEL: terms.model, **terms.params}
    named: Body = {PREFIX + name: value for name, value in values.items()}
    if "key" not in args:
        return named
    key = _key_of(args)
    if key in named:
        return {key: named[key]}
    if key.removeprefix(PREFIX) in RULES:
        raise ControlError(Code.BAD_VALUE, f"{key}: not set; the service's own default is in force")
    raise ControlError(Code.BAD_VALUE, f"unknown key {key!r}: there are {', '.join(sorted(named))}")


def changed(settings: Settings, terms: Terms, args: Body) -> tuple[Terms, Body]:
    """Return the terms with one parameter changed, and its value as the answer names it.

    Raises:
        ControlError: the key cannot be set, or not to that value.
    """
    key = _key_of(args)
    name, value = key.removeprefix(PREFIX), args.get("value")
    if name == MODEL:
        if not isinstance(value, str) or not value.strip():
            raise ControlError(Code.BAD_VALUE, f"{key} = {value!r}: must name a model")
        return replace(terms, model=value), {key: value}
    if name not in RULES or RULES[name].ours:
        if hasattr(settings, name):
            raise ControlError(
                Code.BAD_VALUE, f"{key}: is changed in the configuration; then `heardctl reload`"
            )
        known = ", ".join(PREFIX + each for each in sorted((MODEL, *_SETTABLE)))
        raise ControlError(Code.BAD_VALUE, f"unknown key {key!r}: can be set: {known}")
    if (error := check_param(name, value)) is not None:
        raise ControlError(Code.BAD_VALUE, PREFIX + error)
    return replace(terms, params={**terms.params, name: value}), {key: value}


_SETTABLE = tuple(name for name, rule in RULES.items() if not rule.ours)


def _live_first_s(settings: Settings) -> float | None:
    if settings.catch_up == "in-order":
        return None
    return LOCAL_LIVE_FIRST_S if settings.service == "local" else LIVE_FIRST_S


def _key_of(args: Body) -> str:
    try:
        return take(args, "key", str)
    except WireError as error:
        raise ControlError(Code.BAD_REQUEST, str(error)) from None
