"""The shell that makes the inputs: each loads the libraries that it needs, and no others."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, assert_never

from heard.capture.blocks import Track
from heard.capture.source import Exhausted, Input, InputRefusedError
from heard.settings import Capture, Source

if TYPE_CHECKING:
    from heard.capture.portaudio import Calls

log = logging.getLogger(__name__)

HUNG_S = 15.0
"""A call to PortAudio that takes so long will not return; a fresh process starts with a fresh library."""


class HungError(Exception):
    """PortAudio does not return; only the end of this process helps."""


class Inputs:
    """Makes the inputs of one process."""

    def __init__(self, settings: Capture) -> None:
        self._settings = settings
        self._calls: Calls | None = None

    def of(self, source: Source, track: Track) -> Input:
        """Return the input of a source, to go on where its track stands.

        Raises:
            InputRefusedError: it can never be read as it is configured, and nothing was heard of it yet.
        """
        if track.record.ended:
            return Exhausted(source.path or source.input)
        try:
            return self._made(source, track)
        except InputRefusedError as error:
            if not track.record.started:
                raise
            # It was read before this process was restarted: what was heard is still delivered.
            log.error("%s: ends here: %s", source.name, error)
            return Exhausted(source.path or source.input)

    def check(self) -> None:
        """Raise HungError where PortAudio does not return."""
        if self._calls is not None and (hung_s := self._calls.hung_s()) > HUNG_S:
            raise HungError(f"the sound system has not answered for {hung_s:.0f} s: starting anew")

    def _made(self, source: Source, track: Track) -> Input:
        place = track.record.place
        match source.input:
            case "file":
                from heard.capture.files import FileInput  # noqa: PLC0415  # loads libsndfile

                return FileInput(source, place, track.next)
            case "stdin":
                from heard.capture.stdin import StdinInput  # noqa: PLC0415  # loads the resampler

                return StdinInput(source, place, track.next)
            case "device":
                from heard.capture.device import DeviceInput  # noqa: PLC0415  # loads PortAudio
                from heard.capture.portaudio import Calls  # noqa: PLC0415  # likewise

                self._calls = self._calls or Calls()
                stall_s = self._settings.stall_ms / 1000
                return DeviceInput(source, self._calls, reads=self._settings.reads, stall_s=stall_s)
            case _:
                assert_never(source.input)
