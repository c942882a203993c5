"""
Says what later revisions did to a signed PDF: nothing, what is allowed, something that shows, or what nobody may.

Only the objects that a later revision touches are compared, each by what it is used for in the signed revision. Plan:

1. List the objects that are different now.
2. Those that say themselves what they are (catalogue, form, page, field, annotation) are compared key by key.
3. For the others every use in the signed revision is looked up; the strictest of these uses decides.
4. What shows on a page is looked at in dots: did it cover or alter what stood there?
5. The permissions of all signatures so far (DocMDP, FieldMDP, locks) turn what they forbid into forbidden.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from signatures.formats.pdf_beyond import read_beyond
from signatures.formats.pdf_bytes import Guarded
from signatures.formats.pdf_compare_uses import UsesCompared
from signatures.formats.pdf_ends import begins_elsewhere
from signatures.formats.pdf_fields import fields_of
from signatures.formats.pdf_filters import TooCostly
from signatures.formats.pdf_grades import Act, Box, Change, Changes, Grade
from signatures.formats.pdf_nodes import (
    fields_by_number,
    inherited,
    is_annotation,
    names_a_key_twice,
    reference_of,
)
from signatures.formats.pdf_objects import Dictionary, PdfSyntaxError, Stream, Value
from signatures.formats.pdf_overlay import Looks, compare_looks
from signatures.formats.pdf_permissions import Permissions
from signatures.formats.pdf_plain import (
    found_otherwise,
    hidden_objects,
    is_plain_plumbing,
    lists_plainly,
    odd_table,
    oddly_packed,
    points_beside,
)
from signatures.formats.pdf_roles import leaning_streams, object_streams
from signatures.formats.pdf_same import same, same_through
from signatures.formats.pdf_spoken import newly_spoken
from signatures.formats.pdf_view import View
from signatures.report import ChangedAfter, Reason

# A saved form of a thousand fields touches some thousand objects. An update that touches more is a new document.
MAX_TOUCHED = 50_000
# Pages on which looks are compared for one signature; each costs some tens of milliseconds.
MAX_LOOKS = 40
# A signature's look that takes more of a page than this is a page of its own, whatever lies beneath.
_LARGE_PART = 0.4


def changes_after(guarded: Guarded, view: View, permissions: Permissions) -> Changes:
    """
    Compare the revision that a guarded signature covers with the whole file `view`, under `permissions`.

    TooCostly where an update touches more than any lawful one.
    """
    elsewhere = begins_elsewhere(guarded, view)
    if not guarded.later or guarded.signed is None:
        if elsewhere:
            return Changes(ChangedAfter.UNKNOWN, (Reason("READ_FROM_ELSEWHERE", elsewhere),))
        return Changes(ChangedAfter.NOTHING)
    comparison = _Comparison(guarded.signed, view)
    found = list(comparison.changes(guarded))
    if elsewhere:
        found.append(Change(Grade.UNKNOWN, Act.CONTENT, "READ_FROM_ELSEWHERE", elsewhere))
    if guarded.stray:
        found.append(Change(Grade.UNKNOWN, Act.CONTENT, "UPDATE_HAS_STRAY_BYTES"))
    if guarded.signed.repaired and not guarded.signed.rebuilt:
        found.append(Change(Grade.UNKNOWN, Act.CONTENT, "UPDATE_OF_DAMAGED_FILE"))
    judged = [_under(change, permissions) for change in comparison.looked_at(found)]
    return _sum(judged, comparison)


def _under(change: Change, permissions: Permissions) -> Change:
    """Turn what the permissions in force forbid into a forbidden change (ISO 32000-2, 12.8.2.2 and 12.8.2.4)."""
    if change.grade is Grade.FORBIDDEN or change.act is Act.UPKEEP:
        return change
    level = permissions.level
    if level is None and change.overwrites:
        # Nobody said that what was signed may be filled in otherwise.
        change = replace(change, grade=max(change.grade, Grade.VISIBLE), code="FIELD_CHANGED", detail=change.field)
    if level is not None:
        allowed = {1: (), 2: (Act.SIGN, Act.FILL), 3: (Act.SIGN, Act.FILL, Act.COMMENT)}[level]
        if change.act not in allowed:
            return replace(change, grade=Grade.FORBIDDEN, code="NOT_PERMITTED_BY_CERTIFICATION", detail=_said(change))
    if change.field and change.act is Act.FILL and permissions.locked(change.field):
        return replace(change, grade=Grade.FORBIDDEN, code="FIELD_WAS_LOCKED", detail=change.field)
    return change


def _said(change: Change) -> str:
    return f"{change.code}: {change.detail}" if change.detail else change.code


def _sum(changes: list[Change], comparison: _Comparison) -> Changes:
    worst = max((change.grade for change in changes), default=Grade.PERMITTED)
    after = {
        Grade.PERMITTED: ChangedAfter.PERMITTED,
        Grade.UNKNOWN: ChangedAfter.UNKNOWN,
        Grade.VISIBLE: ChangedAfter.VISIBLE,
        Grade.FORBIDDEN: ChangedAfter.FORBIDDEN,
    }[worst]
    reasons = dict.fromkeys(
        Reason(change.code, change.detail) for change in changes if change.code and change.grade > Grade.PERMITTED
    )
    remarks = dict.fromkeys(
        Reason(change.code, change.detail) for change in changes if change.code and change.grade is Grade.PERMITTED
    )
    pages: dict[tuple[int, Box | None], None] = {}
    for change in changes:
        if change.grade >= Grade.VISIBLE and change.page:
            number = comparison.page_index(change.page)
            if number is not None:
                pages[(number + 1, change.box)] = None
    return Changes(after, (*reasons, *remarks), tuple(sorted(pages, key=lambda one: (one[0], one[1] or ()))))


def _first_identifier(view: View, trailer: Dictionary) -> Value:
    identifiers = view.resolve(trailer.get("ID"))
    return view.resolve(identifiers[0]) if isinstance(identifiers, list) and identifiers else None


class _Comparison(UsesCompared):
    """The whole comparison: finds what is different, has it graded, and looks at what shows."""

    __slots__ = ()

    # 1. What is different.

    def changes(self, guarded: Guarded) -> Iterator[Change]:
        """Yield every change, graded without regard to permissions."""
        old, new = self.old, self.new
        touched = self._touched(guarded)
        if any(one.doubled for section in new.sections for one in (section, section.hidden) if one is not None):
            yield Change(Grade.UNKNOWN, Act.CONTENT, "UPDATE_ROW_WRONG", "two rows for one object")
        yield from self._encryptions(guarded)
        yield from self._oddities(guarded, touched)
        # What stands where it stood, and may yet be read otherwise.
        unsettled = read_beyond(old)
        unsettled |= leaning_streams(old, touched | unsettled)
        unsettled |= self._inside(unsettled)
        for number in sorted(touched | unsettled | self._inside(touched)):
            if number not in unsettled and self._same_place(number):
                continue
            before, after = old.get(number), new.get(number)
            if self._misplaced(number):
                yield Change(Grade.UNKNOWN, Act.CONTENT, "UPDATE_ROW_WRONG", f"object {number}")
            if not same(before, after):
                self.different[number] = (before, after)
                if names_a_key_twice(before) or names_a_key_twice(after):
                    yield Change(Grade.UNKNOWN, Act.CONTENT, "DICTIONARY_KEY_TWICE", f"object {number}")
        self.old_fields = fields_by_number(old, fields_of(old))
        self.new_fields = fields_by_number(new, fields_of(new))
        yield from self._trailers()
        others: list[int] = []
        selves: list[int] = []
        for number, (before, after) in self.different.items():
            if number in self.judged:
                selves.append(number)
                continue
            judged = self._by_itself(number, before, after)
            if judged is None:
                others.append(number)
            else:
                self.judged.add(number)
                selves.append(number)
                yield from judged
        yield from self._by_use(others, self._replaced_looks(), selves)
        for number in newly_spoken(old, new, self.different):
            yield Change(Grade.UNKNOWN, Act.CONTENT, "OBJECT_CHANGED", f"object {number}")

    def _encryptions(self, guarded: Guarded) -> Iterator[Change]:
        """
        Yield where an update forgets that the file is encrypted: some programs then read it as it lies.

        Others, as we do, take what a trailer forgot from the one before it. Honest writers forget it too, so that it
        is a doubt, while an encryption of its own is none.
        """
        old, new = self.old, self.new
        encrypted = old.trailer.get("Encrypt")
        if encrypted is None:
            return
        first = _first_identifier(old, old.trailer)
        for section in (old.sections[0], *guarded.later):
            own = section.trailer.get("Encrypt")
            if own is None:
                detail = f"the table at {section.start} forgets /Encrypt"
                yield Change(Grade.UNKNOWN, Act.CONTENT, "UPDATE_READ_DIFFERENTLY", detail)
            elif not same_through(old, encrypted, new, own):
                yield Change(Grade.FORBIDDEN, Act.CONTENT, "ENCRYPTION_CHANGED", f"the table at {section.start}")
            elif not same(first, _first_identifier(new, section.trailer)):
                # The key is made with the file's identifier (ISO 32000-1, 7.6.3.3).
                detail = f"the table at {section.start} forgets or changes /ID"
                yield Change(Grade.UNKNOWN, Act.CONTENT, "UPDATE_READ_DIFFERENTLY", detail)

    def _oddities(self, guarded: Guarded, touched: set[int]) -> Iterator[Change]:
        """Yield what the update wrote in a way that programs read differently, each by its own habit."""
        old, new = self.old, self.new
        found = [f"the table at {one.start}: {odd}" for one in guarded.later for odd in (odd_table(new, one),) if odd]
        for number in sorted(touched):
            entry, placed = new.locate(number), new.placed(number)
            if entry is None or placed is None or (placed.start < old.end and entry == old.locate(number)):
                continue
            if placed.odd or (entry.kind == "n" and placed.generation != entry.detail):
                found.append(f"object {number}")
            elif self._is_odd_plumbing(number, placed.value):
                found.append(f"object stream {number}")
        for section in guarded.later:
            if section.hidden is not None:
                found += [
                    f"object {number}, free in the table only"
                    for number in section.rows.numbers()
                    for before, row in ((old.locate(number), section.rows.find(number)),)
                    if row is not None and row.kind == "f" and before is not None and before.kind != "f"
                ]
        found += [f"object stream {number}, odd when signed" for number in sorted(oddly_packed(old))]
        if hidden_objects(new, guarded.later, old.end, len(new.file.data)):
            found.append("objects inside of others")
        if (odd_table(old, old.sections[0]) or points_beside(old)) and found_otherwise(old):
            found.append("objects inside of others, and a table that was odd when signed")
        elif points_beside(new) and found_otherwise(new):
            found.append("objects inside of others, and a table that points beside another")
        yield from (Change(Grade.UNKNOWN, Act.CONTENT, "UPDATE_READ_DIFFERENTLY", detail) for detail in found)

    def _is_odd_plumbing(self, number: int, value: Value) -> bool:
        if not isinstance(value, Stream) or (
            value.head.get("Type") != "ObjStm" and number not in object_streams(self.new)
        ):
            return False
        return not is_plain_plumbing(self.new, value) or not lists_plainly(self.new, number, value)

    def _replaced_looks(self) -> list[int]:
        """Return the objects that were the look of a changed field and are so no longer, though they still exist."""
        return [
            reference
            for before, after in self.different.values()
            if isinstance(before, Dictionary) and is_annotation(before) and isinstance(after, Dictionary)
            for reference in (reference_of(before, "AP"),)
            if reference > 0 and reference != reference_of(after, "AP") and reference not in self.different
        ]

    def _misplaced(self, number: int) -> bool:
        """
        Say whether a later table sends readers of an object to a wrong place, or renumbers its generation.

        Some programs then find the object all the same, others show nothing: what is hidden depends on the reader.
        """
        if number in self.new.repaired and number not in self.old.repaired:
            return True
        before, after = self.old.locate(number), self.new.locate(number)
        return (
            before is not None
            and after is not None
            and before.kind == after.kind == "n"
            and before.detail != after.detail
        )

    def _same_place(self, number: int) -> bool:
        """Say whether both revisions find the object at the same place (some writers repeat the whole table)."""
        before, after = self.old.locate(number), self.new.locate(number)
        if before is None or before != after:
            return before is None and after is None
        return before.kind != "c" or self.old.locate(before.place) == self.new.locate(before.place)

    def _touched(self, guarded: Guarded) -> set[int]:
        """Return the objects that the tables of the update name."""
        seen: set[int] = set()
        for section in guarded.later:
            for number in section.numbers():
                seen.add(number)
                if len(seen) > MAX_TOUCHED:
                    raise TooCostly(f"an update touches more than {MAX_TOUCHED} objects")
        return seen

    def _inside(self, numbers: set[int]) -> set[int]:
        """
        Return what lies, before or after, in those of `numbers` that are object streams.

        Everything in one changes with it, though no table of the update names it. A table may take for an object stream
        what does not call itself one.
        """
        found: set[int] = set()
        named = numbers & (object_streams(self.old) | object_streams(self.new))
        for view in (self.old, self.new):
            for number in numbers:
                value = view.get(number)
                if isinstance(value, Stream) and (number in named or value.head.get("Type") == "ObjStm"):
                    try:
                        pairs, _, _ = view.object_stream(number)
                    except PdfSyntaxError:
                        continue
                    found.update(inside for inside, _ in pairs)
        return found

    # 4. What shows.

    def looked_at(self, changes: list[Change]) -> list[Change]:
        """Grade what shows by how its page looks: covering or altering what stood there is a visible change."""
        asked = {
            (change.page, change.refills)
            for change in changes
            if change.shows and change.page and (change.grade is Grade.PERMITTED or change.code == "RESOURCES_ADDED")
        }
        if len(asked) > MAX_LOOKS:
            raise TooCostly(f"an update changes how more than {MAX_LOOKS} pages look")
        before = self.old.file.data[: self.old.end] if asked else b""
        looks: dict[tuple[int, bool], Looks] = {}
        for page, refills in asked:
            index = self.page_index(page)
            if index is not None:
                self.new.file.count_look()
                looks[page, refills] = compare_looks(before, self.new.file.data, index, fields_count=not refills)
        return [self._by_look(change, looks.get((change.page, change.refills))) for change in changes]

    def _by_look(self, change: Change, looks: Looks | None) -> Change:
        if not change.shows:
            return change
        if change.code == "RESOURCES_ADDED" and looks is not None and looks.changed is False:
            return replace(change, grade=Grade.PERMITTED, code="", act=Act.UPKEEP)
        if change.grade is not Grade.PERMITTED:
            return change
        if looks is not None and looks.covered is not False:
            return replace(change, grade=Grade.VISIBLE, code="CONTENT_COVERED")
        if change.alone and looks is not None and looks.changed_in(change.box):
            return replace(change, grade=Grade.VISIBLE, code="FIELD_LOOK_CHANGED")
        if change.act is Act.SIGN and not change.refills and self._is_large(change):
            return replace(change, grade=Grade.VISIBLE, code="LARGE_SIGNATURE_ADDED")
        return replace(change, code="")

    def _is_large(self, change: Change) -> bool:
        box = change.box
        sizes = self.new.resolve(inherited(self.new, change.page, "MediaBox"))
        if box is None or not isinstance(sizes, list):
            return False
        sides = [one for one in (self.new.resolve(size) for size in sizes) if isinstance(one, int | float)]
        if len(sides) != 4:
            return False
        area = abs((sides[2] - sides[0]) * (sides[3] - sides[1]))
        return abs((box[2] - box[0]) * (box[3] - box[1])) > _LARGE_PART * area
