"""Fields of a decoded map, looked at together: by functions that the interpreter brings, in C.

Twenty programs that all wake for the same final share the machine's cores, and find their caches cold: a
step of Python costs several times there what it costs in a loop. So a map is looked at field by field only
where it is not as `publish` sends it.
"""

from __future__ import annotations

from itertools import product
from operator import itemgetter
from types import NoneType

from heard.wire.codec import Body, checked

Values = tuple[object, ...]
Table = tuple[tuple[str, type, object], ...]
"""Fields: name, type on the wire, and what stands for one that is missing."""


class Fields:
    """Fields of a map: those that are always `given`, then the `others`, which may be left out.

    names  all of them, in this order, which is that of the values
    given  takes the values of the first ones out of a map in one go; KeyError where one is missing
    kinds  types that the values may have, where none is an int in place of a float
    """

    def __init__(self, given: Table, others: Table = ()) -> None:
        self._table = given + others
        self.names = [name for name, _, _ in self._table]
        self.given = itemgetter(*(name for name, _, _ in given))
        self._others = tuple(name for name, _, _ in others)
        self.kinds = frozenset(
            product(*((of, NoneType)[: 1 + (lack is None)] for _, of, lack in self._table))
        )

    def values(self, body: Body) -> Values:
        """Return all values, whatever is missing.

        Raises:
            WireError: one has another type than it must have.
        """
        try:
            values = (*self.given(body), *map(body.get, self._others))
            if tuple(map(type, values)) in self.kinds:
                return values
        except KeyError:
            pass
        found = zip(map(body.get, self.names), self._table, strict=True)
        return tuple(
            [lack if value is None else checked(value, name, of) for value, (name, of, lack) in found]
        )
