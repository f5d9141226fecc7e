"""The shell that makes the inputs: each loads the libraries that it needs, and no others."""

from __future__ import annotations

import logging
from typing import assert_never

from heard.capture.blocks import Track
from heard.capture.lost import InputRefusedError
from heard.capture.source import Exhausted, Input
from heard.settings import Capture, Source

log = logging.getLogger(__name__)


class Inputs:
    """Makes the inputs of one process."""

    def __init__(self, settings: Capture) -> None:
        self._settings = settings

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
                from heard.capture.device import DeviceInput  # noqa: PLC0415  # loads the resampler

                stall_s = self._settings.stall_ms / 1000
                return DeviceInput(source, reads=self._settings.reads, stall_s=stall_s)
            case _:
                assert_never(source.input)
