"""The websocket shell against real sockets."""

import base64
import contextlib
import hashlib
import os
import select
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heard.upstream.backoff import Failure, Kind
from heard.upstream.connection import Connection, Incoming, Lost, Pong, Target, Text
from heard.upstream.happenings import Close, SendAudio, SendPing, SendText
from heard.upstream.key import Key

from ...support.coded_audio import coded
from ...support.poll import until
from ...support.v3_server import Plan, v3_server

CERTIFICATE = Path(__file__).parents[2] / "support" / "localhost.pem"
QUERY = "speech_model=u3-rt-pro&sample_rate=16000"
LIMIT_S = 30.0


@contextlib.contextmanager
def connected(target: Target, key: Key | None = None) -> Iterator[Connection]:
    """Connect, whatever comes of it."""
    wake = os.eventfd(0)
    connection = Connection(target, QUERY, key, wake)
    try:
        until(lambda: connection.outcome is not None, LIMIT_S, "an outcome")
        assert select.select([wake], [], [], LIMIT_S)[0], "the outcome is told"
        yield connection
    finally:
        connection.release()
        os.close(wake)


def outcome(target: Target, key: Key | None = None) -> Failure:
    """Return the failure to connect."""
    with connected(target, key) as connection:
        assert isinstance(connection.outcome, Failure)
        return connection.outcome


def received(connection: Connection, enough: Callable[[list[Incoming]], object]) -> list[Incoming]:
    """Read until there is enough."""
    found: list[Incoming] = []

    def more() -> bool:
        connection.flush()
        found.extend(connection.receive())
        return bool(enough(found))

    until(more, LIMIT_S, "enough from the service", interval_s=0.001)
    return found


def ends(found: list[Incoming]) -> bool:
    """Whether the connection is over."""
    return bool(found) and isinstance(found[-1], Lost)


def listener() -> socket.socket:
    """Return a listening TCP socket."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


@contextlib.contextmanager
def answering(answer: bytes, *, then_close: bool = True) -> Iterator[tuple[int, list[bytes]]]:
    """Answer every TCP connection with the same bytes; yields the port and what the clients sent."""
    requests: list[bytes] = []
    kept = []
    with listener() as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    requests.append(peer.recv(65536))
                    peer.sendall(answer)
                    kept.append(peer)
                    if then_close:
                        peer.close()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], requests
        server.shutdown(socket.SHUT_RDWR)
        for peer in kept:
            peer.close()


def test_a_session_over_tcp() -> None:
    """The key in its header alone; Begin comes, audio goes, Termination and close 1000 come back."""
    with v3_server() as server, connected(Target(server.url), Key("hush")) as connection:
        assert connection.outcome is True
        received(connection, lambda found: found)
        connection.perform(SendAudio(coded(0, 16000)))
        connection.perform(SendPing())
        assert Pong() in received(connection, lambda found: Pong() in found)
        connection.perform(SendText('{"type":"Terminate"}'))
        found = received(connection, ends)
        assert found[-1] == Lost(Failure(Kind.CLOSE, "", 1000))
        assert any(isinstance(each, Text) and b"Termination" in each.data for each in found)
        (record,) = server.records
        assert record.authorization == "hush"
        assert record.user_agent == "heard"
        assert record.query == {"speech_model": "u3-rt-pro", "sample_rate": "16000"}
        assert bytes(record.audio) == coded(0, 16000)


def test_a_session_over_a_unix_socket(tmp_path: Path) -> None:
    """As the local recognizer is reached; without a key no header."""
    path = tmp_path / "recognizer"
    with v3_server(unix_path=path) as server:
        with connected(Target("ws://localhost/v3/ws", path)) as connection:
            assert connection.outcome is True
            received(connection, lambda found: found)
        assert server.records[0].authorization is None


def test_a_session_over_tls_with_an_authority_of_ones_own() -> None:
    """With `ca_file` it is trusted; without it is not, and the error says what to set."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    with v3_server(tls=tls) as server:
        with connected(Target(server.url, ca_file=str(CERTIFICATE)), Key("hush")) as connection:
            assert connection.outcome is True
            connection.perform(SendAudio(coded(0, 16000)))
            connection.perform(SendText('{"type":"Terminate"}'))
            assert received(connection, ends)[-1] == Lost(Failure(Kind.CLOSE, "", 1000))
            assert bytes(server.records[0].audio) == coded(0, 16000)
            assert connection.reached
        failure = outcome(Target(server.url))
        assert failure.kind is Kind.NETWORK
        assert "TLS" in failure.text
        assert "upstream.ca_file" in failure.text
        assert len(server.records) == 1


