"""The configuration as a whole: where it comes from, what it becomes, and every error at once."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from heard.config import ConfigError, load
from heard.config import merge as config_merge
from heard.config.checks import backends
from heard.config.errors import either
from heard.settings import Denoise, Settings, Source

NOWHERE = {"HOME": "/nonexistent", "XDG_RUNTIME_DIR": "/run/user/1", "XDG_STATE_HOME": "/home/me/.state"}


@pytest.fixture(autouse=True)
def _no_system_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(config_merge, "SYSTEM_FILE", tmp_path / "etc/heard.toml")


def settings(
    text: str = "", *overrides: str, environ: Mapping[str, str] | None = None, folder: Path | None = None
) -> Settings:
    """Return what a file with `text`, --set and the environment give."""
    path = None
    if folder is not None:
        path = folder / "heard.toml"
        path.write_text(text, encoding="utf-8")
    return load(path, overrides, {**NOWHERE, **(environ or {})}).settings


def errors(text: str, folder: Path, *overrides: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return what is wrong, the file called FILE."""
    with pytest.raises(ConfigError) as raised:
        settings(text, *overrides, environ=environ, folder=folder)
    assert all("\n" not in error for error in raised.value.errors)
    return [error.replace(str(folder / "heard.toml"), "FILE") for error in raised.value.errors]


def test_without_anything_the_defaults_count() -> None:
    """Only what depends on the machine differs from the plain defaults: paths and endpoints."""
    found = load(None, [], NOWHERE)
    assert found.files_read == ()
    plain = Settings()
    assert found.settings == dataclasses.replace(
        plain,
        runtime_dir="/run/user/1/heard",
        state_dir="/home/me/.state/heard",
        publish=dataclasses.replace(plain.publish, endpoint="ipc:///run/user/1/heard/transcripts"),
        control=dataclasses.replace(plain.control, endpoint="ipc:///run/user/1/heard/control"),
    )
    assert [source.name for source in found.settings.source] == ["mic"]


def test_the_directories_of_a_service_come_first() -> None:
    """Systemd's directories before the user's; none at all: the system's."""
    found = settings(environ={"RUNTIME_DIRECTORY": "/run/heard-a:/run/b", "STATE_DIRECTORY": "/var/lib/a"})
    assert (found.runtime_dir, found.state_dir) == ("/run/heard-a", "/var/lib/a")
    bare = load(None, [], {}).settings
    assert (bare.runtime_dir, bare.state_dir) == ("/run/heard", "/var/lib/heard")
    given = settings("", "runtime_dir=rel/dir")
    assert given.runtime_dir == str(Path.cwd() / "rel/dir")
    assert given.control.endpoint == f"ipc://{given.runtime_dir}/control"


def test_each_source_of_values_overrides_the_one_before(tmp_path: Path) -> None:
    """File, then conf.d by name, then the environment, then --set; key by key."""
    drop_ins = tmp_path / "conf.d"
    drop_ins.mkdir()
    (drop_ins / "20.toml").write_text("[capture]\nretention_s = 20\nblock_ms = 20\n")
    (drop_ins / "10.toml").write_text("[capture]\nretention_s = 10\nstall_ms = 1000\n")
    (drop_ins / ".#30.toml").write_text("not for us [")
    (drop_ins / "README").write_text("nor this [")
    text = "[capture]\nretention_s = 1\nblock_ms = 10\nreads = 'blocking'\n"
    found = settings(text, folder=tmp_path).capture
    assert (found.retention_s, found.block_ms, found.stall_ms, found.reads) == (20, 20, 1000, "blocking")
    environ = {"HEARD_CAPTURE__RETENTION_S": "30", "HEARD_CAPTURE__STALL_MS": "300"}
    found = settings(text, "capture.stall_ms=400", environ=environ, folder=tmp_path).capture
    assert (found.retention_s, found.stall_ms) == (30.0, 400)


