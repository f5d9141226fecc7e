"""docs/wire.md says what the code does: version, topics, fields with their types, ops, codes, pipes."""

import dataclasses
import re
from pathlib import Path
from typing import get_origin, get_type_hints

import pytest

from heard import pipes
from heard.publish.bodies import FIELDS, Field
from heard.publish.bodies import STAGES as TRACE
from heard.settings import Settings
from heard.supervise.ops import Ops, Prepared
from heard.wire import PROTOCOL, endpoints, status
from heard.wire.codec import MAX_MESSAGE_BYTES, pack
from heard.wire.control import Code
from heard.wire.topics import DAEMON_WIDE, Topic
from heard_client.control import Control as Client
from heard_client.parsing import parse
from heard_client.words import LatencyTrace, Word

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "wire.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")

TYPES = {
    "int": int, "float": float, "str": str, "bool": bool, "bytes": bytes, "list": list, "map": dict
}  # fmt: skip
SINCE = [str(version) for version in range(1, PROTOCOL + 1)]


def section(heading: str) -> str:
    """Return what stands below a heading, up to the next one."""
    match = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert match, f"{DOCUMENT}: no heading {heading!r}"
    return match[1]


def tables(heading: str) -> list[list[dict[str, str]]]:
    """Return the tables below a heading: rows by the names of their columns."""
    found = []
    for block in re.findall(r"(?:^\|.*\n?)+", section(heading), re.MULTILINE):
        names = [name.strip("| ") for name in block.splitlines()[0].split("|")[1:-1]]
        rows = [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in block.splitlines()[2:]
        ]
        assert all(len(row) == len(names) for row in rows), f"{heading}: a row has another number of cells"
        found.append([dict(zip(names, row, strict=True)) for row in rows])
    return found


def named(rows: list[dict[str, str]], column: str) -> list[str]:
    return [row[column].strip("`") for row in rows]


def fields(rows: list[dict[str, str]]) -> dict[str, Field]:
    """Return a table of fields as `publish` would declare it; checks the column *since* on the way."""
    assert {row["since"] for row in rows} <= set(SINCE)
    result = {}
    for row in rows:
        name, kind = row["field"].strip("`"), row["type"]
        result[name.rstrip("?")] = Field(
            TYPES[kind.rstrip("?")], nil=kind.endswith("?"), absent=name.endswith("?")
        )
    return result


def hints(declared: type) -> dict[str, Field]:
    """Return the fields of a TypedDict in the same form."""
    result = {}
    for name, hint in get_type_hints(declared).items():
        nil = type(None) in getattr(hint, "__args__", ())
        kind = next(each for each in hint.__args__ if each is not type(None)) if nil else hint
        plain = kind if kind in TYPES.values() else get_origin(kind) or dict
        result[name] = Field(plain, nil=nil)
    return result


def test_the_version_is_the_codes() -> None:
    """A document of another version than the code's would mislead every client."""
    assert re.findall(r"^Protocol version: \*\*(\d+)\*\*$", TEXT, re.MULTILINE) == [str(PROTOCOL)]
    assert f"`v` stands in every message and is {PROTOCOL}." in TEXT


def test_the_endpoints_are_the_codes() -> None:
    """Both defaults stand in the document as in the settings."""
    rows = tables("Where they are")[0]
    assert named(rows, "default endpoint") == [endpoints.TRANSCRIPTS, endpoints.CONTROL]
    assert Settings().publish.endpoint == endpoints.TRANSCRIPTS
    assert Settings().control.endpoint == endpoints.CONTROL
    assert f"may have {endpoints.IPC_PATH_LIMIT} bytes" in " ".join(section("Where they are").split())


def test_every_topic_has_a_section() -> None:
    """No topic is undocumented, and none is documented that does not exist."""
    headings = re.findall(r"^### `([^`]+)`$", TEXT, re.MULTILINE)
    topics = [heading.removesuffix(".SOURCE") for heading in headings]
    assert sorted(topics) == sorted(Topic)
    assert {heading for heading in headings if not heading.endswith(".SOURCE")} == DAEMON_WIDE


