"""`heardctl learn-noise`."""

from __future__ import annotations

import click

from heard_client.cli.options import Where, endpoints


@click.command("learn-noise", epilog="For example: heardctl learn-noise mic --seconds 5")
@click.argument("source")
@click.option("--seconds", type=float, default=2.0, show_default=True, help="How long to listen: 0.5 to 25.")
@endpoints
def learn_noise(
    source: str, seconds: float, control_given: str | None, transcripts_given: str | None
) -> None:
    """Measure the noise that SOURCE hears now, while nobody speaks, and keep it.

    It is used while denoise.noise is "learned", also after a restart, until the next measurement. The sound
    itself is kept, in the daemon's state directory, for nobody else to read.
    """
    with Where(control_given, transcripts_given).control() as control:
        learned = control.learn_noise(source, seconds)
    click.echo(f"{source}: noise at {learned.noise_dbfs:.1f} dBFS over {learned.seconds:g} s")
    if not learned.in_force:
        known = f" (backends: {', '.join(learned.backends)})" if learned.backends else ""
        click.echo(f"not in use; to use it: heardctl set {source} denoise.noise learned{known}", err=True)
