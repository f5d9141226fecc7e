"""The second half of `make fuzz`: atheris (libFuzzer) looks for inputs that reach code not reached before.

    python -m tests.fuzz.guided control|pipes|service [SECONDS]

What it finds is written below out/fuzz, where what it has learnt is kept for the next time as well.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

try:
    import atheris
except ModuleNotFoundError:
    # Of the group `fuzz` in pyproject.toml, which names the machines that it is built for.
    print("atheris is not built for this machine: no second half", file=sys.stderr)
    sys.exit(0)

with atheris.instrument_imports(include=["heard", "heard_client"]):
    from .inputs import SEEDS
    from .targets import TARGETS

STUCK_S = 5


def main() -> None:
    """Run until the time is over or something is found; ends the process."""
    kind, seconds = sys.argv[1], int((sys.argv[2:] or ["60"])[0])
    logging.disable(logging.CRITICAL)
    corpus = Path("out") / "fuzz" / kind
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(SEEDS[kind]):
        (corpus / f"seed-{number:03}").write_bytes(data)
    options = [f"-max_total_time={seconds}", f"-timeout={STUCK_S}", "-max_len=4096", "-rss_limit_mb=1024"]
    found = f"-artifact_prefix={corpus.parent}/{kind}-"
    target = TARGETS[kind]()
    atheris.Setup([sys.argv[0], *options, found, "-print_final_stats=1", str(corpus)], target.feed)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
