from __future__ import annotations

from pathlib import Path

import pytest

from . import namespace
from .poll import until
from .processes import started


def test_mounts_are_seen_by_the_child_alone(tmp_path: Path) -> None:
    """A tmpfs and a file in another's place, from outside reached through the child; both end with it."""
    disk, name, other = tmp_path / "disk", tmp_path / "name", tmp_path / "other"
    disk.mkdir()
    name.write_text("one")
    other.write_text("two")
    if namespace.private() is None:
        with pytest.raises(RuntimeError, match="be root, or allow user namespaces"):
            namespace.mounting(("-t", "tmpfs", "heard-test", str(disk)))
        return
    words = namespace.mounting(
        ("-t", "tmpfs", "-o", "size=64k", "heard-test", str(disk)), ("--bind", str(other), str(name))
    )
    with started(
        [*words, "sh", "-c", f"cat {name}; touch {disk}/inside; exec sleep 90"], limit_s=90
    ) as child:
        inside = namespace.seen_by(child.pid, disk)
        until(lambda: child.running and (inside / "inside").exists(), 30, child.tail())
        assert child.printed() == "two"
        assert list(disk.iterdir()) == []
        with pytest.raises(OSError, match="No space left"):
            (inside / "much").write_bytes(bytes(100_000))
    assert name.read_text() == "one"
