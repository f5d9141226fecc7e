"""Engines by the name that `--engine` takes.

Other packages add engines under the entry point group `heard.engines`: the object is a function
without arguments that loads and returns an utterance engine or a streaming engine.
"""

from collections.abc import Callable
from importlib.metadata import entry_points

from .engines import StreamingEngine, UtteranceEngine
from .errors import USAGE, StartError
from .stream import TurnEngine

ENTRY_POINT_GROUP = "heard.engines"
DEFAULT_ENGINE = "moonshine-tiny"


def engine_names() -> list[str]:
    """Return the names that `load_engine` accepts, the default first."""
    found = {point.name for point in entry_points(group=ENTRY_POINT_GROUP)}
    return [*_BUILT_IN, *sorted(found - set(_BUILT_IN))]


def load_engine(
    name: str, *, around: Callable[[UtteranceEngine], UtteranceEngine] = lambda engine: engine
) -> StreamingEngine:
    """Load the engine called `name`, which takes a fraction of a second.

    `around` may put something between an utterance engine and the turns that it is given.

    Raises:
        StartError: no such engine (usage), or something it needs is not installed or not right.
    """
    if name in _BUILT_IN:
        loaded: object = _BUILT_IN[name]()
    else:
        found = [p for p in entry_points(group=ENTRY_POINT_GROUP) if p.name == name]
        if not found:
            known = ", ".join(engine_names())
            raise StartError(f"engine {name!r}: must be one of {known}", exit_code=USAGE)
        try:
            loaded = found[0].load()()
        except ImportError as error:
            raise StartError(f"engine {name!r} ({found[0].value}): {error}") from error
    if isinstance(loaded, StreamingEngine):
        return loaded
    if isinstance(loaded, UtteranceEngine):
        return TurnEngine(around(loaded))
    raise StartError(f"engine {name!r}: neither an utterance engine nor a streaming engine")


def _moonshine_tiny() -> UtteranceEngine:
    from .moonshine import TINY, load  # noqa: PLC0415 - imports onnxruntime, an extra

    return load(TINY)


def _moonshine_base() -> UtteranceEngine:
    from .moonshine import BASE, load  # noqa: PLC0415 - imports onnxruntime, an extra

    return load(BASE)


_BUILT_IN: dict[str, Callable[[], UtteranceEngine]] = {
    DEFAULT_ENGINE: _moonshine_tiny,
    "moonshine-base": _moonshine_base,
}