def test_sources_are_merged_by_name(tmp_path: Path) -> None:
    """A drop-in changes one source and adds another; the rest stands."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/a.toml").write_text(
        "[[source]]\nname = 'hall'\ndenoise.mix = 0.1\n[[source]]\nname = 'desk'\n"
    )
    text = "[[source]]\nname = 'door'\nchannel = 2\n[[source]]\nname = 'hall'\nchannel = 3\n"
    assert settings(text, folder=tmp_path).source == (
        Source(name="door", channel=2),
        Source(name="hall", channel=3, denoise=Denoise(mix=0.1)),
        Source(name="desk"),
    )


def test_a_source_is_addressed_by_its_name(tmp_path: Path) -> None:
    """Also one with a dash, for which a variable has an underscore; and the built-in one."""
    environ = {"HEARD_SOURCE__FRONT_DOOR__DEVICE": "USB", "HEARD_SOURCE__FRONT-DOOR__DENOISE__MIX": "0.25"}
    text = "[[source]]\nname = 'front-door'\n"
    found = settings(text, "source.front-door.channel=2", environ=environ, folder=tmp_path)
    assert found.source == (Source(name="front-door", device="USB", channel=2, denoise=Denoise(mix=0.25)),)
    assert settings("", "source.mic.denoise.mix=0.5").source == (Source(denoise=Denoise(mix=0.5)),)


def test_all_sources_can_be_given_at_once() -> None:
    """A list replaces them."""
    found = settings("", 'source=[{name="a", input="file", path="/a.wav"}, {name="b"}]', "source.b.channel=0")
    assert found.source == (Source(name="a", input="file", path="/a.wav"), Source(name="b", channel=0))


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("capture.retention_s=5", "capture.retention_s", 5.0),
        ("capture.retention_s=2.5", "capture.retention_s", 2.5),
        ("publish.partials=false", "publish.partials", False),
        ("publish.partials=No", "publish.partials", False),
        ("publish.audio=1", "publish.audio", True),
        ("upstream.url=ws://localhost:1/x=y", "upstream.url", "ws://localhost:1/x=y"),
        ('upstream.speech_model="quoted"', "upstream.speech_model", "quoted"),
        ("upstream.speech_model=1979-05-27", "upstream.speech_model", "1979-05-27"),
        ("upstream.params.keyterms_prompt=['a', 'b']", "upstream.params", {"keyterms_prompt": ["a", "b"]}),
        ("upstream.params={voice_focus='far-field'}", "upstream.params", {"voice_focus": "far-field"}),
        ("upstream.params.x=007", "upstream.params", {"x": "007"}),
        ("upstream.params.x=true", "upstream.params", {"x": True}),
    ],
)
def test_values_on_the_command_line_are_toml_or_text(override: str, path: str, value: object) -> None:
    """What parses as TOML is that; what does not, or does not fit, is text."""
    section, key = path.split(".")
    found = getattr(getattr(settings("", override), section), key)
    assert found == value
    assert type(found) is type(value)
    if section == "capture":
        assert settings(
            environ={f"HEARD_{section}__{key}".upper(): override.partition("=")[2]}
        ).capture.block_ms


def test_a_device_may_be_called_by_a_number(tmp_path: Path) -> None:
    """From outside a number is text where text is wanted; in a file it must be in quotes."""
    assert settings("", "source.mic.device=3").source[0].device == "3"
    assert errors("[[source]]\ndevice = 3\n", tmp_path) == [
        "FILE: source.mic.device = 3: must be text in quotes"
    ]


def test_every_error_at_once(tmp_path: Path) -> None:
    """Files, environment and --set together; each line says where, what, and what would be right."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/x.toml").write_text("a = \n")
    text = """
        retention_s = 3
        exit_when_done = "yes"
        [publish]
        endpont = "x"
        journal_days = "30"
        endpoint = "tcp://*:5555"
        [control]
        endpoint = "ipc://relative/path"
        [capture]
        block_ms = 7
        retention_s = true
        [upstream]
        frame_ms = 20
        service = "cloud"
        url = "https://host/v3"
        [upstream.params]
        token = "the-secret"
        max_turn_silence = "x"
        keyterms_prompt = [1]
        [[source]]
        name = "Big Room"
        mix = 0.3
        input = "file"
        [[source]]
        name = "hall"
        input = "stdin"
        denoise = { backend = "magic", mix = 2, noise = "room.wav", adaptive = 1 }
        [[source]]
        name = "hal"
        input = "stdin"
        [[source]]
        name = "hall"
    """
    environ = {
        "HEARD_SOURCE__HALL__CHANNEL": "-1",
        "HEARD_UPSTREAM_SERVICE": "local",
        "HEARD_CAPTURE__FOO": "1",
        "HEARD_PORT_80_TCP_ADDR": "10.0.0.1",
        "HEARD_SERVICE_HOST": "10.0.0.1",
    }
    overrides = ["source.hell.device=x", "capture", "=3", "a..b=1", "source.hall=3"]
    found = errors(text, tmp_path, *overrides, environ=environ)
    conf_d = f"{tmp_path}/conf.d/x.toml"
    expected = [
        'FILE: source.name = "hall": must differ from the other sources\' names',
        f"{conf_d}:1:5: Invalid value",
        "$HEARD_UPSTREAM_SERVICE: unknown key; did you mean HEARD_UPSTREAM__SERVICE?",
        "--set 'capture': must be section.key=value",
        "--set '=3': must be section.key=value",
        "--set 'a..b=1': must be section.key=value",
        "--set: source.hall: must be source.NAME.key",
        "FILE: retention_s: unknown key here; did you mean capture.retention_s?",
        'FILE: exit_when_done = "yes": must be true or false',
        "FILE: publish.endpont: unknown key; did you mean endpoint?",
        'FILE: publish.journal_days = "30": must be a whole number, 0 or more',
        "FILE: capture.block_ms = 7: must be 10, 20, 30 or 40",
        "FILE: capture.retention_s = true: must be a number from 1 to 86400",
        (
            "$HEARD_CAPTURE__FOO: capture.foo: unknown key; "
            "must be retention_s, spool, block_ms, reads or stall_ms"
        ),
        "FILE: upstream.frame_ms = 20: must be a whole number from 50 to 1000",
        'FILE: upstream.service = "cloud": must be "local" or "assemblyai"',
        (
            "FILE: upstream.params.keyterms_prompt = [1]: "
            "must be text in quotes, a number, true or false or a list of texts"
        ),
        "FILE: source.Big Room.mix: unknown key here; did you mean source.denoise.mix?",
        "FILE: source.hall.denoise.mix = 2: must be a number from 0 to 1",
        "FILE: source.hall.denoise.adaptive = 1: must be true or false",
        "$HEARD_SOURCE__HALL__CHANNEL: source.hall.channel = -1: must be a whole number from 0 to 64",
        (
            'FILE: publish.endpoint = "tcp://*:5555": must be ipc://, or have curve.secret_key_file and '
            "curve.allowed_clients_dir: over tcp:// only clients with a listed key may connect; "
            "`heard keygen --server` and `heard keygen --client NAME` make the keys"
        ),
        (
            'FILE: control.endpoint = "ipc://relative/path": '
            "must be ipc:// and an absolute path, not 'ipc://relative/path'"
        ),
        (
            'FILE: upstream.url = "https://host/v3": must be ws:// or wss:// and a host, '
            'as in "wss://streaming.assemblyai.com/v3/ws"'
        ),
        'FILE: upstream.params.token = "****": must be left out: the key comes from upstream.api_key_file',
        'FILE: upstream.params.max_turn_silence = "x": must be a whole number of 0 or more ms',
        "FILE: source.Big Room.name = \"Big Room\": must be 1 to 32 of a-z, 0-9 and '-'",
        'FILE: source.Big Room.path = "": must name a file, since input = "file"',
        (
            'FILE: source.hall.denoise.noise = "room.wav": '
            "must be tracked, learned, or the absolute path of a WAV file"
        ),
        f'FILE: source.hall.denoise.backend = "magic": must be {either(backends())}',
        'FILE: source.hal.input = "stdin": must not be stdin for more than one source',
    ]
    assert found == expected
    assert "the-secret" not in "".join(found)


