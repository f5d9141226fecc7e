"""The denoise stage: raw blocks in, clean ones out, for all sources, in one thread."""

from __future__ import annotations

import logging
import time
from collections import deque
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import zmq

from heard.denoise.lessons import Lessons
from heard.denoise.levels import Cost
from heard.denoise.passage import Passage, Passed
from heard.denoise.profile import ProfileError, Profiles
from heard.denoise.registry import BackendError, Registry
from heard.denoise.spectrum import HIGH_HZ, LOW_HZ, Spectra
from heard.meters import Latency
from heard.pipes import CLEAN, EVENTS, POSITIONS, RAW
from heard.settings import WORKING_RATE_HZ, Denoise
from heard.wire.audio import Block
from heard.wire.codec import Body, WireError, take, take_or
from heard.wire.control import Code, ControlError
from heard.wire.events import Event
from heard.wire.positions import From, Replay, pack_position
from heard.wire.report import Order
from heard.wire.topics import Topic

if TYPE_CHECKING:
    from heard.stage import Stage

log = logging.getLogger(__name__)

TICK_S = 0.02
"""How soon a block that `upstream` had no room for is tried again."""
LEVEL_S = 0.1
WATCH_S = (1.0, 60.0)
"""For how long a viewer may ask for spectra at a time; it asks again before that is over."""
BATCH = 16
"""Raw blocks that are read before any is passed on."""
QUIET_S = 0.1
"""After `stop`, RAW is at its end once nothing has come for so long."""
GIVE_UP_S = 0.8
"""After `stop`, how long a reader of CLEAN is waited for; supervise waits for 1 s."""


class _Source:
    """A source's passage and what is measured around it."""

    def __init__(self, passage: Passage) -> None:
        self.passage = passage
        self.cost = Cost()
        self.latency = Latency()
        self.watched_until = 0.0


