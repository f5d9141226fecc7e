"""Core: where the API key was looked for, and what is wrong with it. The key itself comes by nowhere."""

from __future__ import annotations

from dataclasses import dataclass

from heard.doctor.finding import Finding, fault, ok, skipped, warning

CHECK = "key"


@dataclass(frozen=True, slots=True)
class Looked:
    """One place where the key may be: `there` whether something is, `mine` whether it belongs to us."""

    place: str
    there: bool


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The configured file, as it lies there; None of it where it does not."""

    path: str
    mode: int
    owner: str
    mine: bool


@dataclass(frozen=True, slots=True)
class Credential:
    """A line of the unit that gives the service the key.

    `missing`: the file that it is to be in, where that is known not to be there; else "".
    """

    line: str
    missing: str = ""


def key(
    service: str,
    looked: tuple[Looked, ...],
    file: KeyFile | None,
    error: str | None,
    credential: Credential | None = None,
) -> list[Finding]:
    """Judge the key; `error` is why there is none that can be used, None where there is one.

    `credential` is how systemd gives the service one, which nobody else can see.
    """
    if service == "local":
        return [skipped(CHECK, 'none is needed: upstream.service = "local"')]
    if error is None:
        used = next(each.place for each in looked if each.there)
        return [ok(CHECK, f"found in {used}")]
    if file is not None and file.mode & 0o077:
        return [fault(CHECK, error, f"chmod 600 {file.path}")]
    if file is not None and not file.mine:
        return [fault(CHECK, f"{error} (it belongs to {file.owner})", f"sudo chown $USER {file.path}")]
    if not any(each.there for each in looked) and credential and credential.missing:
        return [
            fault(
                CHECK,
                f"none found; the service would be given one ({credential.line}), but there is no such file",
                f"sudo install -D -m 600 /dev/stdin {credential.missing}, paste it, Ctrl-D",
            )
        ]
    if not any(each.there for each in looked) and credential:
        return [
            warning(
                CHECK,
                f"the service is given one ({credential.line}); here, outside of it, there is none",
                f"as the service looks: sudo systemd-run --pipe --wait -p {credential.line} heard doctor",
            )
        ]
    if not any(each.there for each in looked):
        places = ", ".join(each.place for each in looked)
        path = file_of(looked) or "/etc/heard/assemblyai-api-key"
        return [
            fault(
                CHECK,
                f"none found; looked for {places}",
                f'install -m 600 /dev/stdin {path}, paste it, Ctrl-D; upstream.api_key_file = "{path}"',
            )
        ]
    return [fault(CHECK, error, "put the key there, and nothing else")]


def file_of(looked: tuple[Looked, ...]) -> str | None:
    """Return the path of the configured file, None where none is."""
    found = (each.place for each in looked if each.place.startswith("file "))
    return next((place.removeprefix("file ") for place in found), None)
