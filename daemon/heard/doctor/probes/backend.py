"""`python -m heard.doctor.probes.backend NAME`: load one backend; exit 1 and a line where that fails."""

from __future__ import annotations

import sys

from heard.denoise.registry import BackendError, Registry


def main() -> int:
    """Return the exit status."""
    try:
        Registry().get(sys.argv[1])
    except BackendError as error:
        sys.stderr.write(" ".join(str(error).split()) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
