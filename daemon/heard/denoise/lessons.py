"""Core: what sources are learning of their noise, from the order to its answer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

from heard.denoise.passage import Passage
from heard.denoise.profile import LEARNED, LEAST_S, Learning, Profile, ProfileError, Profiles, checked, write
from heard.denoise.registry import TAKE_PROFILE, BackendError
from heard.settings import WORKING_RATE_HZ
from heard.wire.codec import Body
from heard.wire.control import Code, ControlError
from heard.wire.report import Answer

log = logging.getLogger(__name__)

MOST_S = 25.0
LATE_S = 3.0
"""How much longer than it lasts the noise is waited for; the client's wait is longer."""


@dataclass(frozen=True, slots=True)
class _Lesson:
    number: int
    passage: Passage
    learning: Learning
    due: float


class Lessons:
    """At most one of each source."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles
        self._lessons: list[_Lesson] = []

    def begin(self, number: int, passage: Passage, seconds: float, now: float, utc: float) -> None:
        """Let a source measure its noise for the order `number`, from `utc` on; `now`: monotonic seconds.

        Raises:
            ControlError: that is too short or too long, or the source is at it already.
        """
        if not LEAST_S <= seconds <= MOST_S:
            text = f"seconds: must be {LEAST_S:g} to {MOST_S:g}, not {seconds:g}"
            raise ControlError(Code.BAD_VALUE, text)
        if passage.learning:
            raise ControlError(Code.NOT_AVAILABLE, f"{passage.name} is learning its noise already")
        passage.learning = Learning(round(seconds * WORKING_RATE_HZ), utc)
        self._lessons.append(_Lesson(number, passage, passage.learning, now + seconds + LATE_S))

    def answers(self, now: float) -> Iterator[Answer]:
        """Yield the answers that are due; what was learned is kept, and put in force where it is chosen."""
        for lesson in [each for each in self._lessons if _over(each, now)]:
            self._lessons.remove(lesson)
            lesson.passage.learning = None
            try:
                yield Answer(lesson.number, self._learned(lesson))
            except (ProfileError, BackendError) as error:
                yield Answer(lesson.number, code=Code.NOT_AVAILABLE, message=str(error))

    def _learned(self, lesson: _Lesson) -> Body:
        passage, learning = lesson.passage, lesson.learning
        if not learning.complete:
            heard_s = len(learning.pcm) / WORKING_RATE_HZ
            why = learning.interrupted or "no more came in time"
            raise ProfileError(f"{passage.name}: {why} after {heard_s:.1f} s: nothing was learned")
        profile: Profile = checked(learning.pcm, passage.name)
        path = self._profiles.path(passage.name)
        write(path, profile)
        log.info("%s: learned its noise, %s dBFS: %s", passage.name, profile.noise_dbfs, path)
        if passage.noise == LEARNED:
            passage.learned(profile)
        return {
            "noise_dbfs": profile.noise_dbfs,
            "seconds": profile.seconds,
            "in_force": passage.noise_in_force == LEARNED,
            "backends": list(TAKE_PROFILE),
        }


def _over(lesson: _Lesson, now: float) -> bool:
    return lesson.learning.complete or lesson.learning.interrupted is not None or now >= lesson.due