def test_the_fields_of_a_fault_are_those_that_are_published() -> None:
    """The topic without a source that has a body of its own."""
    assert list(fields(tables("`fault`")[0]).items()) == list(FIELDS[Topic.FAULT].items())


@pytest.mark.parametrize(
    "topic", [Topic.FINAL, Topic.SOURCE, Topic.UPSTREAM, Topic.GAP, Topic.LEVEL, Topic.AUDIO, Topic.SPECTRUM]
)
def test_the_fields_of_a_topic_are_those_that_are_published(topic: Topic) -> None:
    """Names, order, types, what may be nil and what may be left out: as `publish` checks them."""
    assert list(fields(tables(f"`{topic}.SOURCE`")[0]).items()) == list(FIELDS[topic].items())


def test_partials_and_revisions_have_the_fields_of_a_final() -> None:
    """The document gives the table once; the code must treat the three alike."""
    assert FIELDS[Topic.PARTIAL] == FIELDS[Topic.FINAL] == FIELDS[Topic.REVISED]


def test_the_client_reads_every_field_that_is_documented() -> None:
    """A field that `heard_client` did not know would be lost to its users."""
    header = set(fields(tables("Every message")[0]))
    for topic in FIELDS:
        message = parse(f"{topic}.mic" if topic not in DAEMON_WIDE else topic, pack({}))
        assert message is not None
        assert header | set(FIELDS[topic]) <= {each.name for each in dataclasses.fields(message)}, topic


def test_words_and_latency_are_documented() -> None:
    """The maps inside a transcript, against the client's types and the stages that `publish` sums up."""
    _, words, trace = tables("`transcript.final.SOURCE`")
    assert list(fields(words)) == list(Word._fields)
    assert list(fields(trace)) == [*TRACE, "publish", "total"] == list(LatencyTrace._fields)


def test_codes_are_the_codes() -> None:
    """Every error code, in the order of the code."""
    assert named(tables("Errors")[0], "code") == [str(code) for code in Code]
    assert f"{MAX_MESSAGE_BYTES:,} bytes" in section("Control socket")


def test_ops_are_those_that_the_daemon_handles_and_the_client_offers() -> None:
    """One list in three places."""
    ops = named(tables("Ops")[0], "op")
    daemon = Ops(
        Settings(),
        "run",
        status=dict,
        up=lambda _process: True,
        reload=lambda: Prepared({}, dict),
    )
    assert sorted(ops) == sorted(daemon.handlers)
    offered = {"end_turn" if op == "endpoint" else op for op in ops}
    assert offered <= {name for name in vars(Client) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("heading", "number", "declared"),
    [
        ("Status", 0, status.Status),
        ("Status", 1, status.ProcessStatus),
        ("Status", 2, status.SourceStatus),
        ("Status", 3, status.DenoiseStatus),
        ("Status", 4, status.UpstreamStatus),
        ("Status", 5, status.PublishStatus),
        ("Status", 6, status.Fault),
        ("Ledger", 0, status.Ledger),
    ],
)
def test_the_status_map_is_documented(heading: str, number: int, declared: type) -> None:
    """Names, order, types and what may be nil, of every map in the status."""
    assert list(fields(tables(heading)[number]).items()) == list(hints(declared).items())


def test_the_internal_pipes_are_listed() -> None:
    """Name, ends, binding side, mark and message of each pipe."""
    documented = [
        (
            row["name"].strip("`"),
            tuple(re.findall(r"`(\w+)`", row["from"])),
            row["to"].strip("`"),
            row["bound by"].strip("`"),
            int(row["mark"]),
            row["carries"].strip("`"),
        )
        for row in tables("Internal pipes")[0]
    ]
    assert documented == [
        (pipe.name, pipe.push, pipe.pull, pipe.bound_by, pipe.mark, pipe.carries) for pipe in pipes.PIPES
    ]
