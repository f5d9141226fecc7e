"""The topics of the MQTT bridge, and what Home Assistant makes of them."""

import json
from typing import Any, cast

import pytest
from jinja2 import Environment

from heard.bridges.state import Command, CommandError, Topics, discovery
from heard.wire.status import Status

TOPICS = Topics("heard/den")
STATUS = cast(
    "Status",
    {
        "version": "1.2",
        "sources": {
            "mic": {"state": "live", "denoise": {"mix": 0.3}},
            "desk": {"state": "muted", "denoise": {"mix": 1.0}},
        },
    },
)


def described(*, commands: bool = True, only: str | None = None) -> dict[str, dict[str, Any]]:
    found = discovery(
        TOPICS, STATUS, node="den", name="heard", root="homeassistant", commands=commands, only=only
    )
    return {topic: json.loads(payload) for topic, payload in found.items()}


def test_states_are_what_home_assistant_reads() -> None:
    """ON, OFF and a number; of one source where only that is bridged."""
    assert TOPICS.states(STATUS) == {
        "heard/den/mic/live": "ON",
        "heard/den/mic/muted": "OFF",
        "heard/den/mic/mix": "0.3",
        "heard/den/desk/live": "OFF",
        "heard/den/desk/muted": "ON",
        "heard/den/desk/mix": "1",
    }
    assert set(TOPICS.states(STATUS, "desk")) == {
        f"heard/den/desk/{what}" for what in ("live", "muted", "mix")
    }


@pytest.mark.parametrize(
    ("topic", "payload", "expected"),
    [
        ("mic/muted/set", b"ON", Command("mic", "mute", value=True)),
        ("mic/muted/set", b"off", Command("mic", "mute", value=False)),
        ("mic/mix/set", b"0.75", Command("mic", "mix", 0.75)),
        ("mic/mix/set", b" 1 ", Command("mic", "mix", 1.0)),
    ],
)
def test_commands_that_are_understood(topic: str, payload: bytes, expected: Command) -> None:
    """As Home Assistant's switch and number send them."""
    assert TOPICS.command(f"heard/den/{topic}", payload) == expected


@pytest.mark.parametrize(
    ("topic", "payload", "says"),
    [
        ("mic/muted/set", b"1", "must be ON or OFF"),
        ("mic/mix/set", b"1.01", "from 0"),
        ("mic/mix/set", b"nan", "from 0"),
        ("mic/mix/set", b"", "from 0"),
        ("mic/mix/set", b"\xff" * 1000, "from 0"),
        ("mic/other/set", b"ON", "nothing can be asked"),
    ],
)
def test_commands_that_are_not(topic: str, payload: bytes, says: str) -> None:
    """What would be right is in the text, and no more than a little of the payload."""
    with pytest.raises(CommandError, match=says) as raised:
        TOPICS.command(f"heard/den/{topic}", payload)
    assert len(str(raised.value)) < 600


def test_each_source_is_a_device_with_its_entities() -> None:
    """A sensor, two binary sensors, a switch, a number: ids that no other heard has, and one availability."""
    found = described()
    assert {topic.split("/")[1] for topic in found} == {"sensor", "binary_sensor", "switch", "number"}
    assert len(found) == 10
    assert len({payload["unique_id"] for payload in found.values()}) == 10
    assert {payload["device"]["name"] for payload in found.values()} == {"heard mic", "heard desk"}
    assert all(payload["availability_topic"] == "heard/den/availability" for payload in found.values())
    states = TOPICS.states(STATUS)
    for topic, payload in found.items():
        if "/sensor/" not in topic:
            assert payload["state_topic"] in states
        if "command_topic" in payload:
            TOPICS.command(payload["command_topic"], b"ON" if "/switch/" in topic else b"0.5")
    assert set(described(commands=False, only="mic")) == {
        "homeassistant/sensor/den/mic_transcript/config",
        "homeassistant/binary_sensor/den/mic_live/config",
        "homeassistant/binary_sensor/den/mic_muted/config",
    }


def test_templates_give_a_state_and_attributes() -> None:
    """Rendered by Jinja, as there: a state of at most 255 characters, all of the text beside it."""
    sensor = described()["homeassistant/sensor/den/mic_transcript/config"]
    text = "a „b“ " * 60
    value = {"text": text, "turn_id": "t", "confidence": 0.9, "start": 1.5, "end": 2.5, "words": [1]}
    jinja = Environment(autoescape=False)  # noqa: S701  # nothing of this is HTML
    state = jinja.from_string(sensor["value_template"]).render(value_json=value)
    assert text.startswith(state)
    assert len(state) == 255
    template = jinja.from_string(sensor["json_attributes_template"])
    attributes = json.loads(template.render(value_json=value))
    assert attributes == {key: value[key] for key in ("text", "turn_id", "confidence", "start", "end")}