def test_a_certificate_file_that_is_none_is_one_line() -> None:
    """As every error here."""
    failure = outcome(Target("wss://localhost:1/v3/ws", ca_file="/nonexistent"))
    assert failure.kind in (Kind.NETWORK, Kind.PROTOCOL)
    assert "\n" not in failure.text


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 503])
def test_a_refused_upgrade_tells_its_status(status: int) -> None:
    """And how long to stay away."""
    with v3_server(Plan(status=status, retry_after="7")) as server:
        failure = outcome(Target(server.url), Key("hush"))
    assert (failure.kind, failure.code, failure.retry_after_s) == (Kind.HTTP, status, 7.0)
    assert "hush" not in str(failure)


def test_a_redirect_is_not_followed() -> None:
    """It would carry the key to another host."""
    with answering(b"", then_close=False) as (elsewhere, requests):
        location = f"Location: ws://127.0.0.1:{elsewhere}/v3/ws"
        reply = f"HTTP/1.1 302 Found\r\n{location}\r\nContent-Length: 0\r\n\r\n".encode()
        with answering(reply) as (port, _):
            failure = outcome(Target(f"ws://127.0.0.1:{port}/v3/ws"), Key("hush"))
        assert failure.kind is Kind.HTTP
        assert failure.code == 302
        assert requests == []


def test_an_echoed_key_is_masked() -> None:
    """A service may repeat what it was sent."""
    reply = b"HTTP/1.1 401 hush\r\nContent-Length: 16\r\n\r\nInvalid: hush\r\n\r"
    with answering(reply) as (port, _):
        failure = outcome(Target(f"ws://127.0.0.1:{port}/v3/ws"), Key("hush"))
    assert str(failure) == "401: *** Invalid: ***"


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"\xff\xfe\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
    ],
)
def test_a_server_of_another_kind_is_one_line(reply: bytes) -> None:
    """Whatever it answers."""
    with answering(reply) as (port, _):
        failure = outcome(Target(f"ws://127.0.0.1:{port}/v3/ws"))
    assert failure.kind in (Kind.PROTOCOL, Kind.NETWORK, Kind.HTTP)
    assert failure.text
    assert "\n" not in failure.text


def test_nobody_there(tmp_path: Path) -> None:
    """Refused, no such host, no such path."""
    with listener() as server:
        port = server.getsockname()[1]
    assert "refused" in outcome(Target(f"ws://127.0.0.1:{port}/v3/ws")).text
    assert outcome(Target("ws://v3.invalid/v3/ws")).kind is Kind.NETWORK
    assert "No such file" in outcome(Target("ws://localhost/v3/ws", tmp_path / "nobody")).text


def test_a_server_that_never_answers_the_upgrade() -> None:
    """Given up at the limit."""
    with listener() as server:
        url = f"ws://127.0.0.1:{server.getsockname()[1]}/v3/ws"
        began = time.monotonic()
        failure = outcome(Target(url, timeout_s=0.3))
        # Else it were ten seconds, or for ever.
        assert time.monotonic() - began < 8
    assert failure == Failure(Kind.NETWORK, "no connection within 0.3 s")


def test_a_connection_that_is_given_up_while_connecting_is_closed() -> None:
    """Its thread ends, and so does the socket."""
    with listener() as server:
        wake = os.eventfd(0)
        url = f"ws://127.0.0.1:{server.getsockname()[1]}/v3/ws"
        connection = Connection(Target(url, timeout_s=2 * LIMIT_S), QUERY, None, wake)
        peer, _ = server.accept()
        peer.recv(65536)
        connection.release()
        peer.settimeout(LIMIT_S)
        assert peer.recv(1) == b""
        assert select.select([wake], [], [], LIMIT_S)[0]
        os.close(wake)


