"""`python -m heard.recognizer`: how the daemon starts the server, without its command line's weight.

SIGINT ends it with 0 here, as every child of the daemon: a Ctrl-C at the terminal reaches them all.
"""

import argparse
import sys
from pathlib import Path

from heard import logs

from .bind import DEFAULT_BIND
from .errors import StartError
from .process import INTERRUPTED, Options, run
from .registry import DEFAULT_ENGINE


def main(arguments: list[str] | None = None) -> int:
    """Read the arguments, serve, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m heard.recognizer",
        description="A speech recognizer behind a websocket that speaks AssemblyAI streaming v3.",
    )
    parser.add_argument("--bind", default=DEFAULT_BIND, metavar="HOST:PORT|unix:PATH")
    parser.add_argument("--key", type=Path, metavar="KEYFILE", help="clients must present this key")
    parser.add_argument("--engine", default=DEFAULT_ENGINE, metavar="NAME")
    parser.add_argument(
        "--lifeline", type=int, metavar="FD", help="stop when this file descriptor reads its end"
    )
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    parser.add_argument("--log-format", choices=("text", "json"), default="text")
    given = parser.parse_args(arguments)
    logs.set_up("recognizer", given.log_level, given.log_format)
    options = Options(bind=given.bind, key_file=given.key, engine=given.engine, lifeline_fd=given.lifeline)
    try:
        code = run(options)
    except StartError as error:
        sys.stderr.write(f"recognizer: {error}\n")
        return error.exit_code
    return 0 if code == INTERRUPTED else code


if __name__ == "__main__":
    sys.exit(main())
