"""`connect`: a subscription and a control connection to the same daemon."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import NamedTuple, Self

from heard_client.connect import find_endpoints
from heard_client.control import TIMEOUT_S, Control
from heard_client.cursor import Cursor
from heard_client.curve import Keys
from heard_client.sequences import Missed
from heard_client.subscribe import REPAIR_S, Subscriber


class Connection(NamedTuple):
    """What `connect` returns: two values, which a `with` block closes at its end."""

    messages: Subscriber
    daemon: Control

    def close(self) -> None:
        """Close both; may be called twice."""
        self.messages.close()
        self.daemon.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def connect(
    *,
    endpoint: str | None = None,
    transcripts: str | None = None,
    topics: Iterable[str] = ("",),
    source: str | None = None,
    timeout_s: float | None = None,
    since: float | None = None,
    cursor: Cursor | None = None,
    keys: Keys | None = None,
    on_missed: Callable[[Missed], None] | None = None,
    repair_s: float = REPAIR_S,
    control_timeout_s: float = TIMEOUT_S,
) -> Connection:
    """Return a subscription and a control connection, to be used in a `with` block or closed.

    endpoint     the control socket
    transcripts  the publish socket; each is found as the daemon finds it where it is not given
    For the rest see `Subscriber` and `Control`. The daemon need not run yet.

    Raises:
        EndpointError: an address cannot be used, or a configuration file cannot be read.
    """
    found = find_endpoints(endpoint, transcripts)
    messages = Subscriber(
        found.transcripts,
        control=found.control,
        topics=topics,
        source=source,
        timeout_s=timeout_s,
        since=since,
        cursor=cursor,
        keys=keys,
        on_missed=on_missed,
        repair_s=repair_s,
    )
    return Connection(messages, Control(found.control, timeout_s=control_timeout_s, keys=keys))
