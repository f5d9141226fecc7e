"""Core: the topics of the MQTT bridge, what it keeps in them, and what may be asked of it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from heard.bridges.delivery import Delivery
from heard.wire.status import Status

ON, OFF = "ON", "OFF"
STATES = {"mute": "muted", "mix": "mix"}
"""What is asked for → the topic that tells what is in force."""
ONLINE, OFFLINE = "online", "offline"


class CommandError(ValueError):
    """What was asked cannot be done; the text says what would be right."""


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody asked of a source: `mute` with True or False, or `mix` with a share of 0 to 1."""

    source: str
    what: Literal["mute", "mix"]
    value: bool | float


@dataclass(frozen=True, slots=True)
class Topics:
    """Names of topics below `prefix`, such as `heard` or `heard/kitchen`.

    heard/availability        "online" while the bridge is connected and hears the daemon; kept
    heard/SOURCE/final        a finished turn; also `revised`, `partial`, `event`
    heard/SOURCE/live         ON while the source is captured; kept
    heard/SOURCE/muted        ON while it is muted; kept. `…/muted/set` takes ON and OFF
    heard/SOURCE/mix          share of denoised audio, 0 to 1; kept. `…/mix/set` takes another
    """

    prefix: str

    @property
    def availability(self) -> str:
        """Whether all of this can be relied on."""
        return f"{self.prefix}/availability"

    @property
    def commands(self) -> tuple[str, str]:
        """Filters that match what others may ask."""
        return f"{self.prefix}/+/muted/set", f"{self.prefix}/+/mix/set"

    def of(self, source: str, what: str) -> str:
        """Return the topic of something about a source."""
        return f"{self.prefix}/{source}/{what}"

    def delivery(self, item: Delivery) -> str:
        """Return where a final or revision goes."""
        return self.of(item.source, item.kind)

    def states(self, status: Status, only: str | None = None) -> dict[str, str]:
        """Return what is kept for each source (or one): topic → payload."""
        found: dict[str, str] = {}
        for source, of in status.get("sources", {}).items():
            if only is None or source == only:
                found[self.of(source, "live")] = ON if of["state"] == "live" else OFF
                found[self.of(source, "muted")] = ON if of["state"] == "muted" else OFF
                found[self.of(source, "mix")] = f"{of['denoise']['mix']:g}"
        return found

    def command(self, topic: str, payload: bytes) -> Command:
        """Return what a message on one of `commands` asks.

        Raises:
            CommandError: it asks nothing that could be done.
        """
        source, _, rest = topic.removeprefix(f"{self.prefix}/").partition("/")
        text = payload[:64].decode(errors="replace").strip()
        match rest:
            case "muted/set" if text.upper() in (ON, OFF):
                return Command(source, "mute", text.upper() == ON)
            case "muted/set":
                raise CommandError(f"{topic}: {text!r}: must be ON or OFF")
            case "mix/set":
                return Command(source, "mix", _share(topic, text))
            case _:
                raise CommandError(f"{topic}: nothing can be asked there")


def discovery(
    topics: Topics,
    status: Status,
    *,
    node: str,
    name: str,
    root: str,
    commands: bool,
    only: str | None = None,
) -> dict[str, str]:
    """Return what Home Assistant needs to know of each source: topic → payload, to be kept by the broker.

    Its MQTT discovery, one message an entity (home-assistant.io/integrations/mqtt, "Discovery messages").

    node      tells this heard from others: the first part of every id
    name      how devices are called: "heard" makes "heard mic"
    root      the prefix that Home Assistant listens to, by default "homeassistant"
    commands  whether entities that change something are offered
    """
    found: dict[str, str] = {}
    for source in status.get("sources", {}):
        if only is not None and source != only:
            continue
        shared: dict[str, object] = {
            "availability_topic": topics.availability,
            "device": {
                "identifiers": [f"{node}_{source}"],
                "name": f"{name} {source}",
                "manufacturer": "heard",
                "model": f"source {source}",
                "sw_version": status.get("version", ""),
            },
            "origin": {"name": "heard", "sw_version": status.get("version", "")},
            "qos": 1,
        }
        for component, entity, own in _entities(topics, source, commands=commands):
            unique = f"{node}_{source}_{entity}"
            payload = {**shared, "unique_id": unique, **own}
            found[f"{root}/{component}/{node}/{source}_{entity}/config"] = json.dumps(
                payload, ensure_ascii=False
            )
    return found


def _entities(topics: Topics, source: str, *, commands: bool) -> list[tuple[str, str, Mapping[str, object]]]:
    """Return component, name for ids, and settings of each entity of a source."""
    final = topics.of(source, "final")
    attributes = (
        "{{ {'text': value_json.text, 'turn_id': value_json.turn_id, 'confidence': value_json.confidence,"
        " 'start': value_json.start, 'end': value_json.end} | tojson }}"
    )
    entities: list[tuple[str, str, Mapping[str, object]]] = [
        (
            "sensor",
            "transcript",
            {
                "name": "Last transcript",
                "icon": "mdi:text-recognition",
                "state_topic": final,
                # A state has at most 255 characters; the whole text is an attribute.
                "value_template": "{{ value_json.text[:255] }}",
                "json_attributes_topic": final,
                "json_attributes_template": attributes,
                # The same words said twice are two events.
                "force_update": True,
            },
        ),
        (
            "binary_sensor",
            "live",
            {"name": "Listening", "device_class": "running", "state_topic": topics.of(source, "live")},
        ),
        (
            "binary_sensor",
            "muted",
            {"name": "Muted", "icon": "mdi:microphone-off", "state_topic": topics.of(source, "muted")},
        ),
    ]
    if commands:
        entities += [
            (
                "switch",
                "mute",
                {
                    "name": "Mute",
                    "icon": "mdi:microphone-off",
                    "state_topic": topics.of(source, "muted"),
                    "command_topic": topics.of(source, "muted/set"),
                },
            ),
            (
                "number",
                "mix",
                {
                    "name": "Noise reduction",
                    "icon": "mdi:waveform",
                    "entity_category": "config",
                    "state_topic": topics.of(source, "mix"),
                    "command_topic": topics.of(source, "mix/set"),
                    "min": 0,
                    "max": 1,
                    "step": 0.05,
                    "mode": "slider",
                },
            ),
        ]
    return entities


def _share(topic: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:
        raise CommandError(f"{topic}: {text!r}: must be a number from 0 (dry) to 1 (fully denoised)")
    return value