class Denoising:
    """See `heard.stage.Role`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._registry = Registry()
        self._sources: dict[str, _Source] = {}
        self._profiles = Profiles(Path(stage.settings.state_dir))
        self._lessons = Lessons(self._profiles)
        for source in stage.settings.source:
            self._add(source.name, source.denoise)
        self._counters = {"garbled": 0, "events_dropped": 0, "undelivered": 0}
        self._held: deque[Passed] = deque()
        """Ready, but `upstream` has no room; RAW is not read meanwhile."""
        self._at: dict[str, int] = {}
        """By source, up to which sample it was passed on."""
        self._level_due = 0.0
        self._stopped_at: float | None = None
        self._raw_at = 0.0
        self._raw = stage.pipes.pull(RAW)
        self._clean = stage.pipes.push(CLEAN)
        self._events = stage.pipes.push(EVENTS)
        positions = stage.pipes.push(POSITIONS)
        stage.on(self._raw, self._read)
        # What a predecessor held is lost; capture sends it again from what upstream has.
        positions.send(pack_position(Replay("", From.RECEIVED)), zmq.NOBLOCK)
        stage.ready()

    def tick(self, now: float) -> None:
        """Try again what was held, publish levels."""
        self._send()
        for answer in self._lessons.answers(now):
            self._stage.answer(answer)
        if now >= self._level_due:
            self._level_due = now + LEVEL_S
            self._publish_levels()
            self._tell_faults()
        self._publish_spectra(now)

    def order(self, order: Order) -> Body | None:
        """`get`, `set`, `watch` of one source or (source "") of all; `learn_noise`; `check` of a reload."""
        names = [order.source] if order.source else list(self._sources)
        for name in names:
            if name not in self._sources:
                raise ControlError(Code.UNKNOWN_SOURCE, f"no source is called {name!r}")
        try:
            if order.op == "get":
                return self._get(names, take_or(order.args, "key", str, ""))
            if order.op == "set":
                return self._set(names, take(order.args, "key", str), order.args.get("value"))
            if order.op == "watch":
                return self._watch(names, float(take(order.args, "seconds", float)))
            if order.op == "learn_noise":
                seconds = float(take(order.args, "seconds", float))
                passage = self._sources[names[0]].passage
                self._lessons.begin(order.number, passage, seconds, time.monotonic(), time.time())
                return None
            if order.op == "check":
                return self._check(take(order.args, "sources", dict))
        except WireError as error:
            raise ControlError(Code.BAD_REQUEST, str(error)) from None
        raise ControlError(Code.UNKNOWN_OP, f"denoise knows no op {order.op!r}")

    def reload(self) -> None:
        """Take over what is configured now (`heard.stage.Reloads`)."""
        for configured in self._stage.settings.source:
            self._sources[configured.name].passage.configure(configured.denoise)
        self._tell_faults()

    def report(self) -> tuple[dict[str, Body], Body, dict[str, int]]:
        """Return the status parts."""
        sources: dict[str, Body] = {}
        counters = {**self._counters, **self._registry.counters()}
        for name, source in self._sources.items():
            passage, quantiles = source.passage, source.latency.quantiles()
            sources[name] = {
                "snr_db": passage.meter.snr_db(),
                "denoise": {
                    "backend": passage.backend,
                    "mix": passage.mix,
                    "noise": passage.noise_in_force,
                    "adaptive": passage.adaptive,
                    "mix_now": round(passage.mix_now, 3),
                    "delay_ms": passage.delay_ms,
                    "reduction_db": passage.meter.reduction_db(),
                    "rtf": source.cost.rtf,
                },
                "latency_ms": {"denoise": quantiles} if quantiles else {},
            }
            for key, count in asdict(passage.counts).items():
                counters[key] = counters.get(key, 0) + count
        return sources, {"at": dict(self._at)}, counters

    def stop(self) -> None:
        """Begin to drain: capture has sent its last block."""
        self._stopped_at = time.monotonic()

    def drained(self) -> bool:
        """Whether all is passed on, or `upstream` did not take it in time."""
        assert self._stopped_at is not None
        now = time.monotonic()
        if now > self._stopped_at + GIVE_UP_S:
            self._counters["undelivered"] += sum(passed.block.samples for passed in self._held)
            return True
        if self._held or now < max(self._raw_at, self._stopped_at) + QUIET_S:
            return False
        for source in self._sources.values():
            self._held.extend(source.passage.finish())
        self._send()
        return not self._held

    def _add(self, name: str, configured: Denoise) -> _Source:
        source = _Source(Passage(name, self._registry, configured, self._profiles))
        self._sources[name] = source
        return source

    def _read(self) -> None:
        """Feed a block of each source, then take what is ready: backends may work in batches."""
        fed: dict[str, _Source] = {}  # a block each
        for _ in range(BATCH):
            try:
                data = self._raw.recv(zmq.NOBLOCK)
            except zmq.Again:
                break
            self._raw_at = time.monotonic()
            try:
                block = Block.unpack(data)
            except WireError as error:
                self._counters["garbled"] += 1
                log.warning("unreadable block: %s", error)
                continue
            if block.source in fed:
                self._take(fed)
            source = self._sources.get(block.source) or self._add(block.source, Denoise())
            began = time.thread_time()
            source.passage.feed(block)
            source.cost.add(time.thread_time() - began, block.samples / WORKING_RATE_HZ)
            fed[block.source] = source
        self._take(fed)
        self._send()

    def _take(self, fed: dict[str, _Source]) -> None:
        """Take what is ready of the sources that were fed, and forget them."""
        for source in fed.values():
            began = time.thread_time()
            self._held.extend(source.passage.take())
            source.cost.add(time.thread_time() - began, 0.0)
        fed.clear()

    def _send(self) -> None:
        """Pass on what is ready; what finds no room is held, and RAW left unread."""
        while self._held:
            passed = self._held[0]
            now = time.time()
            block = replace(passed.block, denoised=now)
            try:
                self._clean.send(block.pack(), zmq.NOBLOCK)
            except zmq.Again:
                self._stage.pause(self._raw)
                return
            self._held.popleft()
            self._at[block.source] = block.stop
            latency = self._sources[block.source].latency
            for handed in passed.handed:
                latency.add(max(0.0, 1000 * (now - handed)))
            if self._stage.settings.publish.audio and block.samples:
                self._publish_audio(block)
        self._stage.resume(self._raw)

    def _get(self, names: list[str], key: str) -> Body:
        """Return the values in force of the first of `names`."""
        values = self._sources[names[0]].passage.values()
        if not key:
            return values
        if key not in values:
            raise ControlError(Code.BAD_VALUE, f"unknown key {key!r}: must be one of {', '.join(values)}")
        return {key: values[key]}

    def _set(self, names: list[str], key: str, value: object) -> Body:
        """Change a value; return it as in force."""
        for name in names:
            try:
                self._sources[name].passage.set_value(key, value)
            except (BackendError, ProfileError, ValueError) as error:
                raise ControlError(Code.BAD_VALUE, str(error)) from None
        self._tell_faults()
        self._stage.changed()
        in_force = self._get(names, key)
        log.info("%s: %s = %s", ", ".join(names), key, in_force[key])
        return in_force

    def _check(self, wanted: Body) -> Body:
        """Say whether sources can have a backend and a noise; nothing changes.

        Raises:
            ControlError: what cannot be had, one a line.
        """
        missing = []
        for name, asked in wanted.items():
            if (source := self._sources.get(name)) is not None and isinstance(asked, dict):
                backend, noise = take(asked, "backend", str), take(asked, "noise", str)
                missing += [f"source.{name}.{line}" for line in source.passage.missing(backend, noise)]
        if missing:
            raise ControlError(Code.BAD_VALUE, "\n".join(missing))
        return {}

    def _watch(self, names: list[str], seconds: float) -> Body:
        """Publish spectra for so long; a longer time that somebody else asked for stays."""
        if not WATCH_S[0] <= seconds <= WATCH_S[1]:
            text = f"seconds: must be a number from {WATCH_S[0]:g} to {WATCH_S[1]:g}, not {seconds:g}"
            raise ControlError(Code.BAD_VALUE, text)
        for source in (self._sources[name] for name in names):
            source.watched_until = max(source.watched_until, time.monotonic() + seconds)
            source.passage.spectra = source.passage.spectra or Spectra()
        return {"seconds": seconds}

    def _tell_faults(self) -> None:
        """Say what of what was asked for cannot be had."""
        faults = [fault for source in self._sources.values() if (fault := source.passage.fault)]
        self._stage.fault("denoise", "; ".join(faults) or None)

    def _publish_levels(self) -> None:
        for name, source in self._sources.items():
            if levels := source.passage.meter.levels():
                body: Body = {**asdict(levels), "snr_db": source.passage.meter.snr_db()}
                self._publish(Event(Topic.LEVEL, name, body))

    def _publish_spectra(self, now: float) -> None:
        for name, source in self._sources.items():
            if source.passage.spectra is None:
                continue
            for column in source.passage.spectra.columns():
                body: Body = {
                    "start": column.time,
                    "low_hz": LOW_HZ,
                    "high_hz": HIGH_HZ,
                    "bands_dbfs": column.bands_dbfs,
                    "denoised_bands_dbfs": column.denoised_bands_dbfs,
                }
                self._publish(Event(Topic.SPECTRUM, name, body))
            if now >= source.watched_until:
                source.passage.spectra = None

    def _publish_audio(self, block: Block) -> None:
        body: Body = {"sample": block.sample, "start": block.time, "rate_hz": block.rate_hz, "pcm": block.pcm}
        self._publish(Event(Topic.AUDIO, block.source, body))

    def _publish(self, event: Event) -> None:
        try:
            self._events.send(event.pack(), zmq.NOBLOCK)
        except zmq.Again:
            self._counters["events_dropped"] += 1
