"""`heard`: the daemon and the offline tools. One file a command, imported when it is used."""

from __future__ import annotations

import importlib
import sys

import click

from heard import __version__

COMMANDS = {
    "run": "Run the daemon in the foreground.",
    "demo": "Hear it work: a live transcript of a noisy recording, or of your microphone.",
    "transcribe": "Transcribe one file through the whole pipeline.",
    "compare": "Find out whether noise reduction helps in your room.",
    "web": "Serve a live page: captions, levels, spectrograms, search.",
    "recognizer": "Run the speech recognizer that comes with heard, alone.",
    "bridge": "Carry transcripts to MQTT, NATS, a webhook or Wyoming.",
    "devices": "List the inputs that `device =` accepts.",
    "doctor": "Find what keeps heard from working, and the fix.",
    "config": "Check, show or describe the configuration.",
    "install-service": "Let systemd run heard, or undo that.",
    "keygen": "Make the keys with which clients on other machines connect.",
}
"""Commands in the order in which help shows them, with the line that it shows."""


class Lazy(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        """Return the names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command of that name, None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        name = cmd_name.replace("-", "_")
        module = importlib.import_module(f"heard.cli.{name}")
        command: click.Command = getattr(module, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table without importing a command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="heard")
def heard() -> None:
    """Listen through noise: capture audio, reduce its noise, transcribe it, publish the transcript.

    Start with `heard demo`: it needs no key, no network and no configuration.
    """


def main() -> int:
    """Run the command line; return the exit status."""
    try:
        outcome = heard.main(prog_name="heard", standalone_mode=False)
    except click.exceptions.Abort:
        return 130
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`heard … | head`): nothing is left to say to it.
        sys.stderr.close()
        return 1
    return outcome if isinstance(outcome, int) else 0
