"""Turns: when someone begins to speak and when they have said it. No model, no audio, no clock.

In goes one probability of speech and one level for each chunk; out come events with sample
numbers. The caller who reads a complete sentence at a pause ends the turn with `end()`.

    idle ──onset──▶ open ──pause──▶ open (Paused, once a pause) ──long pause──▶ idle (Ended)
                     └──too long──▶ open (Split at the quietest place: one turn ends, one begins)
"""

from dataclasses import dataclass
from typing import TypeAlias

from .engines import RATE_HZ, TurnSettings
from .timing import Span

ONSET_CHUNKS = 3
"""About 100 ms of speech open a turn; a click does not last as long."""

HYSTERESIS = 0.15
"""Speech goes on down to this much below the threshold that began it (Silero's own practice)."""

MAX_TURN_S = 15.0
"""Longer speech is split. Moonshine was trained on up to some 30 s, but its cost is quadratic."""

_SPLIT_FROM = 0.6
"""Share of the longest turn before which it is not split."""

_SPLIT_WINDOW_CHUNKS = 5
_JOIN_GAP_CHUNKS = 3


@dataclass(frozen=True, slots=True)
class Opened:
    """A turn has begun at sample `start`."""

    start: int


@dataclass(frozen=True, slots=True)
class Paused:
    """Nothing was said for `min_turn_silence` since sample `end`."""

    end: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The turn is over: nothing was said for `max_turn_silence` since sample `end`.

    `speech` is where the turn held speech; see `TurnTracker.speech`.
    """

    end: int
    speech: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """Speech ran on too long: the turn ends at sample `at`, and the next begins there.

    `speech` is where the turn that ended held speech.
    """

    at: int
    speech: tuple[Span, ...]


TurnEvent: TypeAlias = Opened | Paused | Ended | Split


@dataclass(frozen=True, slots=True)
class _Chunk:
    probability: float
    level_db: float
    speech: bool


class TurnTracker:
    """The turns of one session.

    Args:
        settings: silences and threshold; may be replaced at any time.
        chunk_samples: what one `push` stands for.
        max_turn_s: speech without a pause is split after this long.
    """

    def __init__(self, settings: TurnSettings, *, chunk_samples: int, max_turn_s: float = MAX_TURN_S) -> None:
        self.settings = settings
        self._chunk = chunk_samples
        self._max_chunks = int(max_turn_s * RATE_HZ / chunk_samples)
        self._position = 0
        self._start: int | None = None
        self._turn: list[_Chunk] = []
        self._speech_end = 0
        self._pause_told = False
        self._onset: list[_Chunk] = []

    @property
    def position(self) -> int:
        """Samples taken in so far."""
        return self._position

    @property
    def start(self) -> int | None:
        """First sample of the open turn, None when nobody speaks."""
        return self._start

    @property
    def speech_end(self) -> int:
        """End of the last speech of the open turn."""
        return self._speech_end

    def push(self, probability: float, level_db: float) -> TurnEvent | None:
        """Take the next chunk: its probability of speech (0..1) and its level (dBFS)."""
        threshold = self.settings.vad_threshold
        if self._start is not None:
            threshold = max(0.01, threshold - HYSTERESIS)
        chunk = _Chunk(probability, level_db, probability >= threshold)
        self._position += self._chunk
        if self._start is None:
            return self._watch_for_onset(chunk)
        self._turn.append(chunk)
        if chunk.speech:
            self._speech_end = self._position
            self._pause_told = False
        return self._judge_silence() or self._judge_length()

    def end(self) -> None:
        """End the open turn here; speech that goes on opens another."""
        self._start = None
        self._turn = []
        self._onset = []
        self._pause_told = False

    def speech(self, until: int | None = None) -> tuple[Span, ...]:
        """Return where the open turn holds speech, ascending, short gaps closed; never empty.

        `until` leaves out what comes after that sample.
        """
        assert self._start is not None
        until = self._position if until is None else until
        spans: list[Span] = []
        for index, chunk in enumerate(self._turn):
            start = self._start + index * self._chunk
            if not chunk.speech or start >= until:
                continue
            end = min(start + self._chunk, until)
            if spans and start - spans[-1][1] <= _JOIN_GAP_CHUNKS * self._chunk:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((start, end))
        return tuple(spans) or ((self._start, max(until, self._start + self._chunk)),)

    def _watch_for_onset(self, chunk: _Chunk) -> Opened | None:
        if not chunk.speech:
            self._onset = []
            return None
        self._onset.append(chunk)
        if len(self._onset) < ONSET_CHUNKS:
            return None
        self._turn, self._onset = self._onset, []
        self._start = self._position - len(self._turn) * self._chunk
        self._speech_end = self._position
        return Opened(self._start)

    def _judge_silence(self) -> Paused | Ended | None:
        silence_ms = (self._position - self._speech_end) * 1000 / RATE_HZ
        settings = self.settings
        if silence_ms >= max(settings.max_turn_silence_ms, settings.min_turn_silence_ms, 1):
            ended = Ended(self._speech_end, self.speech())
            self.end()
            return ended
        if silence_ms >= max(settings.min_turn_silence_ms, 1) and not self._pause_told:
            self._pause_told = True
            return Paused(self._speech_end)
        return None

    def _judge_length(self) -> Split | None:
        if len(self._turn) < self._max_chunks:
            return None
        assert self._start is not None
        keep = quietest(self._turn, first=int(len(self._turn) * _SPLIT_FROM))
        at = self._start + keep * self._chunk
        split = Split(at, self.speech(at))
        self._start = at
        self._turn = self._turn[keep:]
        self._speech_end = max(self._speech_end, at)
        return split


def quietest(chunks: list[_Chunk], *, first: int) -> int:
    """Return the index, not before `first`, at whose chunk a cut does the least harm.

    The middle of the five chunks (160 ms) that sound least like speech: their probability and
    their level, the latter scaled by the range in the turn so that both count from 0 to 1, and squared
    so that the depth of a short gap shows. Of equals the last.
    """
    levels = [chunk.level_db for chunk in chunks]
    low, high = min(levels), max(levels)
    span = max(high - low, 1.0)
    speechlike = [c.probability + ((c.level_db - low) / span) ** 2 for c in chunks]
    reach = _SPLIT_WINDOW_CHUNKS // 2
    best, best_score = first, float("inf")
    for index in range(first, len(chunks) - reach):
        score = sum(speechlike[index - reach : index + reach + 1])
        if score <= best_score:
            best, best_score = index, score
    return best
