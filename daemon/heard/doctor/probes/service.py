"""Asks systemd about heard's units."""

from __future__ import annotations

from heard.doctor.probes import child
from heard.doctor.service import PROPERTIES, UNIT, Unit, credentials, read

ASK_S = 5.0


def units() -> tuple[Unit, ...]:
    """Return the unit of the system and that of this user."""
    return _unit("system", ()), _unit("user", ("--user",))


def _unit(scope: str, options: tuple[str, ...]) -> Unit:
    argv = ["systemctl", *options, "show", UNIT, f"--property={','.join(PROPERTIES)}"]
    ended = child.run(argv, ASK_S)
    if ended.code is None:
        return Unit(scope, {}, f"systemctl does not answer within {ASK_S:g} s")
    if ended.code:
        return Unit(scope, {}, ended.last_line or f"systemctl ended with {ended.code}")
    properties = read(ended.output.decode(errors="replace"))
    if properties.get("LoadState") != "loaded":
        return Unit(scope, properties)
    text = child.run(["systemctl", *options, "cat", "--no-pager", UNIT], ASK_S).output
    return Unit(scope, properties, credentials=credentials(text.decode(errors="replace")))
