"""`heardctl history`, `search` and `forget` as child processes: what they ask and print, how they end."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pysubs2
import pytest

from heard.wire.codec import Body, checked, pack, unpack

from ...support import processes
from ...support.poll import until
from ..peers import Frames, answering, final
from .test_heardctl import heardctl

NOON = 1_700_000_000.0
ZONE = os.environ | {"TZ": "UTC"}


def said(text: str, seq: int, topic: str = "transcript.final.mic") -> Body:
    """Return a body as the journal answers it, said `seq` minutes after noon."""
    began = NOON + 60 * seq
    header = {
        "v": 1,
        "run": "r",
        "seq": seq,
        "time": began + 2,
        "source": topic.rpartition(".")[2],
        "topic": topic,
    }
    words = [
        {"text": word, "start": began + n * 0.25, "end": began + n * 0.25 + 0.2}
        for n, word in enumerate(text.split())
    ]
    return header | final(text, f"t{seq}", start=began, end=began + 1, words=words)


def paged(asked: list[Body], bodies: list[Body], size: int = 2) -> Callable[[Frames], list[Frames]]:
    """Return a daemon that answers `size` transcripts at a time."""

    def answer(frames: Frames) -> list[Frames]:
        request = unpack(frames[-1])
        args = checked(request["args"], "args", dict)
        asked.append(args)
        at = int(args.get("cursor", "0"))
        page = bodies[at : at + min(size, args.get("limit", size))]
        more = at + len(page) < len(bodies)
        result = {"transcripts": page, "more": more} | ({"next": str(at + len(page))} if more else {})
        return [[frames[0], pack({"v": 1, "id": request["id"], "ok": True, "result": result})]]

    return answer


BODIES = [said("One.", 1), said("Two <b>.", 2), said("Three.\x1b[2J", 3, "transcript.revised.mic")]


def test_history_prints_all_pages_in_order(tmp_path: Path) -> None:
    """With the day and time here, and nothing that a terminal would obey; all runs, corrections included."""
    asked: list[Body] = []
    with answering(tmp_path / "c", paged(asked, BODIES)) as endpoint:
        done = heardctl("history", "--endpoint", endpoint, env=ZONE)
    assert done.stdout == (
        "2023-11-14 22:14:20 mic: One.\n"
        "2023-11-14 22:15:20 mic: Two <b>.\n"
        "2023-11-14 22:16:20 mic: Three. [2J\n"
    )
    assert (done.code, done.stderr) == (0, "")
    assert asked == [{"run": "*", "revised": True}, {"run": "*", "revised": True, "cursor": "2"}]


def test_history_as_json_is_a_message_a_line(tmp_path: Path) -> None:
    """As published, with the topic; options are passed on."""
    asked: list[Body] = []
    options = (
        "--after",
        "4",
        "--source",
        "mic",
        "--since",
        "@5",
        "--until",
        "2001-09-09T01:46:40Z",
        "--format",
        "json",
    )
    with answering(tmp_path / "c", paged(asked, BODIES)) as endpoint:
        done = heardctl("history", *options, "--endpoint", endpoint)
    assert [json.loads(line) for line in done.stdout.splitlines()] == BODIES
    assert asked[0] == {"after": 4, "source": "mic", "since": 5.0, "until": 1e9, "revised": False}


def test_history_as_subtitles_counts_from_since_or_the_first_word(tmp_path: Path) -> None:
    """In a file that others read."""
    with answering(tmp_path / "c", paged([], BODIES)) as endpoint:
        first = heardctl("history", "--format", "srt", "--endpoint", endpoint)
        since = heardctl("history", "--format", "srt", "--since", f"@{NOON}", "--endpoint", endpoint)
        page = heardctl("history", "--format", "markdown", "--endpoint", endpoint, env=ZONE)
    events = [pysubs2.SSAFile.from_string(done.stdout, format_="srt").events for done in (first, since)]
    assert [[event.start for event in each[:3]] for each in events] == [
        [0, 60_000, 120_000],
        [60_000, 120_000, 180_000],
    ]
    assert page.stdout.startswith(
        "# Transcript\n\nTimes are UTC+00:00.\n\n## 2023-11-14\n\n**22:14:20 mic** One.\n"
    )


@pytest.mark.parametrize("form", ["text", "json", "srt", "vtt", "markdown"])
def test_an_empty_history_is_an_empty_file(tmp_path: Path, form: str) -> None:
    """Not an error: nothing was said."""
    with answering(tmp_path / "c", paged([], [])) as endpoint:
        done = heardctl("history", "--format", form, "--endpoint", endpoint)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == ("WEBVTT\n" if form == "vtt" else "")


def test_search_asks_for_all_words_and_says_if_there_is_more(tmp_path: Path) -> None:
    """The words as they were typed, quotes and all."""
    asked: list[Body] = []
    with answering(tmp_path / "c", paged(asked, BODIES, 5)) as endpoint:
        done = heardctl("search", "one", '"two three"', "--limit", "2", "--endpoint", endpoint, env=ZONE)
        assert [line[-4:] for line in done.stdout.splitlines()] == ["One.", "<b>."]
        assert done.stderr == "heardctl: there are more than 2: see --limit and --since\n"
        assert asked == [{"words": 'one "two three"', "limit": 3}]
        done = heardctl("search", "one", "--format", "json", "--endpoint", endpoint)
        assert [json.loads(line) for line in done.stdout.splitlines()] == BODIES
        assert done.stderr == ""


def forgetting(asked: list[Body], left: list[str]) -> Callable[[Frames], list[Frames]]:
    def answer(frames: Frames) -> list[Frames]:
        request = unpack(frames[-1])
        asked.append(checked(request["args"], "args", dict))
        result = {"finals": 3, "events": 1, "left": left}
        return [[frames[0], pack({"v": 1, "id": request["id"], "ok": True, "result": result})]]

    return answer


def test_forget_without_a_question(tmp_path: Path) -> None:
    """It says how much went, and what could not be reached."""
    asked: list[Body] = []
    with answering(tmp_path / "c", forgetting(asked, ["j-wal", "j.damaged-1"])) as endpoint:
        done = heardctl("forget", "--since", "@5", "--source", "mic", "--yes", "--endpoint", endpoint)
    assert (done.code, done.stdout) == (0, "deleted: 3 turns and 1 other entry\n")
    assert [
        line.partition(" in the state directory may still hold words: ")[::2]
        for line in done.stderr.splitlines()
    ] == [
        ("heardctl: j-wal", "another program has it open: try again"),
        ("heardctl: j.damaged-1", "delete it yourself"),
    ]
    assert asked == [{"since": 5.0, "source": "mic", "all": False, "dry_run": False}]


@pytest.mark.parametrize(("typed", "code"), [("n\n", 1), ("\x03", 130), ("y\n", 0)])
def test_forget_asks_on_a_terminal(tmp_path: Path, typed: str, code: int) -> None:
    """It says what would go; only `y` deletes."""
    asked: list[Body] = []
    # `script` gives the child a terminal, and hands its exit status on.
    words = f"{sys.executable} -m heard_client forget --all --endpoint ipc://{tmp_path}/c"
    question = "Delete 3 turns and 1 other entry, for good? [y/N]: "
    with (
        answering(tmp_path / "c", forgetting(asked, [])),
        processes.started(["script", "-qec", words, "/dev/null"], limit_s=90, stdin=True) as child,
    ):
        # Typed before, a Ctrl-C would end Python while it starts.
        until(lambda: question in child.printed(), 40, "the question")
        child.write(typed.encode())
        assert child.wait(40) == code
        printed = child.printed()
    assert asked[0] == {"all": True, "dry_run": True}
    assert len(asked) == (2 if code == 0 else 1)
    if code == 1:
        assert "heardctl: nothing was deleted" in printed


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("history", "--since", "fluff"), "'fluff': must be a time such as 14:30"),
        (("history", "--after", "3"), "name it with --source"),
        (("history", "--after", "-1"), "-1"),
        (("search",), "Missing argument 'WORDS...'"),
        (("forget",), "say what to forget: --since, --until, --source, or --all alone"),
        (("forget", "--all", "--source", "mic"), "or --all alone"),
        (("forget", "--all"), "nobody is there to be asked: say --yes"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    tmp_path: Path, arguments: tuple[str, ...], complaint: str
) -> None:
    """Exit code 2, one line, before the daemon is asked for anything."""
    done = heardctl(*arguments, "--endpoint", f"ipc://{tmp_path}/c")
    assert done.code == 2
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1
