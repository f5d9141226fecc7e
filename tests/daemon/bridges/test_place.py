"""The file with a bridge's place: private, whole, and one bridge's."""

import stat
from pathlib import Path

import pytest

from heard.bridges.errors import StartError
from heard.bridges.place import STALE_S, Place
from heard_client import Cursor

CURSOR = Cursor("r", 100.0, {"transcript.final.mic": 7})


def test_a_place_comes_back(tmp_path: Path) -> None:
    """In a folder and file for this user alone; nothing is left beside it but the lock."""
    with Place(tmp_path / "new" / "state", "mqtt") as place:
        assert place.cursor is None
        place.write(CURSOR)
        path = place.path
    with Place(tmp_path / "new" / "state", "mqtt") as place:
        assert place.cursor == CURSOR
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert sorted(each.name for each in path.parent.iterdir()) == ["mqtt.json", "mqtt.lock"]


def test_two_bridges_do_not_share_one(tmp_path: Path) -> None:
    """The second is told to take another name; after the first has gone the place is free."""
    with Place(tmp_path, "mqtt"):
        with pytest.raises(StartError, match="--name of its own"), Place(tmp_path, "mqtt"):
            pass
        with Place(tmp_path, "other"):
            pass
    with Place(tmp_path, "mqtt"):
        pass


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"run": "r"}', '{"run": "r", "time": 1, "seq": {"a": "b"}}']
)
def test_what_is_no_place_is_not_guessed(tmp_path: Path, text: str) -> None:
    """To begin anew would leave out or repeat; a person decides."""
    (tmp_path / "bridges").mkdir()
    (tmp_path / "bridges" / "mqtt.json").write_text(text)
    with pytest.raises(StartError, match="remove it") as raised, Place(tmp_path, "mqtt"):
        pass
    assert raised.value.exit_code == 2


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file stands where it should be."""
    (tmp_path / "state").touch()
    with pytest.raises(StartError, match="state: File exists"), Place(tmp_path / "state", "mqtt"):
        pass


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    """Neither to lock nor to write."""
    (tmp_path / "bridges").mkdir()
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "bridges" / "mqtt.lock").symlink_to(tmp_path / "precious")
    with pytest.raises(StartError, match=r"mqtt\.lock"), Place(tmp_path, "mqtt"):
        pass


def test_only_what_is_new_is_written(tmp_path: Path) -> None:
    """A bridge that waits does not wear a memory card out."""
    with Place(tmp_path, "mqtt") as place:
        assert not place.is_due(Cursor())
        assert place.is_due(CURSOR)
        place.write(CURSOR)
        assert not place.is_due(Cursor("r", 101.0, dict(CURSOR.seq)))
        assert place.is_due(Cursor("r", 101.0 + STALE_S, dict(CURSOR.seq)))
        assert place.is_due(Cursor("r", 100.0, {"transcript.final.mic": 8}))
        assert place.is_due(Cursor("r2", 100.0, dict(CURSOR.seq)))


def test_a_full_disk_leaves_the_place_before(tmp_path: Path) -> None:
    """What cannot be written whole is not written."""
    with Place(tmp_path, "mqtt") as place:
        place.write(CURSOR)
        place.path.with_suffix(".new").mkdir()
        with pytest.raises(OSError, match="Is a directory"):
            place.write(Cursor("r", 1.0, {}))
        assert place.cursor == CURSOR
        assert Cursor.from_json(place.path.read_text()) == CURSOR