def test_a_connection_that_is_made_after_it_was_given_up_asks_for_no_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy was slow; a session would be open, and paid for, and nobody there to end it."""
    with listener() as server:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.getsockname()[1]}")
        wake = os.eventfd(0)
        connection = Connection(Target("ws://v3.invalid/v3/ws"), QUERY, None, wake)
        with server.accept()[0] as proxied:
            proxied.settimeout(LIMIT_S)
            assert proxied.recv(65536).startswith(b"CONNECT v3.invalid:80 ")
            connection.release()
            proxied.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            assert proxied.recv(1) == b""
        until(lambda: connection.outcome is not None, LIMIT_S, "the thread to end")
        os.close(wake)


def test_a_service_that_shows_its_certificate_is_reached() -> None:
    """Told at once, also where it then says nothing: a session may come of it."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    with listener() as plain, contextlib.ExitStack() as stack:
        wake = os.eventfd(0)
        url = f"wss://localhost:{plain.getsockname()[1]}/v3/ws"
        connection = Connection(Target(url, ca_file=str(CERTIFICATE)), QUERY, None, wake)
        assert not connection.reached
        peer = stack.enter_context(tls.wrap_socket(plain.accept()[0], server_side=True))
        assert select.select([wake], [], [], LIMIT_S)[0]
        assert connection.reached
        assert connection.outcome is None
        assert peer.recv(3) == b"GET"
        connection.release()
        until(lambda: connection.outcome is not None, LIMIT_S, "the thread to end")
        os.close(wake)


@pytest.mark.parametrize(
    ("plan", "failure"),
    [
        (Plan(close_at_s=0.1, close=(3008, "Session Expired")), Failure(Kind.CLOSE, "Session Expired", 3008)),
        (Plan(close_at_s=0.1, close=(1001, "")), Failure(Kind.CLOSE, "", 1001)),
    ],
)
def test_the_services_close_tells_code_and_reason(plan: Plan, failure: Failure) -> None:
    """From the close frame."""
    with v3_server(plan) as server, connected(Target(server.url)) as connection:
        connection.perform(SendAudio(coded(0, 1600)))
        assert received(connection, ends)[-1] == Lost(failure)
        assert connection.closed


def test_a_broken_connection_is_1006() -> None:
    """No close frame."""
    with v3_server(Plan(reset_at_s=0.1)) as server, connected(Target(server.url)) as connection:
        connection.perform(SendAudio(coded(0, 1600)))
        lost = received(connection, ends)[-1]
        assert isinstance(lost, Lost)
        assert (lost.failure.kind, lost.failure.code) == (Kind.NETWORK, 1006)
        connection.perform(SendAudio(coded(0, 1600)))
        connection.flush()
        assert connection.receive() == []


def test_a_peer_that_does_not_read_takes_no_more_audio_and_stops_nobody() -> None:
    """Sending returns at once; `has_room` says that it is enough."""
    with v3_server(Plan(deaf_at_s=0.05, pace=None)) as server, connected(Target(server.url)) as connection:
        began = time.monotonic()
        frames = 0
        while connection.has_room and frames < 10_000:
            connection.perform(SendAudio(coded(0, 16000)))
            frames += 1
        assert time.monotonic() - began < LIMIT_S
        assert not connection.has_room
        assert connection.unsent


@contextlib.contextmanager
def upgraded(after: bytes, times: int = 1) -> Iterator[str]:
    """Accept one WebSocket by hand, then send `after` so many times as far as it is taken; yields the URL."""
    with listener() as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                peer, _ = server.accept()
                with peer:
                    asked = dict(
                        line.split(b": ", 1) for line in peer.recv(65536).split(b"\r\n") if b": " in line
                    )
                    proof = hashlib.sha1(  # noqa: S324 - RFC 6455, 4.2.2
                        asked[b"Sec-WebSocket-Key"] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
                    )
                    peer.sendall(
                        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        b"Sec-WebSocket-Accept: " + base64.b64encode(proof.digest()) + b"\r\n\r\n"
                    )
                    for _ in range(times):
                        peer.sendall(after)
                    peer.recv(1)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.getsockname()[1]}/v3/ws"
        server.shutdown(socket.SHUT_RDWR)
        thread.join(LIMIT_S)


@pytest.mark.parametrize("opcode", [0x81, 0x82, 0x01, 0x89], ids=["text", "binary", "piece", "ping"])
def test_a_frame_of_100_megabytes_is_refused_by_what_it_announces(opcode: int) -> None:
    """None of it is kept, however fast it comes."""
    announced = bytes([opcode, 127]) + struct.pack("!Q", 100 << 20)
    tracemalloc.start()
    try:
        with upgraded(announced + bytes(100 << 20)) as url, connected(Target(url)) as connection:
            found = received(connection, ends)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == [Lost(Failure(Kind.PROTOCOL, "a message larger than 8 MiB"))]
    # The server's own copy is 200 MiB of it.
    assert peak < 210 << 20


