"""What was drawn lately, kept within a bound of memory, so that looking twice costs once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Thing = TypeVar("Thing")


class Kept(Generic[Key, Thing]):
    """The latest things by key, at most `most` of them and `most_bytes` in all as `weigh` says; safe from threads."""

    def __init__(self, weigh: Callable[[Thing], int], *, most: int, most_bytes: int) -> None:
        self._weigh = weigh
        self._most = most
        self._most_bytes = most_bytes
        self._things: OrderedDict[Key, Thing] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: Key) -> Thing | None:
        """Return what is kept under `key`, None if it is not (or no longer)."""
        with self._lock:
            thing = self._things.get(key)
            if thing is not None:
                self._things.move_to_end(key)
            return thing

    def keep(self, key: Key, thing: Thing) -> None:
        """Keep `thing`; what was not asked for longest goes first."""
        with self._lock:
            if key not in self._things:
                self._things[key] = thing
                self._bytes += self._weigh(thing)
            while self._things and (self._bytes > self._most_bytes or len(self._things) > self._most):
                _, gone = self._things.popitem(last=False)
                self._bytes -= self._weigh(gone)

    def items(self) -> list[tuple[Key, Thing]]:
        """Return all that is kept now."""
        with self._lock:
            return list(self._things.items())