def test_an_unknown_source_lists_the_others(tmp_path: Path) -> None:
    """With a guess where one is near."""
    text = "[[source]]\nname = 'left'\n[[source]]\nname = 'right'\n"
    environ = {"HEARD_SOURCE__CENTER__LOOP": "1"}
    assert errors(text, tmp_path, "source.rigth.loop=true", environ=environ) == [
        (
            "$HEARD_SOURCE__CENTER__LOOP: source.center.loop: "
            "no source is called 'center'; must be left or right"
        ),
        "--set: source.rigth.loop: no source is called 'rigth'; did you mean right?",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[source]\nname = 'mic'\n",
            "source: must be [[source]], in double brackets, with its name as a key",
        ),
        ("source = []\n", "source: must be one or more [[source]] tables"),
        ("source = ['mic']\n", "source: must be one or more [[source]] tables"),
        ("publish = 3\n", "publish = 3: must be a table, [publish]"),
        ("[[publish]]\naudio = true\n", "publish = [{audio = true}]: must be a table, [publish]"),
        ("[publish.endpoint]\nx = 1\n", "publish.endpoint = {…}: must be text in quotes"),
        ("[upstream]\nparams = 'x=1'\n", 'upstream.params = "x=1": must be a table, [upstream.params]'),
        ("[capture]\nretention_s = nan\n", "capture.retention_s = nan: must be a number from 1 to 86400"),
        (
            "[capture]\nstall_ms = 800.0\n",
            "capture.stall_ms = 800.0: must be a whole number from 100 to 60000",
        ),
        ("[[source]]\npath = 'a\\u0000'\n", 'source.mic.path = "a\\u0000": must not hold a zero character'),
        ("[upstream]\nspeech_model = ''\n", 'upstream.speech_model = "": must name a model'),
        ("[upstream]\nidle_close_s = 5\n", "upstream.idle_close_s = 5.0: must be 0 (never) or at least 10"),
        (
            "[upstream.params]\nmin_turn_silence = 900\nmax_turn_silence = 100\n",
            "upstream.params: min_turn_silence = 900: must not be above max_turn_silence = 100",
        ),
        (
            "[control]\nendpoint = 'ipc://{runtime_dir}/transcripts'\n",
            'control.endpoint = "ipc:///run/user/1/heard/transcripts": must differ from publish.endpoint',
        ),
        (
            "[publish]\nendpoint = 'ipc://{runtime_dir}/raw'\n",
            (
                'publish.endpoint = "ipc:///run/user/1/heard/raw": '
                "is a socket of the daemon's own; must have another name"
            ),
        ),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str, tmp_path: Path) -> None:
    """One line each."""
    # A TOML escape of a zero character is written as the two characters that it is in a file.
    text = text.replace("'a\\u0000'", '"a\\u0000"')
    assert errors(text, tmp_path) == [f"FILE: {message}"]


