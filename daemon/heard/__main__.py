"""`python -m heard`, and the entry point of every child process."""

import sys

from heard.cli import main

if __name__ == "__main__":
    sys.exit(main())
