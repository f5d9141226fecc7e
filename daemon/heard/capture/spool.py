"""The stores of all sources: looked after while they are used, ended in order, and those nobody asked for."""

from __future__ import annotations

import logging
import mmap
from collections.abc import Iterable, Mapping
from pathlib import Path

from heard.capture.blocks import Track, ring_samples
from heard.capture.mirror import Copier
from heard.capture.record import Record
from heard.capture.ring import Ring
from heard.capture.store import PREFIX, Places, Store
from heard.settings import WORKING_RATE_HZ, Settings

log = logging.getLogger(__name__)

DISK = "spool"
"""Below the state directory."""


class Spool:
    """Where run `run` retains audio, as `settings` say."""

    def __init__(self, settings: Settings, runtime_dir: Path, run: str) -> None:
        capture = settings.capture
        self.lasts = capture.spool == "disk"
        """Whether what is pending at the end stays for the next run."""
        self._places = Places(runtime_dir, Path(settings.state_dir) / DISK, copies=self.lasts)
        self._run = run
        self._retention = int(capture.retention_s * WORKING_RATE_HZ)
        self._block = capture.block_ms * WORKING_RATE_HZ // 1000
        self._stores: dict[str, Store] = {}
        self._copier = Copier()

    def track(self, name: str) -> Track:
        """Return the track of source `name`, with what an earlier process left of it.

        Raises:
            RingTakenError: another process has its ring.
            OSError: there is not even memory for it.
        """
        readable = ring_samples(self._retention)
        store = Store(self._places, name, self._run, retention=self._retention, readable=readable)
        self._stores[name] = store
        if store.mirror is not None:
            self._copier.mirrors.append(store.mirror)
        return Track(name, store.ring, store.record, retention=self._retention, block=self._block)

    def look_after(self, tracks: Mapping[str, Track], now: float) -> str | None:
        """Do what is due at `now` (monotonic seconds); return what is wrong, for a person."""
        due = False
        for name, store in self._stores.items():
            store.heal(tracks[name], now)
            if store.mirror is not None:
                due = store.mirror.offer(tracks[name], now) or due
        if due:
            self._copier.wake()
        troubles = [f"{name}: {store.trouble}" for name, store in self._stores.items() if store.trouble]
        return "; ".join(troubles) or None

    def finish(self, tracks: Mapping[str, Track]) -> None:
        """End in order."""
        for name, store in self._stores.items():
            store.finish(tracks[name], self._copier)

    def tell_strays(self, names: Iterable[str]) -> None:
        """Log what is retained of sources that are not among `names`."""
        known = {PREFIX + name for name in names}
        for directory in (self._places.memory, self._places.disk):
            for path in sorted(directory.glob(f"{PREFIX}*")):
                if path.name not in known and "." not in (name := path.name.removeprefix(PREFIX)):
                    held_s = _held_s(path)
                    if held_s > 0:
                        log.warning(
                            "%s: %.1f s of source %s, which is not configured, are retained: they are"
                            " delivered once it is; or delete the file",
                            path,
                            held_s,
                            name,
                        )


def _held_s(path: Path) -> float:
    """Return how many seconds are pending in a ring that nobody uses; 0 where it cannot be read."""
    try:
        with path.open("rb") as file:
            ring = Ring(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
        record = Record.unpack(ring.record or b"", ring.grown)
        ring.close()
    except (OSError, ValueError):
        # A WireError, too, is a ValueError.
        return 0.0
    return record.ledger.pending_samples / WORKING_RATE_HZ
