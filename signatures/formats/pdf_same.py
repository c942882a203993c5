"""Compares PDF values of two revisions: same only if written values agree in kind and content."""

from __future__ import annotations

from signatures.formats.pdf_objects import Dictionary, Name, Stream, Value
from signatures.formats.pdf_view import View

# Signature dictionaries nest three levels through references (Reference, TransformParams, Fields).
_MAX_LEVELS = 12


def same(one: Value, other: Value) -> bool:
    """Say whether two values are the same as written; references are the same if they name the same object."""
    if isinstance(one, Dictionary) and isinstance(other, Dictionary):
        mine = {key for key, value in one.items() if value is not None}
        theirs = {key for key, value in other.items() if value is not None}
        return mine == theirs and _same_again(one, other) and all(same(one[key], other[key]) for key in mine)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, Stream) and isinstance(other, Stream):
        if one.raw != other.raw:
            return False
        keys = (set(one.head) | set(other.head)) - {"Length"}
        return _same_again(one.head, other.head) and all(same(one.head.get(key), other.head.get(key)) for key in keys)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return one == other
    if isinstance(one, Name) or isinstance(other, Name):
        return isinstance(one, Name) and isinstance(other, Name) and str(one) == str(other)
    return type(one) is type(other) and one == other


def _same_again(one: Dictionary, other: Dictionary) -> bool:
    """Say whether the keys that stand again in both are the same, and their values are."""
    return one.twice == other.twice and all(
        same(mine, theirs) for (_, mine), (_, theirs) in zip(one.again, other.again, strict=True)
    )


def same_through(
    view: View, value: Value, other_view: View, other: Value, skip: frozenset[str] = frozenset(), level: int = 0
) -> bool:
    """
    Say whether two values are the same with every reference followed, each in its own view.

    Keys in `skip` are left out at every level (those that lead back to the whole document). Beyond a dozen levels
    references are compared as written: no signature dictionary is that deep.
    """
    if level > _MAX_LEVELS:
        return same(value, other)
    one, two = view.resolve(value), other_view.resolve(other)
    if isinstance(one, Dictionary) and isinstance(two, Dictionary):
        keys = (set(one) | set(two)) - skip
        return _same_again(one, two) and all(
            same_through(view, one.get(key), other_view, two.get(key), skip, level + 1) for key in keys
        )
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(
            same_through(view, a, other_view, b, skip, level + 1) for a, b in zip(one, two, strict=True)
        )
    return same(one, two)
