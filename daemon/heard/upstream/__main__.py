"""`python -m heard.upstream --runtime-dir DIR [--lifeline FD]`: started by supervise."""

import sys

from heard.upstream.process import main

if __name__ == "__main__":
    sys.exit(main())
