"""Compares form fields and annotations of two revisions: who signed, what was filled in, what was put on a page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from signatures.formats.pdf_fields import Field
from signatures.formats.pdf_grades import Act, Change, Grade
from signatures.formats.pdf_looks import TEXT_KINDS, shows_another_value
from signatures.formats.pdf_nodes import (
    box_of,
    has_layers,
    kind_of,
    number_text,
    or_empty,
    shown_otherwise,
    shows_elsewhere,
    shows_something,
    without,
)
from signatures.formats.pdf_objects import Dictionary, Name, Ref, Value
from signatures.formats.pdf_roles import MAX_STEPS
from signatures.formats.pdf_same import same
from signatures.formats.pdf_two_views import TwoViews

WIDGET_LOOKS = frozenset({"AP", "AS", "MK", "DA", "Q", "BS", "Border", "DR", "DS", "H"})
FIELD_FREE = frozenset({"M", "NM", "TU", "TM", "StructParent", "P", "DV", "Ff", "Type", "TI", "SV"})
# What a look is made of when a program makes it anew.
REMAKES_LOOK = frozenset({"DA", "MK", "DR", "DS"})
# ISO 32000-1, table 221: read-only, required, not exported. The other flags say how a value is drawn, or what it is.
_HARMLESS_FLAGS = 1 | 2 | 4
# The values of a field that nobody has filled in: a text without letters, a button that is not pressed.
_EMPTY: tuple[Value, ...] = (None, b"", b"\xfe\xff", Name("Off"))
FILL_KEYS = frozenset({"V", "I", "RV", "AS", "AP"})


class FieldsCompared(TwoViews):
    """Grades changes of fields, widgets and annotations."""

    __slots__ = ()

    def _field_list(self, before: Value, after: Value) -> Iterator[Change]:
        old_items = before if isinstance(before, list) else []
        new_items = after if isinstance(after, list) else []
        for item in old_items:
            if not any(same(item, other) for other in new_items) and self.old.resolve(item) is not None:
                yield Change(Grade.FORBIDDEN, Act.FORM, "FIELD_REMOVED", number_text(item))
        for item in new_items:
            if not any(same(item, other) for other in old_items):
                yield from self._new_field(item, 0)

    def _new_field(self, item: Value, depth: int) -> Iterator[Change]:
        """A field that was not there when it was signed: lawful only for a signature."""
        if isinstance(item, Ref):
            if item.number in self.judged:
                return
            self.judged.add(item.number)
        value = self.new.resolve(item)
        if not isinstance(value, Dictionary) or depth > MAX_STEPS:
            return
        known = self.new_fields.get(item.number) if isinstance(item, Ref) else None
        kind = known.kind if known is not None else value.get("FT")
        name = known.name if known is not None else ""
        kids = self.new.resolve(value.get("Kids"))
        if isinstance(kids, list) and not shows_something(self.new, value):
            for kid in kids:
                yield from self._new_field(kid, depth + 1)
            if kids:
                return
        if kind == "Sig":
            yield self._new_signature(known, value, name, item, 0)
        elif shows_something(self.new, value):
            yield self._showing(Grade.VISIBLE, Act.FORM, "FIELD_ADDED", value, name, item)
        else:
            yield Change(Grade.UNKNOWN, Act.FORM, "FIELD_ADDED", name, name)

    def _new_signature(self, known: Field | None, value: Dictionary, name: str, item: Value, page: int) -> Change:
        """
        A signature field that was not there: a signature, a time stamp, or an empty place for one.

        Only what does not show is upkeep; and an empty place that shows something is no signature but a picture of one.
        """
        if any(value.get(key) is not None for key in ("A", "AA")):
            # A signature that makes a program do something is more than a signature.
            return Change(Grade.UNKNOWN, Act.FORM, "FIELD_ADDED", name, name, page=page)
        if not shows_something(self.new, value):
            act = Act.UPKEEP if self._is_time_stamp(known, value) else Act.SIGN
            return Change(Grade.PERMITTED, act, "", name, name)
        empty = self.new.resolve(known.value if known is not None else value.get("V")) is None
        borrowed = self._was_given(known.value if known is not None else value.get("V"))
        if (empty and value.get("AP") is not None) or borrowed or shows_elsewhere(self.new, value):
            return self._showing(Grade.VISIBLE, Act.FORM, "FIELD_ADDED", value, name, item, page)
        return self._showing(Grade.PERMITTED, Act.SIGN, "SIGNATURE_ADDED", value, name, item, page)

    def _was_given(self, value: Value) -> bool:
        """Say whether a field's value is a signature that another field had before: then nobody signs in this one."""
        return isinstance(value, Ref) and any(
            isinstance(one.value, Ref) and one.value.number == value.number for one in self.old_fields.values()
        )

    def _annotation_list(self, page: int, before: Value, after: Value) -> Iterator[Change]:
        old_items = list(before) if isinstance(before, list) else []
        new_items = list(after) if isinstance(after, list) else []
        gone = without(old_items, new_items)
        added = without(new_items, old_items)
        if self._piled_otherwise(old_items, new_items):
            yield Change(Grade.VISIBLE, Act.COMMENT, "ANNOTATION_CHANGED", "/Annots", page=page)
        # A writer may turn annotations written into the page into objects of their own, and back.
        for item in list(added):
            twin = next((one for one in gone if self._same_annotation(one, item)), None)
            if twin is not None:
                gone.remove(twin)
                added.remove(item)
        for item in gone:
            value = self.old.resolve(item)
            if isinstance(value, Dictionary) and shows_something(self.old, value):
                yield Change(
                    Grade.VISIBLE,
                    Act.COMMENT,
                    "ANNOTATION_REMOVED",
                    kind_of(value),
                    page=page,
                    box=box_of(self.old, value),
                )
        for item in added:
            yield from self._new_annotation(page, item)

    def _piled_otherwise(self, before: list[Value], after: list[Value]) -> bool:
        """Say whether annotations that show are listed in another order, or more often: the later lie above."""
        numbers = [[one.number for one in items if isinstance(one, Ref)] for items in (before, after)]
        both = set(numbers[0]) & set(numbers[1])
        kept = [[number for number in one if number in both] for one in numbers]
        if kept[0] == kept[1]:
            return False
        values = {number: self.new.get(number) for number in both}
        showing = {
            number
            for number, value in values.items()
            if isinstance(value, Dictionary) and shows_something(self.new, value)
        }
        shown = [[number for number in one if number in showing] for one in kept]
        return shown[0] != shown[1]

    def _same_annotation(self, before: Value, after: Value) -> bool:
        if isinstance(before, Ref) and isinstance(after, Ref):
            return False
        return same(self.old.resolve(before), self.new.resolve(after))

    def _new_annotation(self, page: int, item: Value) -> Iterator[Change]:
        value = self.new.resolve(item)
        if not isinstance(value, Dictionary):
            return
        number = item.number if isinstance(item, Ref) else 0
        if kind_of(value) == "Widget":
            known = self.new_fields.get(number)
            if known is not None and known.kind == "Sig":
                self.judged.add(number)
                before = self.old_fields.get(number)
                if (
                    before is not None
                    and self.old.resolve(before.value) is not None
                    and shows_something(self.new, value)
                ):
                    # A signature that was given is shown where it was not: on another page, or on one at all.
                    yield self._showing(
                        Grade.VISIBLE, Act.FORM, "SIGNATURE_LOOK_CHANGED", value, known.name, item, page
                    )
                    return
                # A field may be listed on several pages, and shows on each.
                yield self._new_signature(known, value, known.name, item, page)
                return
            if number in self.judged and known is not None and number not in self.old_fields:
                return
            if shows_something(self.new, value):
                name = known.name if known is not None else ""
                yield self._showing(Grade.VISIBLE, Act.FORM, "FIELD_ADDED", value, name, item, page)
            elif value.get("FT") != "Sig" or any(value.get(key) is not None for key in ("A", "AA")):
                # What cannot be seen can still act: scripts run when a page with a hidden button opens.
                yield Change(Grade.UNKNOWN, Act.FORM, "FIELD_ADDED", kind_of(value), page=page)
            return
        closed = (
            kind_of(value) == "Popup"
            and self.new.resolve(value.get("Open")) is not True
            # A note's window has no look (ISO 32000-1, 12.5.6.14); one that has is drawn by some programs.
            and value.get("AP") is None
        )
        if closed or not shows_something(self.new, value):
            quiet = value.get("AA") is None
            grade, code = (Grade.PERMITTED, "") if quiet else (Grade.UNKNOWN, "ANNOTATION_ADDED")
            yield Change(grade, Act.COMMENT, code, kind_of(value), page=page)
            return
        yield self._showing(Grade.VISIBLE, Act.COMMENT, "ANNOTATION_ADDED", value, "", item, page)

    def _annotation(self, number: int, before: Dictionary, after: Dictionary) -> Iterator[Change]:
        known = self.old_fields.get(number) or self.new_fields.get(number)
        keys = self._differing(before, after)
        if known is None:
            yield from self._comment(number, before, after, keys)
        elif known.kind == "Sig":
            yield from self._signature_field(number, before, after, keys, known)
        else:
            yield from self._form_field(number, before, after, keys, known)

    def _comment(self, number: int, before: Dictionary, after: Dictionary, keys: list[str]) -> Iterator[Change]:
        quiet = {"M", "NM", "StructParent", "P", "Parent", "Popup", "State", "StateModel"}
        if self.new.entry(after.get("Popup"), "Open") is True:
            quiet.discard("Popup")
        if self.new.resolve(after.get("Open")) is not True:
            # An open window covers what lies beneath it.
            quiet.add("Open")
        if set(keys) <= quiet or not (shows_something(self.old, before) or shows_something(self.new, after)):
            yield Change(Grade.PERMITTED, Act.COMMENT, "", kind_of(before))
        else:
            yield self._showing(Grade.VISIBLE, Act.COMMENT, "ANNOTATION_CHANGED", after, "", Ref(number, 0))

    def _signature_field(
        self, number: int, before: Dictionary, after: Dictionary, keys: list[str], known: Field
    ) -> Iterator[Change]:
        signed_before = self.old.resolve(known.inherited("V"))
        now = self.new_fields.get(number)
        signing = signed_before is None and now is not None and self.new.resolve(now.value) is not None
        stamping = signing and self._is_time_stamp(now, after) and not shows_something(self.new, after)
        act = Act.UPKEEP if stamping else Act.SIGN
        for key in keys:
            if key == "V":
                if signing:
                    # A lock on a field binds whoever fills it, signers too.
                    yield Change(Grade.PERMITTED, Act.FILL if act is Act.SIGN else act, "", known.name, known.name)
                elif signed_before is not None:
                    yield Change(Grade.FORBIDDEN, Act.SIGN, "SIGNATURE_CHANGED", known.name)
            elif key in WIDGET_LOOKS or key in ("Rect", "F"):
                if key == "F" and not shown_otherwise(self.old, before, self.new, after):
                    continue
                if not (shows_something(self.old, before) or shows_something(self.new, after)):
                    continue
                borrowed = self._was_given(now.value if now is not None else None)
                if signing and not borrowed and not shows_elsewhere(self.new, after):
                    change = self._showing(Grade.PERMITTED, act, "SIGNATURE_ADDED", after, known.name, Ref(number, 0))
                    yield replace(change, refills=same(before.get("Rect"), after.get("Rect")))
                else:
                    yield self._showing(
                        Grade.VISIBLE, Act.FORM, "SIGNATURE_LOOK_CHANGED", after, known.name, Ref(number, 0)
                    )
            elif key == "Lock":
                if not signing or before.get("Lock") is not None:
                    yield Change(Grade.FORBIDDEN, Act.FORM, "LOCK_CHANGED", known.name)
            elif key in FIELD_FREE:
                yield Change(Grade.PERMITTED, Act.UPKEEP, "")
            elif key in ("T", "FT", "Subtype"):
                yield Change(Grade.FORBIDDEN, Act.FORM, "FIELD_CHANGED", f"{known.name} /{key}", known.name)
            elif key == "Kids":
                yield from self._field_list(self.old.entry(before, key), self.new.entry(after, key))
            else:
                yield Change(Grade.UNKNOWN, Act.FORM, "FIELD_CHANGED", f"{known.name} /{key}", known.name)

    def _form_field(
        self, number: int, before: Dictionary, after: Dictionary, keys: list[str], known: Field
    ) -> Iterator[Change]:
        for key in keys:
            if key in FILL_KEYS or key in WIDGET_LOOKS:
                yield self._filled(number, before, after, key, known)
            elif key == "F":
                if shown_otherwise(self.old, before, self.new, after):
                    yield self._showing(Grade.VISIBLE, Act.FORM, "FIELD_CHANGED", after, known.name, Ref(number, 0))
            elif key == "Rect":
                yield self._showing(Grade.VISIBLE, Act.FORM, "FIELD_CHANGED", after, known.name, Ref(number, 0))
            elif key in FIELD_FREE:
                flags = [self.old.entry(before, key), self.new.entry(after, key)] if key == "Ff" else [0, 0]
                one, two = (flag if isinstance(flag, int) else 0 for flag in flags)
                if (one ^ two) & ~_HARMLESS_FLAGS:
                    yield Change(Grade.UNKNOWN, Act.FORM, "FIELD_CHANGED", f"{known.name} /{key}", known.name)
                else:
                    yield Change(Grade.PERMITTED, Act.FILL, "", known.name, known.name)
            elif key in ("T", "FT", "Subtype", "Lock"):
                yield Change(Grade.FORBIDDEN, Act.FORM, "FIELD_CHANGED", f"{known.name} /{key}", known.name)
            elif key == "Kids":
                yield from self._field_list(self.old.entry(before, key), self.new.entry(after, key))
            else:
                yield Change(Grade.UNKNOWN, Act.FORM, "FIELD_CHANGED", f"{known.name} /{key}", known.name)

    def _filled(self, number: int, before: Dictionary, after: Dictionary, key: str, known: Field) -> Change:
        """
        A field's value or look is another one now.

        Filling in changes the value. A look that was there and changes without it says something else than was signed.
        """
        shows = key in WIDGET_LOOKS and shows_something(self.new, after)
        change = self._showing(Grade.PERMITTED, Act.FILL, "FIELD_FILLED", after, known.name, Ref(number, 0))
        now = self.new_fields.get(number)
        values = self.old.resolve(known.inherited("V")), self.new.resolve(now.inherited("V") if now else None)
        valued = not same(*values)
        if key in REMAKES_LOOK and not valued:
            # Programs that make looks anew would draw the same value differently, or not at all.
            return replace(
                change, grade=Grade.UNKNOWN, act=Act.FORM, code="FIELD_CHANGED", detail=f"{known.name} /{key}"
            )
        if key in ("RV", "I") and not valued:
            # Programs that draw rich texts, or mark what was chosen, show this and not the value.
            return replace(change, grade=Grade.UNKNOWN, code="FIELD_CHANGED", detail=f"{known.name} /{key}")
        if valued and now is not None and shows_another_value(self.new, now):
            return replace(change, grade=Grade.UNKNOWN, code="FIELD_SHOWS_ANOTHER_VALUE", detail=known.name)
        if shows and self._can_look_otherwise(before, after, known):
            return replace(change, grade=Grade.VISIBLE, code="FIELD_LOOK_CHANGED", detail=known.name, refills=True)
        alone = shows and not valued and before.get("AP") is not None
        overwrites = valued and key == "V" and values[0] not in _EMPTY
        return replace(change, shows=shows, refills=True, alone=alone, overwrites=overwrites)

    def _can_look_otherwise(self, before: Dictionary, after: Dictionary, known: Field) -> bool:
        """Say whether a filled field got a look that drawing its page once does not show (see `shows_elsewhere`)."""
        looks = or_empty(self.new.resolve(after.get("AP"))).keys()
        were = or_empty(self.old.resolve(before.get("AP"))).keys()
        moving = looks - {"N"} if known.kind in TEXT_KINDS else looks - {"N", "D"} - were
        ground = not looks and not same(before.get("MK"), after.get("MK")) and "BG" in or_empty(after.get("MK"))
        return bool(moving) or ground or has_layers(self.new, after) or not same(before.get("OC"), after.get("OC"))
