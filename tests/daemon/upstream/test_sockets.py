"""Connections made, read and let go of, against a real server."""

import json
import os
import select
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from heard.upstream.backoff import Failure, Kind
from heard.upstream.connection import Incoming, Lost, Target, Text
from heard.upstream.happenings import Close, SendText
from heard.upstream.sockets import Sockets

from ...support.poll import until
from ...support.v3_server import v3_server

WAIT_S = 30.0
CERTIFICATE = Path(__file__).parents[2] / "support" / "localhost.pem"
QUERY = "sample_rate=16000"


class Case:
    """An owner, and a loop as the stage's is."""

    def __init__(self) -> None:
        self.connections: list[int] = []
        self.known: list[int] = []
        self.failures: dict[int, Failure] = {}
        self.messages: dict[int, list[Incoming]] = {}
        self.gone: list[int] = []
        self.sockets = Sockets(self)

    def reached(self, number: int) -> None:
        """Note it."""
        self.known.append(number)

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


def test_a_service_that_shows_its_certificate_and_says_nothing_is_reached() -> None:
    """The owner is told before anything comes of it; without TLS nobody has shown himself."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:
        case, port = Case(), server.getsockname()[1]
        case.sockets.connect(1, Target(f"wss://localhost:{port}/", ca_file=str(CERTIFICATE)), QUERY, None)
        accepted = stack.enter_context(server.accept()[0])
        case.sockets.connect(2, Target(f"ws://localhost:{port}/"), QUERY, None)
        stack.enter_context(server.accept()[0])
        stack.enter_context(tls.wrap_socket(accepted, server_side=True))
        case.until(lambda: case.known, "the first to be known")
        assert set(case.known) == {1}
        assert (case.connections, case.failures) == ([], {})
        case.sockets.close()


def test_one_that_is_let_go_of_because_of_another_is_forgotten() -> None:
    """Both came to an end at once; the owner hears of one, and drops the other while it does."""

    class Hasty(Case):
        def connected(self, number: int) -> None:
            super().connected(number)
            for other in {1, 2} - {number}:
                self.sockets.release(other)

    with v3_server() as server:
        case = Hasty()
        for number in (1, 2):
            case.sockets.connect(number, Target(server.url), QUERY, None)
        ends = 0

        def both() -> bool:
            nonlocal ends
            if select.select([case.sockets.wake], [], [], 0)[0]:
                ends += os.eventfd_read(case.sockets.wake)
            return ends == 2

        until(both, WAIT_S, "both to come to an end")
        os.eventfd_write(case.sockets.wake, 1)
        case.until(lambda: any(map(case.types, case.connections)), "Begin")
        assert len(case.connections) == 1
        case.sockets.close()


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
