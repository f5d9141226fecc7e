"""`heard run` with the stages of this package: `python -m tests.bench.bare run --config FILE`."""

from __future__ import annotations

import sys
from dataclasses import replace

from heard.cli import main
from heard.supervise import table

BARE = ("capture", "upstream", "publish")

if __name__ == "__main__":
    table.CHILDREN = tuple(  # type: ignore[assignment]  # as many as there are
        replace(child, module=f"{__package__}.{child.name}") if child.name in BARE else child
        for child in table.CHILDREN
    )
    sys.exit(main())