def test_a_key_in_the_url_is_refused_and_not_shown(tmp_path: Path) -> None:
    """Neither as a parameter nor as a user."""
    for url in ("wss://host/v3/ws?token=hush", "wss://user:hush@host/v3/ws"):
        (error,) = errors(f"[upstream]\nurl = '{url}'\n", tmp_path)
        assert error.startswith("FILE: upstream.url: must hold neither a key nor parameters")
        assert "hush" not in error


def test_a_runtime_directory_that_is_too_long(tmp_path: Path) -> None:
    """A unix socket's path has 107 bytes: said before anything is bound, for each endpoint."""
    long = "/run/" + "x" * 100
    found = errors("", tmp_path, f"runtime_dir={long}")
    assert len(found) == 2
    assert all("a unix socket takes 107: choose a shorter runtime_dir" in error for error in found)
    ends = ["publish.endpoint=ipc:///run/t", "control.endpoint=ipc:///run/c"]
    (error,) = errors("", tmp_path, f"runtime_dir={long}", *ends)
    assert error.startswith("--set: runtime_dir = ")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[publish]\naudio = yes\n", ":2:9: Invalid value"),
        (b"[publish\n", ":1:9: "),
        (b"a = 'open", ":1:10: "),
        (b"a = 1\na = 2\n", ":2:6: Cannot overwrite a value"),
        (b"x = '\xff'\n", ":1:6: must be UTF-8, not byte 0xff"),
        (b"a = " + b"[" * 5000 + b"]" * 5000, ": must not be nested so deeply"),
        (b"#" * (1 << 20) + b"\n", ": more than 1048576 bytes; must be a TOML file"),
    ],
)
def test_a_file_that_is_no_toml(data: bytes, message: str, tmp_path: Path) -> None:
    """File, line and column, in one line."""
    path = tmp_path / "heard.toml"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as raised:
        load(path, [], NOWHERE)
    (error,) = raised.value.errors
    assert error.startswith(f"{path}{message}")
    assert "\n" not in error


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """Missing, a folder, or no name at all: named by the user, so it must be there."""
    missing = tmp_path / "missing.toml"
    for path, message in (
        (missing, f"{missing}: cannot be read: No such file or directory"),
        (tmp_path, f"{tmp_path}: is a directory; must be a TOML file"),
        (Path("a\0b"), "'a\\x00b': must be the name of a file"),
    ):
        with pytest.raises(ConfigError) as raised:
            load(path, ["source.kitchen.device=x", "bad"], NOWHERE)
        # What the file would have said of the kitchen is not known: nothing is guessed.
        assert raised.value.errors == [message, "--set 'bad': must be section.key=value"]
    with pytest.raises(ConfigError):
        load(None, [], {**NOWHERE, "HEARD_CONFIG": str(missing)})


