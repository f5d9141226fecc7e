"""`python -m heard.metrics --runtime-dir DIR [--lifeline FD]`: started by supervise."""

import sys

from heard.metrics.process import main

if __name__ == "__main__":
    sys.exit(main())
