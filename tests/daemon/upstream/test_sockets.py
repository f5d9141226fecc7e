"""Connections made, read and let go of, against a real server."""

import json
import select
from collections.abc import Callable

from heard.upstream.backoff import Failure, Kind
from heard.upstream.connection import Incoming, Lost, Target, Text
from heard.upstream.happenings import Close, SendText
from heard.upstream.sockets import Sockets

from ...support.poll import until
from ...support.v3_server import v3_server

WAIT_S = 10.0
QUERY = "sample_rate=16000"


class Case:
    """An owner, and a loop as the stage's is."""

    def __init__(self) -> None:
        self.connections: list[int] = []
        self.failures: dict[int, Failure] = {}
        self.messages: dict[int, list[Incoming]] = {}
        self.gone: list[int] = []
        self.sockets = Sockets(self)

    def connected(self, number: int) -> None:
        """Note it."""
        self.connections.append(number)

    def failed(self, number: int, failure: Failure) -> None:
        """Note it."""
        self.failures[number] = failure

    def incoming(self, number: int, message: Incoming) -> None:
        """Note it."""
        self.messages.setdefault(number, []).append(message)

    def released(self, number: int) -> None:
        """Note it."""
        self.gone.append(number)

    def until(self, wanted: Callable[[], object], what: str) -> None:
        """Serve until `wanted` holds."""

        def holds() -> bool:
            readable, _, _ = select.select([self.sockets.wake, self.sockets.descriptor], [], [], 0)
            if self.sockets.wake in readable:
                self.sockets.take_over()
            if self.sockets.descriptor in readable:
                self.sockets.read()
            self.sockets.tick()
            return bool(wanted())

        until(holds, WAIT_S, what)

    def types(self, number: int) -> list[str]:
        """Return the types of the messages that came."""
        texts = [each.data for each in self.messages.get(number, []) if isinstance(each, Text)]
        return [json.loads(text)["type"] for text in texts]


def test_two_sessions_side_by_side() -> None:
    """Each message reaches its number; one ends in good order, the other is let go of."""
    with v3_server() as server:
        case = Case()
        for number in (1, 2):
            case.sockets.connect(number, Target(server.url), QUERY, None)
            assert not case.sockets.has_room(number)
        case.until(lambda: case.types(1) == case.types(2) == ["Begin"], "both to begin")
        assert sorted(case.connections) == [1, 2]
        assert case.sockets.has_room(1)
        case.sockets.perform(1, SendText('{"type":"Terminate"}'))
        case.until(lambda: isinstance(case.messages[1][-1], Lost), "the first to end")
        assert case.types(1) == ["Begin", "Termination"]
        case.sockets.release(1)
        case.sockets.perform(2, Close())
        case.until(lambda: 2 in case.gone, "the second to be let go of")
        assert not case.sockets.has_room(2)
        case.sockets.close()


def test_who_is_not_there_is_a_failure() -> None:
    """Told once, and forgotten."""
    case = Case()
    case.sockets.connect(7, Target("ws://127.0.0.1:1/v3/ws"), QUERY, None)
    case.until(lambda: 7 in case.failures, "the failure")
    assert case.failures[7].kind is Kind.NETWORK
    assert case.gone == [7]
    assert case.connections == []


def test_what_is_not_known_is_let_go_of() -> None:
    """A session may ask for something when its connection is gone already; also while it is being made."""
    with v3_server() as server:
        case = Case()
        case.sockets.perform(3, Close())
        assert case.gone == [3]
        case.sockets.connect(4, Target(server.url), QUERY, None)
        case.sockets.perform(4, Close())
        assert case.gone == [3, 4]
        case.until(lambda: True, "nothing to come of it")
        assert case.connections == []