def test_the_first_file_found_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """--config, $HEARD_CONFIG, the user's, the system's: that one alone is read."""
    files = {}
    for name in ("option", "variable", "xdg/heard/heard", "home/.config/heard/heard", "system"):
        path = tmp_path / f"{name}.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        files[name.partition("/")[0]] = path
    monkeypatch.setattr(config_merge, "SYSTEM_FILE", files["system"])
    environ = {
        "HEARD_CONFIG": str(files["variable"]),
        "XDG_CONFIG_HOME": str(tmp_path / "xdg"),
        "HOME": str(tmp_path / "home"),
    }
    assert load(files["option"], [], environ).files_read == (files["option"],)
    assert load(None, [], environ).files_read == (files["variable"],)
    environ["HEARD_CONFIG"] = ""
    assert load(None, [], environ).files_read == (files["xdg"],)
    del environ["XDG_CONFIG_HOME"]
    assert load(None, [], environ).files_read == (files["home"],)
    files["home"].unlink()
    assert load(None, [], environ).files_read == (files["system"],)
    files["system"].unlink()
    assert load(None, [], environ).files_read == ()


def test_a_byte_order_mark_and_other_line_ends_are_read(tmp_path: Path) -> None:
    """As some editors write them."""
    path = tmp_path / "heard.toml"
    path.write_bytes(b"\xef\xbb\xbf[publish]\r\naudio = true\r\n")
    assert load(path, [], NOWHERE).settings.publish.audio


def test_names_that_are_no_text_are_refused() -> None:
    """Bytes of the environment that are not UTF-8 could not be passed on to a child."""
    with pytest.raises(ConfigError, match="must be UTF-8"):
        load(None, [], {**NOWHERE, "HEARD_SOURCE__MIC__DEVICE": "\udcff"})


def test_the_name_of_a_file_does_not_depend_on_the_place(tmp_path: Path) -> None:
    """Children run elsewhere: relative names and ~ are resolved once."""
    text = "[[source]]\ninput = 'file'\npath = 'a.wav'\n[upstream]\napi_key_file = '~/key'\n"
    found = settings(text, folder=tmp_path)
    assert found.source[0].path == str(Path.cwd() / "a.wav")
    assert found.upstream.api_key_file == str(Path("~/key").expanduser())
    assert tomllib.loads(text)
