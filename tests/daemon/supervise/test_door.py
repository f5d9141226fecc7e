"""The control socket is opened anew once somebody's key was taken away, and not before all is said."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import zmq
import zmq.auth

from heard.pipes import Pipes
from heard.settings import Control, Curve, Settings
from heard.supervise.door import LAST_WORDS_S, Door

NOW = 1000.0


@pytest.fixture(name="door")
def _door(tmp_path: Path) -> Iterator[Door]:
    (tmp_path / "clients").mkdir()
    zmq.auth.create_certificates(tmp_path, "server")
    zmq.auth.create_certificates(tmp_path / "clients", "phone")
    curve = Curve(
        secret_key_file=str(tmp_path / "server.key_secret"), allowed_clients_dir=str(tmp_path / "clients")
    )
    pipes = Pipes(tmp_path)
    settings = Settings(curve=curve, control=Control(endpoint="tcp://127.0.0.1:*"))
    yield Door(settings, pipes, zmq.Poller(), listener=None)
    pipes.close()


def test_it_stays_open_where_nobody_was_taken_away(door: Door) -> None:
    """A reload that allows the same clients, or more, disturbs none."""
    before = door.socket
    door.reload(NOW)
    door.tick(NOW + LAST_WORDS_S, waiting=False)
    assert door.socket is before


def test_it_is_opened_anew_at_its_place_once_nothing_is_to_be_answered(door: Door, tmp_path: Path) -> None:
    """Whoever asked for the reload hears that it was done; a request that takes long keeps nobody in."""
    before, place = door.socket, door.socket.getsockopt(zmq.LAST_ENDPOINT)
    for waits_s in (0.0, LAST_WORDS_S):
        zmq.auth.create_certificates(tmp_path / "clients", "phone")
        door.reload(NOW)
        (tmp_path / "clients" / "phone.key").unlink()
        door.reload(NOW)
        door.tick(NOW, waiting=True)
        assert door.socket is before, "somebody waits for an answer"
        door.tick(NOW + waits_s, waiting=waits_s > 0)
        assert door.socket is not before
        assert before.closed
        assert door.socket.getsockopt(zmq.LAST_ENDPOINT) == place
        before = door.socket
