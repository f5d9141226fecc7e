"""An utterance engine made into a streaming one: turns found by voice detection, then read.

When the open turn is read:

- for a partial, every `PARTIAL_EVERY_S` of its audio, more seldom as it grows (a reading's cost
  grows with the turn) and as audio waits (`behind`); given up as soon as any session's final needs
  the processor;
- when speech stops, once the audio that a final takes in is there: if they do not go on, the final
  is ready by the time that is known;
- at a pause of `min_turn_silence`, at `max_turn_silence`, at a split, at a forced endpoint and at the end,
  unless a reading of the same audio is at hand. At the first of these the turn ends if the sentence is
  complete.

Readings that can become finals depend on the audio alone, not on partials or on the speed at which
it comes: the same audio gives the same finals.
"""

import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import assert_never

import numpy as np

from .agreement import Agreement
from .engines import (
    RATE_HZ,
    Final,
    Partial,
    Samples,
    SpeechEvent,
    SpeechStarted,
    SpokenWord,
    TurnSettings,
    Utterance,
    UtteranceEngine,
)
from .gate import DecodeGate
from .timing import Span, place_words, to_ms
from .turns import MAX_TURN_S, Ended, Opened, Paused, Split, TurnTracker
from .vad import CHUNK_SAMPLES, SileroDetector, SpeechDetector

LEAD_SAMPLES = int(0.2 * RATE_HZ)
"""Audio read before the detected start: soft first sounds come before the detector is sure."""

TAIL_SAMPLES = int(0.2 * RATE_HZ)
"""Audio read after the detected end."""

PARTIAL_EVERY_S = 0.4
PARTIAL_GROWTH = 0.15
"""Partials are spaced by at least this share of the turn's length."""

PARTIAL_COST = 3.0
"""Partials are spaced by at least this many times what the last one took: a slow engine or a busy machine
shows fewer of them and still keeps up."""

PARTIAL_BEHIND_S = 3.0
"""Spacing while audio waits: the service's own for `continuous_partials`."""

SENTENCE_ENDS = (".", "?", "!", '."', '?"', '!"')

_SILENT_DB = -120.0


class TurnEngine:
    """Any utterance engine with Silero VAD, as a `StreamingEngine`.

    Args:
        engine: reads turns.
        detector: makes a voice detector for a session.
        gate: shared by all sessions; by default one core is left to others.
        max_turn_s: longest turn.
    """

    def __init__(
        self,
        engine: UtteranceEngine,
        *,
        detector: Callable[[], SpeechDetector] = SileroDetector,
        gate: DecodeGate | None = None,
        max_turn_s: float = MAX_TURN_S,
    ) -> None:
        self._engine = engine
        self._detector = detector
        self._gate = gate or DecodeGate(max(1, (os.cpu_count() or 2) - 1))
        self._max_turn_s = max_turn_s
        detector()  # a missing package shows now, not in the first session

    @property
    def name(self) -> str:
        """Name of the utterance engine."""
        return self._engine.name

    def open(self, settings: TurnSettings) -> "TurnStream":
        """Return a stream for a new session."""
        return TurnStream(self._engine, self._detector(), self._gate, settings, max_turn_s=self._max_turn_s)


