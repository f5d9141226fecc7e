"""`python -m heard_client`: the command `heardctl`."""

import sys

from heard_client.cli import main

if __name__ == "__main__":
    sys.exit(main())
