"""Grades changed objects by everything that uses them in the signed revision; the strictest use decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from signatures.formats.pdf_compare_document import (
    CATALOG_FORBIDDEN,
    CATALOG_UPKEEP,
    FORM_FREE,
    PAGE_UPKEEP,
    DocumentCompared,
)
from signatures.formats.pdf_compare_fields import FIELD_FREE, FILL_KEYS, WIDGET_LOOKS
from signatures.formats.pdf_grades import Act, Change, Grade
from signatures.formats.pdf_looks import looks_stand_alone
from signatures.formats.pdf_nodes import (
    box_of,
    is_plumbing,
    is_structure,
    kind_of,
    or_empty,
    reference_of,
    shows_something,
)
from signatures.formats.pdf_objects import Dictionary, Ref, Value
from signatures.formats.pdf_roles import MAX_STEPS, UNREADABLE, Path, Use, uses_of
from signatures.formats.pdf_same import same
from signatures.formats.pdf_spoken import READ_INSTEAD

# Through these keys pages and looks take what they draw with (ISO 32000-1, 7.8.3 and 12.5.5). A dictionary that calls
# itself a page, a field, a catalogue or an element of the structure, and is found there too, is more than it says.
_DRAWN_WITH = frozenset(
    {
        "Resources", "Font", "XObject", "ExtGState", "Pattern", "ColorSpace", "Shading", "Properties", "CharProcs",
        "Contents", "DR", "AP", "N", "R",
    }
)  # fmt: skip


def _is_drawn_with(uses: list[Use]) -> bool:
    return any(step in _DRAWN_WITH for use in uses for step in use.path)


class UsesCompared(DocumentCompared):
    """Grades objects that do not say themselves what they are."""

    __slots__ = ()

    def _by_use(self, numbers: list[int], looks: list[int], selves: list[int]) -> Iterator[Change]:
        """
        Grade each object by all its uses in the signed revision; one that nothing used then is harmless.

        `looks` were replaced, not changed: that is no harm unless something nobody knows uses them too. `selves` were
        graded by what they say they are: that must be all that they are.
        """
        everything = uses_of(self.old, [*numbers, *looks, *selves])
        leads_double_life = {number for number in selves if _is_drawn_with(everything[number])}
        for number in sorted(leads_double_life):
            yield Change(Grade.UNKNOWN, Act.CONTENT, "OBJECT_CHANGED", f"object {number}")
        for number in selves:
            yield from self._on_other_pages(number, everything[number])
        waiting = {number: everything[number] for number in (*numbers, *looks) if everything[number]}
        known: dict[int, list[Use]] = dict(waiting)
        # Climb from holders that say nothing of themselves to those that do, all of one step together.
        for _ in range(MAX_STEPS):
            unknown = {
                use.holder
                for uses in waiting.values()
                for use in uses
                if use.holder > 0 and use.holder not in known and not self._speaks(use.holder)
            }
            if not unknown:
                break
            waiting = uses_of(self.old, unknown)
            known.update(waiting)
        speakers = {use.holder for uses in known.values() for use in uses if use.holder > 0} - known.keys()
        self._double = {number for number, uses in uses_of(self.old, speakers).items() if _is_drawn_with(uses)}
        for number in numbers:
            before, after = self.different[number]
            uses = self._anchored(number, known)
            if not uses and after is not None and self._was_there(number, before) and not is_plumbing(before):
                # Nothing that we can read used it, yet it is not simply new: perhaps others read more than we do.
                yield Change(Grade.UNKNOWN, Act.CONTENT, "OBJECT_CHANGED", f"object {number}")
            for holder, path in uses:
                yield from self._used(number, before, after, holder, path)
        for number in looks:
            value = self.old.get(number)
            for holder, path in self._anchored(number, known):
                if holder == 0 or holder == reference_of(self.old.trailer, "Root"):
                    yield from self._used(number, value, value, holder, path)

    def _on_other_pages(self, number: int, uses: list[Use]) -> Iterator[Change]:
        """A field that changed may be listed on more pages than the one it names: it shows on each."""
        value = self.new.get(number)
        known = self.old_fields.get(number)
        if known is None or not isinstance(value, Dictionary) or not shows_something(self.new, value):
            return
        lists = [use.holder for use in uses if use.holder > 0 and isinstance(self.old.get(use.holder), list)]
        above = [use for found in uses_of(self.old, lists).values() for use in found]
        pages = {use.holder for use in (*uses, *above) if use.path and use.path[0] == "Annots"}
        for page in sorted(pages - {self._page_of(number, value)}):
            if self.page_index(page) is not None:
                change = self._showing(Grade.PERMITTED, Act.FILL, "", value, known.name, Ref(number, 0), page)
                yield replace(change, refills=True)

    def _was_there(self, number: int, before: Value) -> bool:
        """Say whether the signed revision had this object, readable or not, for something of the document."""
        entry = self.old.locate(number)
        if entry is None or entry.kind == "f":
            return False
        if before is None:
            return self.old.placed(number) is None
        return not (isinstance(before, Dictionary) and "Linearized" in before)

    def _speaks(self, number: int) -> bool:
        value = self.old.get(number)
        return isinstance(value, Dictionary) and (
            value.get("Type") in {"Page", "Pages", "Catalog"}
            or is_structure(value)
            or reference_of(self.old.catalog, "AcroForm") == number
            or number in self.old_fields
            or ("ByteRange" in value and "Contents" in value)
        )

    def _anchored(self, number: int, known: dict[int, list[Use]]) -> list[tuple[int, Path]]:
        """Return the speaking holders (0: the trailer) above `number` with the whole paths; (-1, ()) if unclear."""
        found: dict[tuple[int, Path], None] = {}
        waiting: list[tuple[int, Path, int]] = [(number, (), 0)]
        visited: set[tuple[int, str | int | None]] = set()
        while waiting:
            at, path, depth = waiting.pop()
            if depth > MAX_STEPS or len(found) > 1000:
                found[(-1, ())] = None
                continue
            for use in known.get(at, ()):
                whole = use.path + path
                if use.holder == UNREADABLE or use.holder in self._double:
                    found[(-1, ())] = None
                if use.holder == UNREADABLE:
                    continue
                if use.holder == 0 or self._speaks(use.holder):
                    found[(use.holder, whole)] = None
                elif (use.holder, whole[0] if whole else None) not in visited:
                    visited.add((use.holder, whole[0] if whole else None))
                    waiting.append((use.holder, whole, depth + 1))
        return list(found)

    def _used(self, number: int, before: Value, after: Value, holder: int, path: Path) -> Iterator[Change]:
        """Grade the change of an object that stood at `path` of the speaking object `holder`."""
        first = path[0] if path else ""
        if holder == -1:
            yield Change(Grade.UNKNOWN, Act.CONTENT, "OBJECT_CHANGED", f"object {number}")
            return
        if holder == 0:
            yield from self._used_by_trailer(number, path)
            return
        value = self.old.get(holder)
        if not isinstance(value, Dictionary):
            return
        kind = value.get("Type")
        if holder == reference_of(self.old.trailer, "Root") or kind == "Catalog":
            yield from self._used_by_catalog(number, before, after, path)
        elif kind == "Page":
            yield from self._used_by_page(number, before, after, holder, path)
        elif kind == "Pages":
            if first == "Resources":
                yield from self._resource_part(number, before, after, holder, path)
            elif first != "Parent":
                yield Change(Grade.FORBIDDEN, Act.CONTENT, "PAGES_CHANGED", f"object {number}")
        elif is_structure(value):
            spoken = first in READ_INSTEAD
            yield Change(
                Grade.UNKNOWN if spoken else Grade.PERMITTED,
                Act.CONTENT if spoken else Act.UPKEEP,
                "OBJECT_CHANGED" if spoken else "",
                f"object {number}" if spoken else "",
            )
        elif "ByteRange" in value and "Contents" in value:
            if first != "Data" and not same(before, after):
                detail = f"object {number} at /{first}"
                yield Change(Grade.FORBIDDEN, Act.SIGN, "SIGNATURE_CHANGED", detail)
        elif reference_of(self.old.catalog, "AcroForm") == holder:
            yield from self._used_by_form(number, before, after, path)
        else:
            yield from self._used_by_annotation(number, before, after, holder, value, path)

    def _used_by_trailer(self, number: int, path: Path) -> Iterator[Change]:
        if path[0] in ("Info", "ID"):
            yield Change(Grade.PERMITTED, Act.UPKEEP, "")
        elif path[0] == "Encrypt":
            yield Change(Grade.FORBIDDEN, Act.CONTENT, "ENCRYPTION_CHANGED")
        elif path[0] not in ("Root", "Prev", "Size"):
            yield Change(Grade.UNKNOWN, Act.CONTENT, "OBJECT_CHANGED", f"object {number} of the trailer /{path[0]}")

    def _used_by_catalog(self, number: int, before: Value, after: Value, path: Path) -> Iterator[Change]:
        first = str(path[0])
        if first == "AcroForm":
            yield from self._used_by_form(number, before, after, path[1:])
        elif first == "ViewerPreferences" and (len(path) > 1 or self._shown_otherwise(before, after)):
            yield Change(Grade.UNKNOWN, Act.CONTENT, "CATALOG_CHANGED", f"object {number} of /{first}")
        elif first in CATALOG_UPKEEP:
            yield Change(Grade.PERMITTED, Act.UPKEEP, "")
        elif first in CATALOG_FORBIDDEN:
            code = {"Pages": "PAGES_CHANGED", "Perms": "PERMISSIONS_CHANGED"}.get(first, "CATALOG_CHANGED")
            yield Change(Grade.FORBIDDEN, Act.CONTENT, code, f"object {number} of /{first}")
        else:
            yield Change(Grade.UNKNOWN, Act.CONTENT, "CATALOG_CHANGED", f"object {number} of /{first}")

    def _used_by_form(self, number: int, before: Value, after: Value, path: Path) -> Iterator[Change]:
        if not path:
            yield from self._form(or_empty(before), or_empty(after))
        elif path[0] == "Fields":
            yield from self._used_by_list_of_fields(number, before, after, path)
        elif path[0] in FORM_FREE or (path[0] == "DR" and self._harmless_resource(before, after, path)):
            yield Change(Grade.PERMITTED, Act.UPKEEP, "")
        else:
            yield Change(Grade.UNKNOWN, Act.FORM, "FORM_CHANGED", f"object {number} of /{path[0]}")

    def _used_by_list_of_fields(self, number: int, before: Value, after: Value, path: Path) -> Iterator[Change]:
        if len(path) == 1:
            yield from self._field_list(before, after)
        elif before is None:
            yield from self._new_field(Ref(number, 0), 0)
        else:
            yield Change(Grade.FORBIDDEN, Act.FORM, "FIELD_REMOVED", f"object {number}")

    def _harmless_resource(self, before: Value, after: Value, path: Path) -> bool:
        """Say whether a part of the form's default resources changed in a way that no field can show."""
        if len(path) == 1:
            return self._more_resources(before, after) or self._pictures_only(before, after)
        if path[1] == "XObject":
            return looks_stand_alone(self.old)
        if path[1] == "Font" and len(path) == 2:
            return self._only_more(before, after, 1) and self._fonts_unasked(
                set(or_empty(after)) - set(or_empty(before))
            )
        if path[1] == "Font" and before is None:
            return self._fonts_unasked({str(path[2])})
        return before is not None and self._only_more(before, after, 1) and looks_stand_alone(self.old)

    def _used_by_page(self, number: int, before: Value, after: Value, page: int, path: Path) -> Iterator[Change]:
        first = path[0]
        if first == "Annots":
            if len(path) == 1:
                yield from self._annotation_list(page, before, after)
            elif len(path) == 2 and before is None:
                yield from self._new_annotation(page, Ref(number, 0))
            elif len(path) == 2 and after is None:
                if isinstance(before, Dictionary) and shows_something(self.old, before):
                    box = box_of(self.old, before)
                    yield Change(Grade.VISIBLE, Act.COMMENT, "ANNOTATION_REMOVED", kind_of(before), page=page, box=box)
            elif isinstance(before, Dictionary) and isinstance(after, Dictionary) and len(path) == 2:
                yield from self._annotation(number, before, after)
            elif len(path) > 2 and (path[2] not in ("Parent", "P", "Popup", "IRT") or self._opens(before, after, path)):
                yield from self._annotation_part(number, page, path)
        elif first == "Contents":
            if isinstance(before, list) or before is None:
                yield from self._contents(page, before, after)
            else:
                yield Change(Grade.FORBIDDEN, Act.CONTENT, "CONTENT_REPLACED", f"object {number}", page=page)
        elif first == "Resources":
            yield from self._resource_part(number, before, after, page, path)
        elif first in PAGE_UPKEEP:
            yield Change(Grade.PERMITTED, Act.UPKEEP, "")
        elif first == "AA":
            yield Change(Grade.UNKNOWN, Act.CONTENT, "PAGE_CHANGED", f"object {number} of /AA", page=page)
        elif first != "Parent":
            yield Change(Grade.FORBIDDEN, Act.CONTENT, "PAGE_CHANGED", f"object {number} of /{first}", page=page)

    def _opens(self, before: Value, after: Value, path: Path) -> bool:
        """Say whether a note's window that was closed or missing when signed is open now, and covers something."""
        windows = [view.entry(value, "Open") for view, value in ((self.old, before), (self.new, after))]
        return path[2] == "Popup" and windows[0] is not True and windows[1] is True

    def _annotation_part(self, number: int, page: int, path: Path) -> Iterator[Change]:
        """A part of an annotation (its look, its action) changed that belongs to no form field."""
        listed = self.new.entry(Ref(page, 0), "Annots")
        place = path[1]
        value = listed[place] if isinstance(listed, list) and isinstance(place, int) and place < len(listed) else None
        annotation = self.new.resolve(value)
        if isinstance(annotation, Dictionary) and not shows_something(self.new, annotation):
            yield Change(Grade.PERMITTED, Act.COMMENT, "", kind_of(annotation), page=page)
            return
        box = box_of(self.new, annotation) if isinstance(annotation, Dictionary) else None
        yield Change(Grade.VISIBLE, Act.COMMENT, "ANNOTATION_CHANGED", f"object {number}", page=page, box=box)

    def _resource_part(self, number: int, before: Value, after: Value, page: int, path: Path) -> Iterator[Change]:
        if len(path) == 1:
            yield from self._resources(page, before, after)
        elif len(path) == 2 and isinstance(before, Dictionary) and self._only_more(before, after, 1):
            asked = self._asked_for(page, before, after)
            yield Change(Grade.VISIBLE, Act.CONTENT, "RESOURCES_ADDED", page=page, shows=not asked)
        elif before is None:
            # It was named and missing; programs and letters tell of it, though the look may be the same.
            yield Change(Grade.VISIBLE, Act.CONTENT, "RESOURCES_ADDED", f"object {number}", page=page)
        else:
            yield Change(Grade.FORBIDDEN, Act.CONTENT, "RESOURCES_CHANGED", f"object {number}", page=page)

    def _used_by_annotation(
        self, number: int, before: Value, after: Value, holder: int, value: Dictionary, path: Path
    ) -> Iterator[Change]:
        """The object hangs below a field or annotation: its look, its value, its actions."""
        known = self.old_fields.get(holder)
        first = str(path[0])
        if first in ("Parent", "P", "Popup", "IRT"):
            return
        if first == "Kids" and known is not None:
            yield from self._used_by_list_of_fields(number, before, after, path)
            return
        now = self.new.get(holder)
        current = now if isinstance(now, Dictionary) else value
        if not (first in current and current.get(first) is not None) and first not in ("V", "Lock"):
            # What led to it is gone from the file; the loss itself is graded where it happened.
            return
        name = known.name if known is not None else ""
        if known is None:
            return
        if known.kind == "Sig":
            keys = [first]
            if first == "V" and isinstance(before, Dictionary):
                yield Change(Grade.FORBIDDEN, Act.SIGN, "SIGNATURE_CHANGED", known.name)
                return
            yield from self._signature_field(holder, value, current, keys, known)
            return
        letters = [or_empty(one).get("ToUnicode") for one in (before, after)]
        if "Resources" in path and (before is None or "ToUnicode" in path or not same(*letters)):
            # What a look draws with was supplied, or its letters mean others: not every program draws the difference.
            yield Change(Grade.UNKNOWN, Act.FILL, "FIELD_LOOK_CHANGED", name, name)
        if first in FILL_KEYS or first in WIDGET_LOOKS:
            yield self._filled(holder, value, current, first, known)
        elif first in FIELD_FREE:
            yield Change(Grade.PERMITTED, Act.FILL, "", name, name)
        else:
            yield Change(Grade.UNKNOWN, Act.FORM, "FIELD_CHANGED", f"{name} /{first}", name)
