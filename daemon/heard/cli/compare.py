"""`heard compare`: the same audio through several settings of noise reduction, and what is heard of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from heard.capture.lost import InputRefusedError
from heard.cli.comparison import Comparison, as_json, show
from heard.cli.fail import CREDENTIALS, FAILURE, INTERRUPTED, USAGE, Failure
from heard.cli.listener import cost_of, is_local, listening, recognizer
from heard.cli.live import screen_for
from heard.cli.options import configured, settings_from
from heard.compare import png as picture
from heard.compare.grid import DEFAULT, OFF, Setting, SettingsError, checked, parse
from heard.compare.recording import Recording, read, stems
from heard.compare.run import Doing, counted, kept_name, tried
from heard.compare.service import ServiceFailedError
from heard.compare.through import BackendFailedError
from heard.compare.verdict import judged, unreferenced
from heard.compare.words import words_of
from heard.denoise.registry import BackendError, Registry, default_mix, factories
from heard.recognizer.requirements import lacking
from heard.settings import WORKING_RATE_HZ, Source

MICROPHONE = "microphone"
GRACE_S = 20.0
"""A recording that is not there so long after its time will not come: the sound system hangs."""
POLL_S = 0.1
FROM_S, UNTIL_S = 2.0, 3600.0


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
@click.option(
    "--reference",
    "references",
    multiple=True,
    metavar="TEXT|@FILE",
    help="What is said in FILE: then word errors are counted. One for each FILE, in the same order.",
)
@click.option(
    "--settings",
    "wanted",
    metavar="NAME[:MIX],…",
    help="What to compare, such as off,noisereduce:0.3,deepfilter:0.5.  "
    f"[default: {','.join(s.name.replace(' ', ':') for s in DEFAULT)}, and what is configured]",
)
@click.option(
    "--service",
    metavar="NAME|URL",
    help="Who listens: local, the recognizer that comes with heard; assemblyai, the service of [upstream]; "
    "or the ws:// or wss:// address of any v3 service.  [default: as configured, else local]",
)
@click.option("--yes", is_flag=True, help="Send the audio to that service and be billed for the time.")
@click.option(
    "--mic", "mic_s", type=float, metavar="SECONDS", help="Record so long instead of reading a FILE."
)
@click.option(
    "--keep", type=click.Path(path_type=Path), metavar="DIR", help="Keep the audio of each setting as WAV."
)
@click.option(
    "--png", type=click.Path(path_type=Path), metavar="FILE", help="Draw all spectrograms as one PNG."
)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@configured
def compare(
    *,
    files: tuple[Path, ...],
    references: tuple[str, ...],
    wanted: str | None,
    service: str | None,
    yes: bool,
    mic_s: float | None,
    keep: Path | None,
    png: Path | None,
    form: str,
    config: Path | None,
    overrides: tuple[str, ...],
) -> int:
    """Find out whether noise reduction helps in your room.

    The same audio goes through several settings and then to a recognizer: the one that comes with heard, or
    a v3 service, which is paid for by the time (what it takes is said first; nothing is sent without --yes).
    With --reference word errors are counted; without, it shows where the settings differ, but nobody can tell
    which of them is right. What is recommended is what the figures support. Ten seconds mostly cannot
    tell; then it says about how many minutes can.

    The best evidence: read a page aloud, where and as you will speak, and give the page as reference.

    \b
    Examples:
      heard compare --mic 60 --reference @page.txt --keep listen/
      heard compare meeting.wav
      heard compare a.wav b.wav --reference @a.txt --reference @b.txt
      heard compare call.flac --settings noisereduce:0.3,noisereduce:0.3:adaptive,gate --png call.png
      heard compare a.wav --reference @a.txt --service assemblyai --yes
    """  # noqa: D301  # click wants the character, which a raw string does not hold
    settings = settings_from(config, overrides)
    source = settings.source[0]
    _check_input(files, mic_s)
    texts = _references(references, 1 if mic_s else len(files))
    wished = _wished(wanted, source)
    recordings = [] if mic_s else _recordings(files, source.channel)
    _check_output(keep, png, _names(files, wished))
    settings = listening(settings, service)
    if is_local(settings) and (lack := lacking()):
        raise Failure(lack, FAILURE)
    # What is quick to refuse was refused: loading takes seconds.
    registry = Registry()
    grid = _installed(wished, registry, asked_for=wanted is not None)
    if (cost := cost_of(settings, len(grid), mic_s or sum(each.seconds for each in recordings))) is not None:
        _note(cost.text)
        if cost.must_agree and not yes:
            raise Failure("nothing was sent: say --yes to agree, or take --service local", USAGE)
    name, hear = recognizer(settings)
    try:
        if mic_s:
            recordings = [_recorded(source, mic_s)]
        with _progress(len(grid) * len(recordings)) as doing:
            results = tried(
                recordings,
                grid,
                hear,
                registry,
                keep=keep,
                picture=(picture.ROWS, picture.COLUMNS),
                doing=doing,
            )
    except KeyboardInterrupt:
        raise Failure("interrupted", INTERRUPTED) from None
    except BackendFailedError as error:
        raise Failure(str(error), FAILURE) from None
    except ServiceFailedError as error:
        raise Failure(str(error), CREDENTIALS if error.refused else FAILURE) from None
    except OSError as error:
        raise Failure(f"{error.filename or keep}: {error.strerror or error}", FAILURE) from None
    seconds = sum(recording.seconds for recording in recordings)
    words = counted({each.setting: each.said for each in results}, texts)
    in_force = _of(source)
    if texts and any(text for each in results for text in each.said):
        verdict = judged(words.against_off, minutes=seconds / 60, kept=in_force)
    else:
        verdict = unreferenced(words.differs, minutes=seconds / 60, kept=in_force)
    found = Comparison(recordings, name, results, words, verdict, by_reference=bool(texts))
    if png:
        _draw(png, found)
    if form == "json":
        click.echo(as_json(found))
    else:
        show(found)
    return 0


def _check_input(files: Sequence[Path], mic_s: float | None) -> None:
    if mic_s is None and not files:
        raise Failure("nothing to listen to: name a FILE, or record with --mic SECONDS", USAGE)
    if mic_s is not None and files:
        raise Failure("--mic and FILE exclude each other: give one of them", USAGE)
    if mic_s is not None and not FROM_S <= mic_s <= UNTIL_S:
        raise Failure(f"--mic {mic_s:g}: must be {FROM_S:g} to {UNTIL_S:g} seconds", USAGE)


def _references(given: Sequence[str], files: int) -> list[str]:
    """Return the text for each file, or nothing."""
    if given and len(given) != files:
        raise Failure(f"--reference: {len(given)} given for {files}: give one for each FILE, or none", USAGE)
    texts = []
    for each in given:
        text, where = each, "--reference"
        if each.startswith("@"):
            where = f"--reference {each}"
            try:
                text = Path(each[1:]).read_text(encoding="utf-8")
            except OSError as error:
                raise Failure(f"{where}: {error.strerror}", USAGE) from None
            except UnicodeDecodeError:
                raise Failure(f"{where}: must be text in UTF-8", USAGE) from None
        if not words_of(text):
            raise Failure(f"{where}: holds no words; it must say what is spoken", USAGE)
        texts.append(text)
    return texts


def _wished(wanted: str | None, source: Source) -> tuple[Setting, ...]:
    """Return the settings that were asked for, else the usual ones and what is configured."""
    if wanted is None:
        return tuple(dict.fromkeys((*DEFAULT, _of(source))))
    try:
        return parse(wanted, factories(), default_mix)
    except SettingsError as error:
        raise Failure(f"--settings: {error}", USAGE) from None


def _installed(wished: Sequence[Setting], registry: Registry, *, asked_for: bool) -> tuple[Setting, ...]:
    """Return the settings whose backends can be had; one that is missing must not have been asked for."""
    there: list[Setting] = []
    for setting in wished:
        try:
            registry.get(setting.backend)
            there.append(setting)
        except BackendError as error:
            if asked_for:
                raise Failure(f"--settings: {error}", USAGE) from None
            _note(f"left out: {error}")
    try:
        return checked(there)
    except SettingsError as error:
        raise Failure(str(error), FAILURE) from None


def _of(source: Source) -> Setting:
    denoise = source.denoise
    if denoise.backend == OFF.backend:
        return OFF
    return Setting(denoise.backend, denoise.mix_in_force, denoise.adaptive)


def _recordings(files: Sequence[Path], channel: int) -> list[Recording]:
    try:
        return [read(path, channel, stem) for path, stem in zip(files, stems(files), strict=True)]
    except InputRefusedError as error:
        raise Failure(str(error), USAGE) from None


def _names(files: Sequence[Path], grid: Sequence[Setting]) -> dict[str, Path]:
    """Return what --keep is going to write, and which of FILE would be overwritten by each."""
    nothing = np.zeros(0, np.int16)
    names = {kept_name(Recording(stem, stem, nothing), setting) for stem in stems(files) for setting in grid}
    return {path.name: path for path in files if path.name in names}


def _check_output(keep: Path | None, png: Path | None, taken: dict[str, Path]) -> None:
    """Stumble before the work, not after it."""
    if keep is not None:
        try:
            keep.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Failure(f"--keep {keep}: {error.strerror}: must be a folder", USAGE) from None
        for name, path in taken.items():
            if path.resolve() == (keep / name).resolve():
                raise Failure(f"--keep {keep}: would overwrite {path}: name another folder", USAGE)
    if png is not None:
        if png.suffix.lower() != ".png" or png.is_dir() or not png.absolute().parent.is_dir():
            raise Failure(f"--png {png}: must be a file called ….png in a folder that exists", USAGE)
        if not picture.available():
            raise Failure("--png needs Pillow: pip install pillow", USAGE)


def _recorded(source: Source, seconds: float) -> Recording:
    """Record the device of `source`.

    Raises:
        Failure: it is not there, or the sound system hangs.
    """
    _note(f"recording {seconds:g} s from {source.device!r}: speak now; Ctrl-C ends it")
    argv = (sys.executable, "-m", "heard.compare.microphone", "--device", source.device)
    options = ("--seconds", str(seconds), "--channel", str(source.channel), "--rate-hz", str(source.rate_hz))
    with subprocess.Popen(
        (*argv, *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as child:
        try:
            raw, said = child.communicate(timeout=seconds + GRACE_S)
        except subprocess.TimeoutExpired:
            raise Failure(
                "the sound system did not answer: restart PipeWire or PulseAudio", FAILURE
            ) from None
        finally:
            child.kill()
    lines = said.decode(errors="replace").strip().splitlines()
    if child.returncode:
        raise Failure(lines[-1:] or f"recording ended with status {child.returncode}", FAILURE)
    for line in lines:
        _note(line)
    _note(f"recorded {len(raw) / 2 / WORKING_RATE_HZ:.1f} s")
    return Recording(MICROPHONE, MICROPHONE, np.frombuffer(raw, "<i2").astype(np.int16))


def _draw(path: Path, found: Comparison) -> None:
    first = Path(found.recordings[0].name).name
    panels = [
        (f"{first}: {each.setting.name}", each.shades) for each in found.tried if each.shades is not None
    ]
    try:
        picture.draw(path, panels)
    except OSError as error:
        raise Failure(f"--png {path}: {error.strerror or error}", FAILURE) from None


@contextmanager
def _progress(total: int) -> Iterator[Doing]:
    """Show a bar on stderr; nothing where that is no terminal."""
    console = screen_for(sys.stderr, sys.stderr)
    if console is None:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("starting", total=total)
        begun = -1

        def doing(what: str) -> None:
            nonlocal begun
            begun += 1
            progress.update(task, completed=begun, description=what)

        yield doing


def _note(line: str) -> None:
    click.echo(f"heard: {line}", err=True)
