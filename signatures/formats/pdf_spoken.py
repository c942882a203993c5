"""
Finds what an update lets programs read aloud, or copy, instead of what a signed page shows.

The structure of a document may say another text for any part of a page (ISO 32000-1, 14.9.3 to 14.9.5). Signing
programs add elements for the fields that they add; an element that speaks for the page itself is nobody's upkeep.
"""

from __future__ import annotations

from collections.abc import Iterator

from signatures.formats.pdf_filters import TooCostly
from signatures.formats.pdf_objects import Dictionary, Ref, Value
from signatures.formats.pdf_roles import uses_of
from signatures.formats.pdf_same import same
from signatures.formats.pdf_view import View

# What an element of the structure says is read, copied or spoken instead of what shows.
READ_INSTEAD = frozenset({"ActualText", "Alt", "E"})
# Where the parts of the structure lead to further ones (ISO 32000-1, 14.7.2 and 7.9.7).
_LEADING = ("K", "ParentTree", "Nums", "Kids")
# A signing program adds a handful of elements; an update that adds more than this is a new document.
_MAX_ELEMENTS = 20_000


def newly_spoken(old: View, new: View, different: dict[int, tuple[Value, Value]]) -> list[int]:
    """Return the objects that speak for parts of a page now, and did not when `old` was signed."""
    found: list[int] = []
    waiting: list[int] = []
    roots = [view.catalog.get("StructTreeRoot") if view.catalog is not None else None for view in (old, new)]
    if not same(roots[0], roots[1]):
        waiting += _leads(roots[1])
    for number, (before, after) in different.items():
        if not (_is_part(after) or isinstance(after, list)):
            continue
        if _speaks(new, after) and not (isinstance(before, Dictionary) and _say_the_same(before, after)):
            found.append(number)
        known = set(_leads(before))
        waiting += (one for one in _leads(after) if one not in known and _is_part(new.get(one)))
    seen = set(different)
    resting: set[int] = set()
    while waiting:
        number = waiting.pop()
        if number in seen:
            continue
        seen.add(number)
        if len(seen) > _MAX_ELEMENTS + len(different):
            raise TooCostly(f"an update adds more than {_MAX_ELEMENTS} elements to the structure")
        if old.locate(number) is None:
            found += [number] if _speaks(new, new.get(number)) else []
            waiting += _leads(new.get(number))
        else:
            resting.add(number)
    # An element that lay in the signed file and belonged to nothing was prepared to be found later.
    uses = uses_of(old, resting)
    return found + [number for number in sorted(resting) if not uses[number] and _speaks(new, new.get(number))]


def _is_part(value: Value) -> bool:
    return isinstance(value, Dictionary) and (
        "S" in value or "Nums" in value or "Limits" in value or value.get("Type") in ("StructElem", "StructTreeRoot")
    )


def _say_the_same(before: Dictionary, after: Value) -> bool:
    return isinstance(after, Dictionary) and all(same(before.get(key), after.get(key)) for key in READ_INSTEAD)


def _speaks(view: View, value: Value) -> bool:
    """Say whether an element, or one written into it, says a text for more than fields and annotations."""
    waiting: list[Value] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(item)
        if not isinstance(item, Dictionary):
            continue
        kids = view.resolve(item.get("K"))
        parts = kids if isinstance(kids, list) else [kids]
        objects_only = all(view.entry(one, "Type") == "OBJR" for one in parts)
        if not objects_only and any(item.get(key) is not None for key in READ_INSTEAD):
            return True
        waiting.extend(parts)
    return False


def _leads(value: Value) -> Iterator[int]:
    """Yield the objects to which a part of the structure leads further down."""
    waiting: list[Value] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Ref):
            yield item.number
        elif isinstance(item, list):
            waiting.extend(item)
        elif isinstance(item, Dictionary):
            waiting.extend(item.get(key) for key in _LEADING)
