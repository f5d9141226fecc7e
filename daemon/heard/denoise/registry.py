"""Which backends there are, by the name that `source.denoise.backend` takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points

from heard.denoise.backend import Backend
from heard.denoise.gate import Gate, GateFast
from heard.denoise.off import Off
from heard.settings import DEFAULT_MIX


class BackendError(Exception):
    """A backend that cannot be had; the text says which there are, or what is missing."""


def _noisereduce() -> Backend:
    # Imported only where it is asked for: it is most of this process's memory.
    from heard.denoise.noisereduce import Noisereduce  # noqa: PLC0415  # see above

    return Noisereduce()


def _deepfilter() -> Backend:
    # Its package is an extra.
    from heard.denoise.deepfilter import Deepfilter  # noqa: PLC0415  # see above

    return Deepfilter()


FACTORIES: Mapping[str, Callable[[], Backend]] = {
    "deepfilter": _deepfilter,
    "gate": Gate,
    "gate-fast": GateFast,
    "noisereduce": _noisereduce,
    "off": Off,
}
INSTALL = {"deepfilter": "pip install 'heard[neural]'", "noisereduce": "pip install heard"}
"""What brings the packages of our own backends."""

TAKE_PROFILE = ("gate", "gate-fast", "noisereduce")
"""Ours that can be told what the noise is (`heard.denoise.backend.TakesProfile`)."""

GROUP = "heard.denoise"
"""Entry points of this group, each a callable that makes a `Backend`, are backends too."""


def factories(installed: Iterable[EntryPoint] | None = None) -> dict[str, Callable[[], Backend]]:
    """Return our own backends and those that other packages bring; ours go first where names are equal."""
    points = entry_points(group=GROUP) if installed is None else installed
    return {**{point.name: _brought(point) for point in points}, **FACTORIES}


def _brought(point: EntryPoint) -> Callable[[], Backend]:
    def make() -> Backend:
        backend: Backend = point.load()()
        return backend

    return make


class Registry:
    """Makes each backend once, when it is first asked for."""

    def __init__(self, known: Mapping[str, Callable[[], Backend]] | None = None) -> None:
        self._factories = factories() if known is None else known
        self._made: dict[str, Backend] = {}

    def get(self, name: str) -> Backend:
        """Return the backend called `name`.

        Raises:
            BackendError: there is none of that name, or something that it needs is missing or not right.
        """
        if name not in self._factories:
            raise BackendError(f"must be one of {', '.join(sorted(self._factories))}, not {name!r}")
        if name not in self._made:
            try:
                self._made[name] = self._factories[name]()
            except ModuleNotFoundError as error:
                install = INSTALL.get(name, "install the package that provides it")
                raise BackendError(f"{name}: {error}: {install}") from error
            except ImportError as error:
                raise BackendError(f"{name}: {error}") from error
            except Exception as error:
                # A third party's may do anything: it is not to end the process that serves all sources.
                raise BackendError(f"{name}: {type(error).__name__}: {error}") from error
        return self._made[name]

    def counters(self) -> dict[str, int]:
        """Return the counters of every backend in use, added up by name."""
        total: dict[str, int] = {}
        for backend in self._made.values():
            for name, count in backend.counters.items():
                total[name] = total.get(name, 0) + count
        return total


def default_mix(backend: str) -> float:
    """Return the mix of a backend where none is configured."""
    return DEFAULT_MIX.get(backend, 0.5)
