"""`show` and `schema`: the configuration as text that a user and an editor can work with."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from heard.config import effective, load, schema
from heard.config.checks import backends
from heard.config.fields import dotted, keys_of
from heard.settings import Denoise, Scalar, Settings, Source, Upstream

Schema = dict[str, Any]  # as a validator reads it

PARAMS: dict[str, Scalar | list[str]] = {
    "keyterms_prompt": ["a", 'b"c'],
    "vad_threshold": 0.4,
    "format_turns": True,
    "odd key": "\x7f\n",
}


def test_what_is_shown_gives_the_same_settings(tmp_path: Path) -> None:
    """A file with it can be read back: quotes, control characters, lists and odd keys included."""
    chosen = Denoise(mix=1, noise="/a/room.wav", adaptive=True)
    sources = (Source(name="a", device='My "USB" \\ mic é', denoise=chosen), Source(name="b"))
    wanted = load(None, [], {}).settings
    wanted = dataclasses.replace(wanted, source=sources, upstream=Upstream(params=PARAMS))
    path = tmp_path / "heard.toml"
    path.write_text(effective(wanted), encoding="utf-8")
    found = load(path, [], {}).settings
    # A mix that was left out is shown, and then given, as the one in force.
    mixed = tuple(
        dataclasses.replace(each, denoise=dataclasses.replace(each.denoise, mix=each.denoise.mix_in_force))
        for each in sources
    )
    assert found == dataclasses.replace(wanted, source=mixed)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_any_text_is_shown_as_toml(text: str) -> None:
    """Whatever a device is called."""
    shown = effective(Settings(source=(Source(device=text),)))
    assert tomllib.loads(shown)["source"][0]["device"] == text


def test_secrets_are_asterisks() -> None:
    """Values of parameters that carry a secret, and users in a URL; file names and empty values stay."""
    params: dict[str, Scalar | list[str]] = {
        "webhook_auth_header_name": "X-Auth",
        "webhook_auth_header_value": "hush1",
        "some_token": "hush2",
        "Client_Secret": "hush3",
        "webhook_url": "https://user:hush4@example.org/x",
        "api_key": "",
        "keyterms_prompt": ["token"],
    }
    text = effective(Settings(upstream=Upstream(params=params, api_key_file="/etc/key")))
    assert "hush" not in text
    shown = tomllib.loads(text)["upstream"]
    assert shown["api_key_file"] == "/etc/key"
    assert shown["params"] == {
        "webhook_auth_header_name": "X-Auth",
        "webhook_auth_header_value": "****",
        "some_token": "****",
        "Client_Secret": "****",
        "webhook_url": "https://****@example.org/x",
        "api_key": "",
        "keyterms_prompt": ["token"],
    }


def leaves(section: Schema, prefix: str = "") -> dict[str, Schema]:
    """Return the values that a schema describes, by dotted name."""
    found: dict[str, Schema] = {}
    for name, each in section["properties"].items():
        inner = each.get("items", {}) if name == "source" else each
        if "properties" in inner:
            found |= leaves(inner, f"{prefix}{name}.")
        else:
            found[prefix + name] = each
    return found


def owner(sections: list[str]) -> type:
    """Return the dataclass that the keys of a section belong to."""
    found: type = Settings
    for name in sections:
        inner = keys_of(found)[name].section
        assert inner is not None
        found = inner
    return found


def test_the_schema_describes_every_key() -> None:
    """Type or choice, description, and the default of the code; nothing else is allowed."""
    whole = json.loads(json.dumps(schema()))
    found = leaves(whole)
    assert tuple(found) == dotted()
    for name, each in found.items():
        assert each["description"], name
        assert {"type", "enum", "anyOf"} & each.keys(), name
        *sections, key = name.split(".")
        if key != "mix":
            assert each["default"] == keys_of(owner(sections))[key].default, name
    assert whole["additionalProperties"] is False
    assert whole["properties"]["capture"]["additionalProperties"] is False


def test_the_schema_has_ranges_choices_and_names() -> None:
    """What an editor needs to say that a value is wrong."""
    found = leaves(cast("Schema", schema()))
    assert (found["upstream.frame_ms"]["minimum"], found["upstream.frame_ms"]["maximum"]) == (50, 1000)
    assert found["capture.block_ms"]["enum"] == [10, 20, 30, 40]
    assert found["source.denoise.backend"]["enum"] == backends()
    assert {"off", "noisereduce"} <= set(backends())
    assert found["source.name"]["pattern"] == "^[a-z0-9-]{1,32}$"
    mix = found["source.denoise.mix"]
    assert (mix["type"], mix["minimum"], mix["maximum"]) == ("number", 0, 1)
    assert "default" not in mix, "each backend has its own"