def test_a_message_in_too_many_pieces_is_refused() -> None:
    """Its pieces are added up."""
    piece = bytes([0x01, 127]) + struct.pack("!Q", 1 << 20) + bytes(1 << 20)
    with upgraded(piece, 9) as url, connected(Target(url)) as connection:
        assert received(connection, ends) == [Lost(Failure(Kind.PROTOCOL, "a message larger than 8 MiB"))]


def test_empty_pieces_cost_nothing() -> None:
    """Twenty thousand of them, then the message."""
    frames = bytes([0x01, 0]) + bytes([0x00, 0]) * 20_000 + bytes([0x80, 2]) + b"{}"
    with upgraded(frames) as url, connected(Target(url)) as connection:
        assert received(connection, lambda found: found) == [Text(b"{}")]


def test_a_key_at_the_cut_of_a_long_answer_is_masked_whole() -> None:
    """What is shown of a refusal is cut after the key was looked for."""
    key = Key("hush-hush-hush-hush")
    for before in range(80, 130):
        body = b"x" * before + b"hush-hush-hush-hush" + b"x" * 50
        head = f"HTTP/1.1 401 No\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with answering(head + body) as (port, _):
            assert "hush" not in outcome(Target(f"ws://127.0.0.1:{port}/v3/ws"), key).text


def test_a_key_that_the_service_repeats_is_masked_on_arrival() -> None:
    """In a message of any kind, and in the reason of the close."""
    echo = '{"type":"Error","error_code":1008,"error":"bad key hush-\\u0068ush"}'
    plan = Plan(begin=False, after_begin=(echo,), close_at_s=0.1, close=(1008, "no hush-hush"))
    with v3_server(plan) as server, connected(Target(server.url), Key("hush-hush")) as connection:
        connection.perform(SendAudio(coded(0, 1600)))
        text, lost = received(connection, ends)
    assert text == Text(b'{"type": "Error", "error_code": 1008, "error": "bad key ***"}')
    assert lost == Lost(Failure(Kind.CLOSE, "no ***", 1008))


def test_our_close_is_answered() -> None:
    """A close frame with 1000 goes out behind what was sent before."""
    with v3_server() as server, connected(Target(server.url)) as connection:
        until(connection.receive, LIMIT_S, "Begin: a server that is still to send it stops at the close")
        connection.perform(SendAudio(coded(0, 800)))
        connection.perform(Close())
        connection.perform(SendAudio(coded(0, 800)))
        received(connection, ends)
        until(lambda: server.records[0].ended, LIMIT_S, "the server to see the close")
        assert server.records[0].code == 1000
        assert len(server.records[0].frames) == 1


@contextlib.contextmanager
def proxy(target_port: int) -> Iterator[tuple[int, list[str]]]:
    """Run an HTTP proxy whose every tunnel leads to one port; yields its port and what was asked of it."""
    asked: list[str] = []

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    with listener() as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    asked.append(client.recv(65536).decode().split("\r\n")[0])
                    service = socket.create_connection(("127.0.0.1", target_port))
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    for ends in ((client, service), (service, client)):
                        threading.Thread(target=pump, args=ends, daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)


def test_proxy_variables_are_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host elsewhere is reached through the proxy, `no_proxy` and this machine are not."""
    with v3_server() as server, proxy(int(server.url.split(":")[2].split("/")[0])) as (port, asked):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        with connected(Target("ws://v3.invalid:8080/v3/ws"), Key("hush")) as connection:
            assert connection.outcome is True
            received(connection, lambda found: found)
        assert asked == ["CONNECT v3.invalid:8080 HTTP/1.1"]
        assert server.records[0].authorization == "hush"
        with connected(Target(server.url)) as connection:
            assert connection.outcome is True
        assert len(asked) == 1
        monkeypatch.setenv("no_proxy", "v3.invalid")
        assert outcome(Target("ws://v3.invalid:8080/v3/ws")).kind is Kind.NETWORK
        assert len(asked) == 1


def test_a_tls_session_goes_through_the_proxy_for_https(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tunnel is opaque: the certificate is still checked, the key stays inside."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(CERTIFICATE)
    with v3_server(tls=tls) as server, proxy(int(server.url.split(":")[2].split("/")[0])) as (port, asked):
        monkeypatch.setenv("https_proxy", f"http://user:word@127.0.0.1:{port}")
        with connected(Target(server.url, ca_file=str(CERTIFICATE)), Key("hush")) as connection:
            assert connection.outcome is True
            received(connection, lambda found: found)
        assert len(asked) == 1
