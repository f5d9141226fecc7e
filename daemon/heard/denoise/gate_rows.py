"""Core: arrays whose first axis is the stream, so that one call of numpy serves many."""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
"""Which streams; none twice. Shape (rows,)."""
Numbers = npt.NDArray[np.int64]
"""A frame's number for each of them."""
Bins = npt.NDArray[np.float32]
"""Something of each bin of each of these frames, shape (rows, bins)."""

Item = TypeVar("Item", np.float32, np.complex64, np.int64)


def grown(array: npt.NDArray[Item], capacity: int) -> npt.NDArray[Item]:
    """Return a copy with `capacity` rows, the new ones 0."""
    larger = np.zeros((capacity, *array.shape[1:]), array.dtype)
    larger[: len(array)] = array
    return larger


def row_bytes(array: npt.NDArray[np.generic]) -> int:
    """Return the memory that a row takes."""
    return array.itemsize * math.prod(array.shape[1:])


def box_sums(values: Bins, width: int) -> Bins:
    """Return the sums of `width` neighbours along the last axis, which gets `width` - 1 shorter.

    By doubling: some log2(width) additions each; and a sum does not depend on what lies outside of it, as it
    would with a running sum.
    """
    if width == 1:
        return values
    half = width // 2
    sums = box_sums(values, half)
    sums = sums[..., :-half] + sums[..., half:]
    return sums[..., :-1] + values[..., 2 * half :] if width % 2 else sums
