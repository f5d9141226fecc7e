from __future__ import annotations

import socket
import struct

import pytest

from .names import answer, name_server

QUESTION = b"\x06speech\x04test\x00"


def query(kind: int) -> bytes:
    """Return a query for `speech.test`."""
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + QUESTION + struct.pack("!2H", kind, 1)


def test_a_name_is_this_machine_and_has_no_other_address() -> None:
    """Type A is answered, AAAA has none, and what is no query gets nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind(("127.0.0.1", 0))
        client.settimeout(30)
        client.connect(bound.getsockname())
        with name_server(bound):
            client.send(b"noise")
            client.send(query(1))
            found = client.recv(512)
            assert found[:4] == b"\x00\x07\x81\x80"
            assert found.endswith(b"\x00\x04\x7f\x00\x00\x01")
            client.send(query(28))
            assert client.recv(512)[6:8] == b"\x00\x00"
    with pytest.raises(ValueError, match="cut off"):
        answer(query(1)[:-2])
