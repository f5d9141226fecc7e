"""`python -m heard.denoise --runtime-dir DIR [--lifeline FD]`: started by supervise."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

# Read when NumPy is loaded: threads of its own would only wait for each other on windows this small.
for _threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

from heard.denoise.allocator import keep_freed_memory  # noqa: E402  # after the above
from heard.denoise.process import TICK_S, Denoising  # noqa: E402  # likewise
from heard.stage import Options, Stage  # noqa: E402  # likewise


def main() -> int:
    """Run the stage; return its exit status."""
    parser = argparse.ArgumentParser(
        prog="heard.denoise", description="Lower the noise (started by heard run)."
    )
    parser.add_argument("--runtime-dir", type=Path, required=True)
    parser.add_argument("--lifeline", type=int)
    options = parser.parse_args()
    keep_freed_memory()
    stage = Stage("denoise", Options(options.runtime_dir, options.lifeline))
    return stage.run(Denoising(stage), TICK_S)


if __name__ == "__main__":
    sys.exit(main())
