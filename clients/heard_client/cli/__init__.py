"""`heardctl`: a client of the control socket and the publish socket like any other.

One file a command. `main` turns whatever happens into an exit code and at most one line on stderr.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from heard import __version__
from heard_client.cli.devices import devices
from heard_client.cli.endpoint import endpoint
from heard_client.cli.forget import forget
from heard_client.cli.history import history
from heard_client.cli.learn_noise import learn_noise
from heard_client.cli.listen import listen
from heard_client.cli.mute import mute, unmute
from heard_client.cli.outcome import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, exit_code
from heard_client.cli.reconnect import reconnect
from heard_client.cli.reload import reload
from heard_client.cli.search import search
from heard_client.cli.settings import get, set_
from heard_client.cli.status import status
from heard_client.cli.stop import stop
from heard_client.errors import HeardError

EPILOG = """\b
For example:
  heardctl status --follow
  heardctl listen --source mic --finals
  heardctl set mic denoise.mix 0.5
  heardctl history --since 10m

Exit codes: 0 ok, 1 the daemon said no, 2 usage, 3 the daemon is not running, 130 interrupted.
"""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="heardctl")
def heardctl() -> None:
    """Look at a running heard daemon, listen to it, and tell it what to do."""


for each in (
    status,
    listen,
    mute,
    unmute,
    get,
    set_,
    learn_noise,
    endpoint,
    reconnect,
    reload,
    devices,
    stop,
):
    heardctl.add_command(each)
for each in (history, search, forget):
    heardctl.add_command(each)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `heardctl` with `arguments` (None: the process's own) and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A terminal without UTF-8 shows a question mark rather than ending the program.
            stream.reconfigure(errors="replace")
    try:
        heardctl.main(args=arguments, prog_name="heardctl", standalone_mode=False)
    except HeardError as error:
        return _fail(str(error), exit_code(error))
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return EXIT_USAGE
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "heardctl"
        text = error.format_message().rstrip(".")
        return _fail(f"{text}; see `{where} --help`", EXIT_USAGE)
    except click.ClickException as error:
        return _fail(error.format_message(), EXIT_FAILURE)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has enough (`heardctl listen | head`).
        _discard_output()
        return EXIT_OK
    except OSError as error:
        _discard_output()
        return _fail(f"the output cannot be written: {error.strerror}", EXIT_FAILURE)
    return EXIT_OK


def _discard_output() -> None:
    """Send what is still in the buffer nowhere: Python's own flush at the end would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(text: str, code: int) -> int:
    click.echo(f"heardctl: {' '.join(text.split())}", err=True)
    return code