class TurnStream:
    """One session: see the module for when it reads what. Used by one thread."""

    def __init__(
        self,
        engine: UtteranceEngine,
        detector: SpeechDetector,
        gate: DecodeGate,
        settings: TurnSettings,
        *,
        max_turn_s: float = MAX_TURN_S,
    ) -> None:
        self._engine = engine
        self._detector = detector
        self._gate = gate
        self._turns = TurnTracker(settings, chunk_samples=CHUNK_SAMPLES, max_turn_s=max_turn_s)
        self._rest = np.zeros(0, np.float32)
        self._kept: deque[Samples] = deque()
        self._read_from = 0
        self._agreement = Agreement()
        self._draft = Utterance()
        self._at_pause: Utterance | None = None
        self._read_at = 0
        self._probability = 0.0
        self._partial_took_s = 0.0

    @property
    def turn_open(self) -> bool:
        """Someone is speaking, or has just stopped and may go on."""
        return self._turns.start is not None

    def push(self, samples: Samples, *, behind: bool) -> list[SpeechEvent]:
        """Take the next samples; see `SpeechStream.push`."""
        audio = np.concatenate((self._rest, samples))
        whole = len(audio) // CHUNK_SAMPLES * CHUNK_SAMPLES
        self._rest = audio[whole:]
        events: list[SpeechEvent] = []
        for at in range(0, whole, CHUNK_SAMPLES):
            events.extend(self._take(audio[at : at + CHUNK_SAMPLES], behind=behind))
        return events

    def update(self, settings: TurnSettings) -> None:
        """Use `settings` from the next chunk on."""
        self._turns.settings = settings

    def force_endpoint(self) -> list[SpeechEvent]:
        """End the open turn, if there is one; the part of a chunk that waits is the next turn's."""
        if self._turns.start is None:
            return []
        position = self._turns.position
        speech = self._turns.speech()
        words = self._read_final(position).words
        self._turns.end()
        return self._close(words, speech, next_from=position)

    def finish(self) -> list[SpeechEvent]:
        """End the open turn, if there is one: no audio follows."""
        end_ms = to_ms(self._turns.position + len(self._rest))
        missing = -len(self._rest) % CHUNK_SAMPLES
        events = [*self.push(np.zeros(missing, np.float32), behind=True), *self.force_endpoint()]
        return [_ended_by(event, end_ms) for event in events]

    def take_speech_probability(self) -> float:
        """Return the highest probability of speech since this was last asked."""
        taken, self._probability = self._probability, 0.0
        return taken

    def _take(self, chunk: Samples, *, behind: bool) -> list[SpeechEvent]:
        probability = self._detector.probability(chunk)
        self._probability = max(self._probability, probability)
        self._kept.append(chunk)
        event = self._turns.push(probability, _level_db(chunk))
        if self.turn_open and self._turns.speech_end == self._turns.position:
            self._at_pause = None  # they go on: the reading at the pause is out of date
        match event:
            case None:
                if not self.turn_open:
                    self._forget(self._turns.position - 2 * LEAD_SAMPLES)
                    return []
                if self._hush_began and not behind:
                    return self._read_ahead()
                return self._read_partial() if self._partial_due(behind=behind) else []
            case Opened(start):
                self._open(max(self._read_from, start - LEAD_SAMPLES), start)
                return [SpeechStarted(to_ms(start), probability)]
            case Paused(end):
                return self._read_at_pause(end + TAIL_SAMPLES)
            case Ended(end, speech):
                until = end + TAIL_SAMPLES
                reading = self._at_pause or self._read_final(until)
                return self._close(reading.words, speech, next_from=until)
            case Split(at, speech):
                events = self._close(self._read_final(at).words, speech, next_from=at)
                self._open(at, at)
                return [*events, SpeechStarted(to_ms(at), probability)]
            case never:
                assert_never(never)

    def _open(self, read_from: int, start: int) -> None:
        self._read_from = read_from
        self._read_at = start
        self._draft = Utterance()
        self._forget(read_from)

    def _partial_due(self, *, behind: bool) -> bool:
        turns = self._turns
        assert turns.start is not None
        if turns.speech_end < turns.position:
            return False  # a hush: either its own reading follows, or more speech
        if self._agreement.shown and not turns.settings.continuous_partials:
            return False
        every_s = PARTIAL_BEHIND_S if behind else PARTIAL_EVERY_S
        grown = (turns.position - turns.start) * PARTIAL_GROWTH
        dear = self._partial_took_s * PARTIAL_COST * RATE_HZ
        return turns.position - self._read_at >= max(every_s * RATE_HZ, grown, dear)

    def _read_partial(self) -> list[SpeechEvent]:
        self._read_at = self._turns.position
        gave_way = False

        def give_way() -> bool:
            nonlocal gave_way
            gave_way = gave_way or self._gate.final_is_waiting()
            return gave_way

        with self._gate.partial() as granted:
            if not granted:
                return []
            audio = self._audio(self._read_from, self._turns.position)
            began_s = time.monotonic()
            reading = self._engine.recognize(audio, draft=self._draft, cancelled=give_way)
            self._partial_took_s = time.monotonic() - began_s
        return [] if gave_way else self._observe(reading)

    @property
    def _hush_began(self) -> bool:
        silence = self._turns.position - self._turns.speech_end
        return TAIL_SAMPLES <= silence < TAIL_SAMPLES + CHUNK_SAMPLES

    def _read_ahead(self) -> list[SpeechEvent]:
        """Read what would be the final if they do not go on, so that it is ready when that is known."""
        self._at_pause = self._read_final(self._turns.speech_end + TAIL_SAMPLES)
        self._read_at = self._turns.position
        return self._observe(self._at_pause) if self._turns.settings.continuous_partials else []

    def _read_at_pause(self, until: int) -> list[SpeechEvent]:
        ahead = self._at_pause
        reading = ahead or self._read_final(until)
        if reading.words and reading.words[-1].text.endswith(SENTENCE_ENDS):
            speech = self._turns.speech()
            self._turns.end()
            return self._close(reading.words, speech, next_from=until)
        self._at_pause = reading
        self._read_at = self._turns.position
        observed = ahead and self._turns.settings.continuous_partials
        return [] if observed else self._observe(reading)  # a reading does not agree with itself

    def _observe(self, reading: Utterance) -> list[SpeechEvent]:
        self._draft = reading
        words = self._agreement.observe(reading.words)
        if words is None:
            return []
        # Words that are not agreed on yet take their share of the time, too.
        placed = place_words(reading.words, self._turns.speech())
        pairs = zip(words, placed, strict=False)
        return [Partial(tuple(replace(place, text=word.text) for word, place in pairs))]

    def _close(
        self, words: Sequence[SpokenWord], speech: Sequence[Span], *, next_from: int
    ) -> list[SpeechEvent]:
        # What has been shown as a partial gets its final, even if the last reading is empty.
        words = words or self._agreement.shown
        self._agreement = Agreement()
        self._at_pause = None
        self._read_from = min(next_from, self._turns.position)
        self._forget(min(self._read_from, self._turns.position - 2 * LEAD_SAMPLES))
        return [Final(place_words(words, speech))] if words else []

    def _read_final(self, until: int) -> Utterance:
        with self._gate.final():
            return self._engine.recognize(self._audio(self._read_from, until))

    @property
    def _kept_from(self) -> int:
        return self._turns.position - len(self._kept) * CHUNK_SAMPLES

    def _audio(self, start: int, end: int) -> Samples:
        kept_from = self._kept_from
        audio = np.concatenate(tuple(self._kept))
        return audio[max(0, start - kept_from) : max(0, end - kept_from)]

    def _forget(self, before: int) -> None:
        """Give up audio before sample `before`."""
        while self._kept and self._kept_from + CHUNK_SAMPLES <= before:
            self._kept.popleft()


def _ended_by(event: SpeechEvent, end_ms: int) -> SpeechEvent:
    """Return `event` with no word ending after `end_ms`: its last chunk was filled up."""
    if isinstance(event, SpeechStarted):
        return event
    return replace(event, words=tuple(replace(w, end_ms=min(w.end_ms, end_ms)) for w in event.words))


def _level_db(chunk: Samples) -> float:
    power = float(np.mean(np.square(chunk)))
    return 10 * float(np.log10(power)) if power > 0 else _SILENT_DB
