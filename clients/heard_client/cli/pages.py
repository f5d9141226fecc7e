"""What the journal answers, page after page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from heard.wire.codec import Body, WireError, checked, take, take_or
from heard_client.control import Control
from heard_client.errors import BadReplyError

TIMEOUT_S = 8.0
"""The daemon gives up earlier, and says why."""


def transcripts(control: Control, op: str, args: Mapping[str, object], most: int = 0) -> Iterator[Body]:
    """Yield the bodies that `history` or `search` answers; `most` 0 is all of them.

    Raises:
        HeardError: as of `Control.request`.
    """
    sent: Body = {name: value for name, value in args.items() if value is not None}
    told = 0
    while True:
        if most:
            sent["limit"] = min(1000, most - told)
        result = control.request(op, sent, TIMEOUT_S)
        try:
            page = [checked(each, "transcripts", dict) for each in take(result, "transcripts", list)]
            more = take_or(result, "more", bool, default=False)
            following = take_or(result, "next", str, "")
        except WireError as error:
            raise BadReplyError(f"{control.endpoint}: the result of {op} is not heard's: {error}") from None
        yield from page
        told += len(page)
        if not more or not following or (most and told >= most):
            return
        sent["cursor"] = following
