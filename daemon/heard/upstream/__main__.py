"""`python -m heard.upstream --runtime-dir DIR [--lifeline FD]`: started by supervise."""

import sys

from heard import dumps

if __name__ == "__main__":
    # Before the rest is loaded: the key may be in the environment from the first moment.
    dumps.forbid()
    from heard.upstream.process import main

    sys.exit(main())
