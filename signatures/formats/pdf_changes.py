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
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum

from signatures.formats.pdf_bytes import Guarded
from signatures.formats.pdf_fields import Field, fields_of
from signatures.formats.pdf_file import View
from signatures.formats.pdf_filters import TooCostly
from signatures.formats.pdf_objects import Dictionary, Name, PdfSyntaxError, Ref, Stream, Value
from signatures.formats.pdf_overlay import Looks, compare_looks
from signatures.formats.pdf_permissions import Permissions
from signatures.formats.pdf_roles import MAX_STEPS, Path, Use, uses_of
from signatures.formats.pdf_same import same, same_through
from signatures.report import ChangedAfter, Reason

# A saved form of a thousand fields touches some thousand objects. An update that touches more is a new document.
MAX_TOUCHED = 50_000
# Pages are counted only to name one in a finding.
MAX_PAGE_NODES = 50_000
# Pages on which looks are compared for one signature; each costs some tens of milliseconds.
MAX_LOOKS = 40
# A signature's look that takes more of a page than this is a page of its own, whatever lies beneath.
_LARGE_PART = 0.4

Box = tuple[float, float, float, float]


class Grade(IntEnum):
    """How much a change matters, in ascending order."""

    PERMITTED = 1
    UNKNOWN = 2
    VISIBLE = 3
    FORBIDDEN = 4


class Act(StrEnum):
    """What kind of act a change is, as far as the permission levels tell them apart."""

    UPKEEP = "upkeep"  # validation data, document time stamps, metadata: always allowed
    SIGN = "sign"
    FILL = "fill"
    COMMENT = "comment"
    FORM = "form"  # new or altered fields
    CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Change:
    """
    One thing that is different, with the page object and rectangle where it shows (0 and None if it does not).

    `shows` asks for a look at the page; `refills` says that it only gives a field that was there a new look of its own,
    `alone` that the look changed and the value did not.
    """

    grade: Grade
    act: Act
    code: str
    detail: str = ""
    field: str = ""
    page: int = 0
    box: Box | None = None
    shows: bool = False
    refills: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Changes:
    """The sum: how the contract names it, the reasons, and the pages (from 1) with rectangles of what shows."""

    after: ChangedAfter
    reasons: tuple[Reason, ...] = ()
    pages: tuple[tuple[int, Box | None], ...] = ()


# Keys of the catalogue, by what a change of them means. What is not listed is unknown.
_CATALOG_UPKEEP = frozenset(
    {
        "DSS", "Metadata", "Extensions", "Version", "PieceInfo", "Lang", "StructTreeRoot", "MarkInfo", "Type",
        "ViewerPreferences", "PageMode", "PageLayout", "LastModified",
    }
)  # fmt: skip
_CATALOG_FORBIDDEN = frozenset({"Pages", "Perms", "OCProperties", "Collection", "NeedsRendering"})
# Page attributes that may stand on the page or above it, or be left out where they are the default.
_INHERITED = frozenset({"MediaBox", "CropBox", "Rotate", "Resources", "UserUnit"})
_DEFAULTS: dict[str, Value] = {"Rotate": 0, "UserUnit": 1}
_PAGE_UPKEEP = frozenset({"Tabs", "StructParents", "LastModified", "PieceInfo", "Metadata", "Thumb", "ID", "PZ", "B"})
_FORM_FREE = frozenset({"SigFlags", "Q", "NeedAppearances", "CO"})
_WIDGET_LOOKS = frozenset({"AP", "AS", "MK", "DA", "Q", "BS", "Border", "DR", "DS", "H"})
_FIELD_FREE = frozenset({"M", "NM", "TU", "TM", "StructParent", "P", "DV", "Ff", "Type", "TI", "SV"})
_FILL_KEYS = frozenset({"V", "I", "RV", "AS", "AP"})
_STRUCTURE = frozenset({"StructElem", "StructTreeRoot", "OBJR", "MCR"})
_STRUCTURE_KEYS = frozenset(
    {
        "Type", "S", "P", "ID", "Ref", "Pg", "K", "A", "C", "R", "T", "Lang", "Alt", "E", "ActualText", "AF", "NS",
        "PhoneticAlphabet", "Phoneme", "IDTree", "ParentTree", "ParentTreeNextKey", "RoleMap", "ClassMap", "Namespaces",
        "PronunciationLexicon", "Obj", "MCID", "Stm", "StmOwn",
    }
)  # fmt: skip
# ISO 32000-1, 12.5.3: an annotation with one of these flags is not shown (Invisible counts for unknown kinds only).
_HIDDEN, _NO_VIEW = 2, 32


def changes_after(guarded: Guarded, view: View, permissions: Permissions) -> Changes:
    """
    Compare the revision that a guarded signature covers with the whole file `view`, under `permissions`.

    TooCostly where an update touches more than any lawful one.
    """
    if not guarded.later or guarded.signed is None:
        return Changes(ChangedAfter.NOTHING)
    comparison = _Comparison(guarded.signed, view)
    found = list(comparison.changes(guarded))
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


@dataclass(slots=True)
class _Comparison:
    """The signed revision `old` and the file `new`, compared."""

    old: View
    new: View
    different: dict[int, tuple[Value, Value]] = field(default_factory=dict)
    _old_fields: dict[int, Field] = field(default_factory=dict)
    _new_fields: dict[int, Field] = field(default_factory=dict)
    _pages: list[int] | None = None
    _judged: set[int] = field(default_factory=set)

    # 1. What is different.

    def changes(self, guarded: Guarded) -> Iterator[Change]:
        """Yield every change, graded without regard to permissions."""
        old, new = self.old, self.new
        for number in self._touched(guarded):
            if self._same_place(number):
                continue
            before, after = old.get(number), new.get(number)
            if _is_plumbing(before):
                before = None
            if _is_plumbing(after):
                after = None
            if not same(before, after):
                self.different[number] = (before, after)
                if _ambiguous(after):
                    yield Change(Grade.UNKNOWN, Act.CONTENT, "DICTIONARY_KEY_TWICE", f"object {number}")
        self._old_fields = _by_number(old, fields_of(old))
        self._new_fields = _by_number(new, fields_of(new))
        yield from self._trailers()
        others: list[int] = []
        for number, (before, after) in self.different.items():
            if number in self._judged:
                continue
            judged = self._by_itself(number, before, after)
            if judged is None:
                others.append(number)
            else:
                self._judged.add(number)
                yield from judged
        yield from self._by_use(others, self._replaced_looks())

    def _replaced_looks(self) -> list[int]:
        """Return the objects that were the look of a changed field and are so no longer, though they still exist."""
        return [
            reference
            for before, after in self.different.values()
            if isinstance(before, Dictionary) and _is_annotation(before) and isinstance(after, Dictionary)
            for reference in (_reference(before, "AP"),)
            if reference > 0 and reference != _reference(after, "AP") and reference not in self.different
        ]

    def _same_place(self, number: int) -> bool:
        """Say whether both revisions find the object at the same place (some writers repeat the whole table)."""
        before, after = self.old.locate(number), self.new.locate(number)
        if before is None or before != after:
            return before is None and after is None
        return before.kind != "c" or self.old.locate(before.place) == self.new.locate(before.place)

    def _touched(self, guarded: Guarded) -> Iterator[int]:
        seen: set[int] = set()
        for section in guarded.later:
            for number in section.numbers():
                if number not in seen:
                    seen.add(number)
                    if len(seen) > MAX_TOUCHED:
                        raise TooCostly(f"an update touches more than {MAX_TOUCHED} objects")
        for number in list(seen):
            before = self.old.get(number)
            if isinstance(before, Stream) and before.head.get("Type") == "ObjStm":
                # Everything in an object stream changes with it, though no table of the update names it.
                try:
                    pairs, _, _ = self.old.object_stream(number)
                except PdfSyntaxError:
                    continue
                seen.update(inside for inside, _ in pairs)
        yield from sorted(seen)

    # 2. What says itself what it is.

    def _trailers(self) -> Iterator[Change]:
        before, after = self.old.trailer, self.new.trailer
        if not same_through(self.old, before.get("Encrypt"), self.new, after.get("Encrypt")):
            yield Change(Grade.FORBIDDEN, Act.CONTENT, "ENCRYPTION_CHANGED")
        one, two = before.get("Root"), after.get("Root")
        numbers = {ref.number for ref in (one, two) if isinstance(ref, Ref)}
        if len(numbers) == 1 and not numbers & self.different.keys():
            return
        self._judged |= numbers
        catalogs = self.old.catalog, self.new.catalog
        if catalogs[0] is None or catalogs[1] is None:
            yield Change(Grade.FORBIDDEN, Act.CONTENT, "CATALOG_CHANGED", "missing")
            return
        yield from self._catalog(catalogs[0], catalogs[1])

    def _differing(self, before: Dictionary, after: Dictionary) -> list[str]:
        """Return the keys whose values differ; one written out here and referred to there is the same."""
        return [key for key in {**before, **after} if not self._equal(before.get(key), after.get(key))]

    def _equal(self, before: Value, after: Value) -> bool:
        if same(before, after):
            return True
        if isinstance(before, Ref) and isinstance(after, Ref) and before.number == after.number:
            return False
        if not (isinstance(before, Ref) or isinstance(after, Ref)):
            return False
        return same(self.old.resolve(before), self.new.resolve(after))

    def _by_itself(self, number: int, before: Value, after: Value) -> list[Change] | None:
        """Compare an object whose signed value tells its kind; None for one whose uses must be looked up."""
        if isinstance(before, Dictionary):
            kind = before.get("Type")
            gone = not isinstance(after, Dictionary)
            now = after if isinstance(after, Dictionary) else Dictionary()
            if kind == "Page":
                if gone:
                    return [Change(Grade.FORBIDDEN, Act.CONTENT, "PAGES_CHANGED", f"page object {number} is gone")]
                return list(self._page(number, before, now))
            if kind == "Pages":
                return list(self._page_node(number, before, now))
            if kind == "Catalog":
                return None
            if _is_structure(before) and (gone or _is_structure(now)):
                return [Change(Grade.PERMITTED, Act.UPKEEP, "")]
            if "ByteRange" in before and "Contents" in before:
                if not gone and same_through(self.old, before, self.new, now, frozenset({"Data"})):
                    return []
                return [Change(Grade.FORBIDDEN, Act.SIGN, "SIGNATURE_CHANGED", f"object {number}")]
            if _reference(self.old.catalog, "AcroForm") == number:
                return list(self._form(before, now))
            if number in self._old_fields:
                if gone:
                    # It matters only where something still leads to it: the lists that held it are compared too.
                    return None
                return list(self._annotation(number, before, now))
        return None

    def _catalog(self, before: Dictionary, after: Dictionary) -> Iterator[Change]:
        for key in self._differing(before, after):
            if key == "AcroForm":
                one = self.old.entry(before, key)
                two = self.new.entry(after, key)
                yield from self._form(_or_empty(one), _or_empty(two))
            elif key in _CATALOG_UPKEEP:
                yield Change(Grade.PERMITTED, Act.UPKEEP, "")
            elif key in _CATALOG_FORBIDDEN:
                code = {"Pages": "PAGES_CHANGED", "Perms": "PERMISSIONS_CHANGED"}.get(key, "CATALOG_CHANGED")
                yield Change(Grade.FORBIDDEN, Act.CONTENT, code, f"/{key}")
            else:
                yield Change(Grade.UNKNOWN, Act.CONTENT, "CATALOG_CHANGED", f"/{key}")

    def _form(self, before: Dictionary, after: Dictionary) -> Iterator[Change]:
        for key in self._differing(before, after):
            if key == "Fields":
                yield from self._field_list(self.old.entry(before, key), self.new.entry(after, key))
            elif key in _FORM_FREE or self._only_more(before.get(key), after.get(key), 0):
                yield Change(Grade.PERMITTED, Act.UPKEEP, "")
            else:
                # Fonts and default looks decide what programs draw that make the fields' looks anew.
                yield Change(Grade.UNKNOWN, Act.FORM, "FORM_CHANGED", f"/{key}")

    def _field_list(self, before: Value, after: Value) -> Iterator[Change]:
        old_items = before if isinstance(before, list) else []
        new_items = after if isinstance(after, list) else []
        for item in old_items:
            if not any(same(item, other) for other in new_items) and self.old.resolve(item) is not None:
                yield Change(Grade.FORBIDDEN, Act.FORM, "FIELD_REMOVED", _number_text(item))
        for item in new_items:
            if not any(same(item, other) for other in old_items):
                yield from self._new_field(item, 0)

    def _new_field(self, item: Value, depth: int) -> Iterator[Change]:
        """A field that was not there when it was signed: lawful only for a signature."""
        if isinstance(item, Ref):
            if item.number in self._judged:
                return
            self._judged.add(item.number)
        value = self.new.resolve(item)
        if not isinstance(value, Dictionary) or depth > MAX_STEPS:
            return
        known = self._new_fields.get(item.number) if isinstance(item, Ref) else None
        kind = known.kind if known is not None else value.get("FT")
        name = known.name if known is not None else ""
        kids = self.new.resolve(value.get("Kids"))
        if isinstance(kids, list) and not _shows(self.new, value):
            for kid in kids:
                yield from self._new_field(kid, depth + 1)
            if kids:
                return
        if kind == "Sig":
            yield self._new_signature(known, value, name, item, 0)
        elif _shows(self.new, value):
            yield self._showing(Grade.VISIBLE, Act.FORM, "FIELD_ADDED", value, name, item)
        else:
            yield Change(Grade.UNKNOWN, Act.FORM, "FIELD_ADDED", name, name)

    def _new_signature(self, known: Field | None, value: Dictionary, name: str, item: Value, page: int) -> Change:
        """
        A signature field that was not there: a signature, a time stamp, or an empty place for one.

        Only what does not show is upkeep; and an empty place that shows something is no signature but a picture of one.
        """
        if not _shows(self.new, value):
            act = Act.UPKEEP if self._is_time_stamp(known, value) else Act.SIGN
            return Change(Grade.PERMITTED, act, "", name, name)
        empty = self.new.resolve(known.value if known is not None else value.get("V")) is None
        if empty and self.new.resolve(value.get("AP")) is not None:
            return self._showing(Grade.VISIBLE, Act.FORM, "FIELD_ADDED", value, name, item, page)
        return self._showing(Grade.PERMITTED, Act.SIGN, "SIGNATURE_ADDED", value, name, item, page)

    def _is_time_stamp(self, known: Field | None, value: Dictionary) -> bool:
        signature = self.new.resolve(known.value if known is not None else value.get("V"))
        return isinstance(signature, Dictionary) and self.new.entry(signature, "SubFilter") == "ETSI.RFC3161"

    def _page(self, number: int, before: Dictionary, after: Dictionary) -> Iterator[Change]:
        for key in self._differing(before, after):
            if key in _INHERITED and self._inherits_same(number, key):
                continue
            if key == "Annots":
                yield from self._annotation_list(number, self.old.entry(before, key), self.new.entry(after, key))
            elif key == "Contents":
                yield from self._contents(number, before.get(key), after.get(key))
            elif key == "Resources":
                yield from self._resources(number, before.get(key), after.get(key))
            elif key in _PAGE_UPKEEP:
                yield Change(Grade.PERMITTED, Act.UPKEEP, "")
            elif key == "AA":
                yield Change(Grade.UNKNOWN, Act.CONTENT, "PAGE_CHANGED", f"/{key}", page=number)
            else:
                yield Change(Grade.FORBIDDEN, Act.CONTENT, "PAGE_CHANGED", f"/{key}", page=number)

    def _inherits_same(self, page: int, key: str) -> bool:
        """Say whether a page attribute has the same effect as before, wherever it is written (ISO 32000-1, 7.7.3.4)."""
        before, after = _effective(self.old, page, key), _effective(self.new, page, key)
        return same(before, after)

    def _page_node(self, number: int, before: Dictionary, after: Dictionary) -> Iterator[Change]:
        for key in self._differing(before, after):
            if key == "Resources":
                yield from self._resources(number, before.get(key), after.get(key))
            else:
                yield Change(Grade.FORBIDDEN, Act.CONTENT, "PAGES_CHANGED", f"/{key}")

    def _contents(self, page: int, before: Value, after: Value) -> Iterator[Change]:
        """
        Streams added around the signed ones change what shows; a signed one taken away or replaced is forbidden.
        """
        old_parts, new_parts = _parts(self.old, before), _parts(self.new, after)
        if len(old_parts) == len(new_parts) and same(old_parts, new_parts):
            return
        rest = iter(new_parts)
        if all(any(same(part, other) for other in rest) for part in old_parts):
            yield Change(Grade.VISIBLE, Act.CONTENT, "CONTENT_ADDED", page=page)
        else:
            yield Change(Grade.FORBIDDEN, Act.CONTENT, "CONTENT_REPLACED", page=page)

    def _resources(self, page: int, before: Value, after: Value) -> Iterator[Change]:
        if self._only_more(before, after, 0):
            # A page may name a resource that was missing when it was signed: so an addition can show.
            yield Change(Grade.VISIBLE, Act.CONTENT, "RESOURCES_ADDED", page=page, shows=True)
        else:
            yield Change(Grade.FORBIDDEN, Act.CONTENT, "RESOURCES_CHANGED", page=page)

    def _only_more(self, before: Value, after: Value, depth: int) -> bool:
        one, two = self.old.resolve(before), self.new.resolve(after)
        if one is None:
            return True
        if isinstance(one, Dictionary) and isinstance(two, Dictionary) and depth < 3:
            return all(
                same(value, two.get(key)) or self._only_more(value, two.get(key), depth + 1)
                for key, value in one.items()
            )
        if isinstance(one, list) and isinstance(two, list):
            # The list of procedure sets has had no effect since PDF 1.4.
            return all(isinstance(item, Name) for item in (*one, *two))
        return same(one, two)

    def _annotation_list(self, page: int, before: Value, after: Value) -> Iterator[Change]:
        old_items = list(before) if isinstance(before, list) else []
        new_items = list(after) if isinstance(after, list) else []
        gone = _without(old_items, new_items)
        added = _without(new_items, old_items)
        # A writer may turn annotations written into the page into objects of their own, and back.
        for item in list(added):
            twin = next((one for one in gone if self._same_annotation(one, item)), None)
            if twin is not None:
                gone.remove(twin)
                added.remove(item)
        for item in gone:
            value = self.old.resolve(item)
            if isinstance(value, Dictionary) and _shows(self.old, value):
                yield Change(
                    Grade.VISIBLE, Act.COMMENT, "ANNOTATION_REMOVED", _kind(value), page=page, box=_box(self.old, value)
                )
        for item in added:
            yield from self._new_annotation(page, item)

    def _same_annotation(self, before: Value, after: Value) -> bool:
        if isinstance(before, Ref) and isinstance(after, Ref):
            return False
        return same(self.old.resolve(before), self.new.resolve(after))

    def _new_annotation(self, page: int, item: Value) -> Iterator[Change]:
        value = self.new.resolve(item)
        if not isinstance(value, Dictionary):
            return
        number = item.number if isinstance(item, Ref) else 0
        if _kind(value) == "Widget":
            known = self._new_fields.get(number)
            if known is not None and known.kind == "Sig":
                if number in self._judged:
                    return
                self._judged.add(number)
                yield self._new_signature(known, value, known.name, item, page)
                return
            if number in self._judged and known is not None:
                return
            if _shows(self.new, value):
                name = known.name if known is not None else ""
                yield self._showing(Grade.VISIBLE, Act.FORM, "FIELD_ADDED", value, name, item, page)
            return
        closed = _kind(value) == "Popup" and self.new.resolve(value.get("Open")) is not True
        if closed or not _shows(self.new, value):
            yield Change(Grade.PERMITTED, Act.COMMENT, "", _kind(value), page=page)
            return
        yield self._showing(Grade.VISIBLE, Act.COMMENT, "ANNOTATION_ADDED", value, "", item, page)

    def _showing(
        self, grade: Grade, act: Act, code: str, value: Dictionary, name: str, item: Value, page: int = 0
    ) -> Change:
        number = item.number if isinstance(item, Ref) else 0
        return Change(
            grade,
            act,
            code,
            name or _kind(value),
            name,
            page or self._page_of(number, value),
            _box(self.new, value),
            shows=True,
        )

    def _annotation(self, number: int, before: Dictionary, after: Dictionary) -> Iterator[Change]:
        known = self._old_fields.get(number) or self._new_fields.get(number)
        keys = self._differing(before, after)
        if known is None:
            yield from self._comment(number, before, after, keys)
        elif known.kind == "Sig":
            yield from self._signature_field(number, before, after, keys, known)
        else:
            yield from self._form_field(number, before, after, keys, known)

    def _comment(self, number: int, before: Dictionary, after: Dictionary, keys: list[str]) -> Iterator[Change]:
        quiet = {"M", "NM", "StructParent", "P", "Parent", "Popup", "Open", "State", "StateModel"}
        if set(keys) <= quiet or not (_shows(self.old, before) or _shows(self.new, after)):
            yield Change(Grade.PERMITTED, Act.COMMENT, "", _kind(before))
        else:
            yield self._showing(Grade.VISIBLE, Act.COMMENT, "ANNOTATION_CHANGED", after, "", Ref(number, 0))

    def _signature_field(
        self, number: int, before: Dictionary, after: Dictionary, keys: list[str], known: Field
    ) -> Iterator[Change]:
        signed_before = self.old.resolve(known.inherited("V"))
        now = self._new_fields.get(number)
        signing = signed_before is None and now is not None and self.new.resolve(now.value) is not None
        stamping = signing and self._is_time_stamp(now, after) and not _shows(self.new, after)
        act = Act.UPKEEP if stamping else Act.SIGN
        for key in keys:
            if key == "V":
                if signing:
                    # A lock on a field binds whoever fills it, signers too.
                    yield Change(Grade.PERMITTED, Act.FILL if act is Act.SIGN else act, "", known.name, known.name)
                elif signed_before is not None:
                    yield Change(Grade.FORBIDDEN, Act.SIGN, "SIGNATURE_CHANGED", known.name)
            elif key in _WIDGET_LOOKS or key in ("Rect", "F"):
                if key == "F" and _shows(self.old, before) == _shows(self.new, after):
                    continue
                if not (_shows(self.old, before) or _shows(self.new, after)):
                    continue
                if signing:
                    change = self._showing(Grade.PERMITTED, act, "SIGNATURE_ADDED", after, known.name, Ref(number, 0))
                    yield replace(change, refills=same(before.get("Rect"), after.get("Rect")))
                else:
                    yield self._showing(
                        Grade.VISIBLE, Act.FORM, "SIGNATURE_LOOK_CHANGED", after, known.name, Ref(number, 0)
                    )
            elif key == "Lock":
                if not signing or before.get("Lock") is not None:
                    yield Change(Grade.FORBIDDEN, Act.FORM, "LOCK_CHANGED", known.name)
            elif key in _FIELD_FREE:
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
            if key in _FILL_KEYS or key in _WIDGET_LOOKS:
                yield self._filled(number, before, after, key, known)
            elif key == "F":
                if _shows(self.old, before) != _shows(self.new, after):
                    yield self._showing(Grade.VISIBLE, Act.FORM, "FIELD_CHANGED", after, known.name, Ref(number, 0))
            elif key == "Rect":
                yield self._showing(Grade.VISIBLE, Act.FORM, "FIELD_CHANGED", after, known.name, Ref(number, 0))
            elif key in _FIELD_FREE:
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
        shows = key in _WIDGET_LOOKS and _shows(self.new, after)
        change = self._showing(Grade.PERMITTED, Act.FILL, "FIELD_FILLED", after, known.name, Ref(number, 0))
        now = self._new_fields.get(number)
        values = self.old.resolve(known.inherited("V")), self.new.resolve(now.inherited("V") if now else None)
        valued = not same(*values) or not same(before.get("AS"), after.get("AS"))
        alone = shows and not valued and before.get("AP") is not None
        return replace(change, shows=shows, refills=True, alone=alone)

    # 3. What is told by its uses.

    def _by_use(self, numbers: list[int], looks: list[int]) -> Iterator[Change]:
        """
        Grade each object by all its uses in the signed revision; one that nothing used then is harmless.

        `looks` were replaced, not changed: that is no harm unless something nobody knows uses them too.
        """
        waiting = {number: uses for number, uses in uses_of(self.old, [*numbers, *looks]).items() if uses}
        known: dict[int, list[Use]] = dict(waiting)
        # Climb from holders that say nothing of themselves to those that do, all of one step together.
        for _ in range(MAX_STEPS):
            unknown = {
                use.holder
                for uses in waiting.values()
                for use in uses
                if use.holder and use.holder not in known and not self._speaks(use.holder)
            }
            if not unknown:
                break
            waiting = uses_of(self.old, unknown)
            known.update(waiting)
        for number in numbers:
            before, after = self.different[number]
            uses = self._anchored(number, known)
            if not uses and after is not None and self._was_there(number, before):
                # Nothing that we can read used it, yet it is not simply new: perhaps others read more than we do.
                yield Change(Grade.UNKNOWN, Act.CONTENT, "OBJECT_CHANGED", f"object {number}")
            for holder, path in uses:
                yield from self._used(number, before, after, holder, path)
        for number in looks:
            value = self.old.get(number)
            for holder, path in self._anchored(number, known):
                if holder == 0 or holder == _reference(self.old.trailer, "Root"):
                    yield from self._used(number, value, value, holder, path)

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
        if isinstance(value, Stream):
            return value.head.get("Type") == "XRef"
        return isinstance(value, Dictionary) and (
            value.get("Type") in {"Page", "Pages", "Catalog"}
            or _is_structure(value)
            or _reference(self.old.catalog, "AcroForm") == number
            or number in self._old_fields
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
        if holder == _reference(self.old.trailer, "Root") or kind == "Catalog":
            yield from self._used_by_catalog(number, before, after, path)
        elif kind == "Page":
            yield from self._used_by_page(number, before, after, holder, path)
        elif kind == "Pages":
            if first == "Resources":
                yield from self._resource_part(number, before, after, holder)
            elif first != "Parent":
                yield Change(Grade.FORBIDDEN, Act.CONTENT, "PAGES_CHANGED", f"object {number}")
        elif _is_structure(value):
            yield Change(Grade.PERMITTED, Act.UPKEEP, "")
        elif "ByteRange" in value and "Contents" in value:
            if first != "Data" and not same(before, after):
                detail = f"object {number} at /{first}"
                yield Change(Grade.FORBIDDEN, Act.SIGN, "SIGNATURE_CHANGED", detail)
        elif _reference(self.old.catalog, "AcroForm") == holder:
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
        elif first in _CATALOG_UPKEEP:
            yield Change(Grade.PERMITTED, Act.UPKEEP, "")
        elif first in _CATALOG_FORBIDDEN:
            code = {"Pages": "PAGES_CHANGED", "Perms": "PERMISSIONS_CHANGED"}.get(first, "CATALOG_CHANGED")
            yield Change(Grade.FORBIDDEN, Act.CONTENT, code, f"object {number} of /{first}")
        else:
            yield Change(Grade.UNKNOWN, Act.CONTENT, "CATALOG_CHANGED", f"object {number} of /{first}")

    def _used_by_form(self, number: int, before: Value, after: Value, path: Path) -> Iterator[Change]:
        if not path:
            yield from self._form(_or_empty(before), _or_empty(after))
        elif path[0] == "Fields":
            if len(path) == 1:
                yield from self._field_list(before, after)
            elif before is None:
                yield from self._new_field(Ref(number, 0), 0)
            else:
                yield Change(Grade.FORBIDDEN, Act.FORM, "FIELD_REMOVED", f"object {number}")
        elif path[0] in _FORM_FREE or (path[0] == "DR" and self._only_more(before, after, 1)):
            yield Change(Grade.PERMITTED, Act.UPKEEP, "")
        else:
            yield Change(Grade.UNKNOWN, Act.FORM, "FORM_CHANGED", f"object {number} of /{path[0]}")

    def _used_by_page(self, number: int, before: Value, after: Value, page: int, path: Path) -> Iterator[Change]:
        first = path[0]
        if first == "Annots":
            if len(path) == 1:
                yield from self._annotation_list(page, before, after)
            elif len(path) == 2 and before is None:
                yield from self._new_annotation(page, Ref(number, 0))
            elif len(path) == 2 and after is None:
                if isinstance(before, Dictionary) and _shows(self.old, before):
                    box = _box(self.old, before)
                    yield Change(Grade.VISIBLE, Act.COMMENT, "ANNOTATION_REMOVED", _kind(before), page=page, box=box)
            elif isinstance(before, Dictionary) and isinstance(after, Dictionary) and len(path) == 2:
                yield from self._annotation(number, before, after)
            elif len(path) > 2 and path[2] not in ("Parent", "P", "Popup", "IRT"):
                yield from self._annotation_part(number, page, path)
        elif first == "Contents":
            if isinstance(before, list) or before is None:
                yield from self._contents(page, before, after)
            else:
                yield Change(Grade.FORBIDDEN, Act.CONTENT, "CONTENT_REPLACED", f"object {number}", page=page)
        elif first == "Resources":
            yield from self._resource_part(number, before, after, page)
        elif first in _PAGE_UPKEEP:
            yield Change(Grade.PERMITTED, Act.UPKEEP, "")
        elif first == "AA":
            yield Change(Grade.UNKNOWN, Act.CONTENT, "PAGE_CHANGED", f"object {number} of /AA", page=page)
        elif first != "Parent":
            yield Change(Grade.FORBIDDEN, Act.CONTENT, "PAGE_CHANGED", f"object {number} of /{first}", page=page)

    def _annotation_part(self, number: int, page: int, path: Path) -> Iterator[Change]:
        """A part of an annotation (its look, its action) changed that belongs to no form field."""
        listed = self.new.entry(Ref(page, 0), "Annots")
        place = path[1]
        value = listed[place] if isinstance(listed, list) and isinstance(place, int) and place < len(listed) else None
        annotation = self.new.resolve(value)
        if isinstance(annotation, Dictionary) and not _shows(self.new, annotation):
            yield Change(Grade.PERMITTED, Act.COMMENT, "", _kind(annotation), page=page)
            return
        box = _box(self.new, annotation) if isinstance(annotation, Dictionary) else None
        yield Change(Grade.VISIBLE, Act.COMMENT, "ANNOTATION_CHANGED", f"object {number}", page=page, box=box)

    def _resource_part(self, number: int, before: Value, after: Value, page: int) -> Iterator[Change]:
        if isinstance(before, Dictionary) and "Type" not in before and self._only_more(before, after, 1):
            yield Change(Grade.VISIBLE, Act.CONTENT, "RESOURCES_ADDED", page=page, shows=True)
        elif before is None:
            yield Change(Grade.VISIBLE, Act.CONTENT, "RESOURCES_ADDED", f"object {number}", page=page, shows=True)
        else:
            yield Change(Grade.FORBIDDEN, Act.CONTENT, "RESOURCES_CHANGED", f"object {number}", page=page)

    def _used_by_annotation(
        self, number: int, before: Value, after: Value, holder: int, value: Dictionary, path: Path
    ) -> Iterator[Change]:
        """The object hangs below a field or annotation: its look, its value, its actions."""
        known = self._old_fields.get(holder)
        first = str(path[0])
        if first in ("Parent", "P", "Popup", "IRT"):
            return
        if first == "Kids" and known is not None:
            if len(path) == 1:
                yield from self._field_list(before, after)
            elif before is None:
                yield from self._new_field(Ref(number, 0), 0)
            else:
                yield Change(Grade.FORBIDDEN, Act.FORM, "FIELD_REMOVED", f"object {number}")
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
        if first in _FILL_KEYS or first in _WIDGET_LOOKS:
            yield self._filled(holder, value, current, first, known)
        elif first in _FIELD_FREE:
            yield Change(Grade.PERMITTED, Act.FILL, "", name, name)
        else:
            yield Change(Grade.UNKNOWN, Act.FORM, "FIELD_CHANGED", f"{name} /{first}", name)

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
        sizes = self.new.resolve(_inherited(self.new, change.page, "MediaBox"))
        if box is None or not isinstance(sizes, list):
            return False
        sides = [one for one in (self.new.resolve(size) for size in sizes) if isinstance(one, int | float)]
        if len(sides) != 4:
            return False
        area = abs((sides[2] - sides[0]) * (sides[3] - sides[1]))
        return abs((box[2] - box[0]) * (box[3] - box[1])) > _LARGE_PART * area

    def page_index(self, page: int) -> int | None:
        """Return the position (from 0) of the page object `page`, None for one that is no page of the file."""
        pages = self._all_pages()
        return pages.index(page) if page in pages else None

    def _all_pages(self) -> list[int]:
        if self._pages is None:
            self._pages = _pages_of(self.new)
        return self._pages

    def _page_of(self, number: int, value: Dictionary) -> int:
        """Return the object number of the page on which an annotation stands, 0 if none can be told."""
        named = value.get("P")
        if isinstance(named, Ref) and self.page_index(named.number) is not None:
            return named.number
        for page in self._all_pages():
            listed = self.new.entry(Ref(page, 0), "Annots")
            if isinstance(listed, list) and any(isinstance(one, Ref) and one.number == number for one in listed):
                return page
        return 0


def _pages_of(view: View) -> list[int]:
    """Return the object numbers of the pages in their order; TooCostly for a tree beyond all measure."""
    pages: list[int] = []
    seen: set[int] = set()
    waiting: list[Value] = [view.catalog.get("Pages") if view.catalog is not None else None]
    while waiting:
        item = waiting.pop()
        if not isinstance(item, Ref) or item.number in seen:
            continue
        seen.add(item.number)
        if len(seen) > MAX_PAGE_NODES:
            raise TooCostly(f"more than {MAX_PAGE_NODES} pages")
        kids = view.entry(item, "Kids")
        if isinstance(kids, list):
            waiting.extend(reversed(kids))
        else:
            pages.append(item.number)
    return pages


def _effective(view: View, page: int, key: str) -> Value:
    value = _inherited(view, page, key)
    if value is None and key == "CropBox":
        value = _inherited(view, page, "MediaBox")
    if isinstance(value, list):
        return [view.resolve(one) for one in value]
    return _DEFAULTS.get(key) if value is None else value


def _inherited(view: View, page: int, key: str) -> Value:
    holder: Value = Ref(page, 0)
    for _ in range(64):
        value = view.entry(holder, key)
        if value is not None:
            return value
        node = view.resolve(holder)
        holder = node.get("Parent") if isinstance(node, Dictionary) else None
    return None


def _by_number(view: View, fields: tuple[Field, ...]) -> dict[int, Field]:
    """Return the fields by the numbers of their own object, of their widgets and of the fields above them."""
    found: dict[int, Field] = {}
    for one in fields:
        if one.number:
            found[one.number] = one
        kids = view.resolve(one.lineage[0].get("Kids"))
        for kid in kids if isinstance(kids, list) else []:
            if isinstance(kid, Ref):
                found.setdefault(kid.number, one)
        for below, above in zip(one.lineage, one.lineage[1:], strict=False):
            parent = below.get("Parent")
            if isinstance(parent, Ref) and view.get(parent.number) is above:
                found.setdefault(parent.number, one)
    return found


def _is_plumbing(value: Value) -> bool:
    """Tables of contents and object streams are no objects of the document: nothing in it refers to them."""
    return isinstance(value, Stream) and value.head.get("Type") in ("XRef", "ObjStm")


def _ambiguous(value: Value) -> bool:
    """Say whether a dictionary in `value` names a key twice: programs differ in which one they take."""
    waiting: list[Value] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Stream):
            item = item.head
        if isinstance(item, Dictionary):
            if item.twice:
                return True
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return False


def _is_structure(value: Dictionary) -> bool:
    """Say whether this can only be a part of the structure tree, which shows nothing (ISO 32000-1, 14.7)."""
    return value.get("Type") in _STRUCTURE and value.keys() <= _STRUCTURE_KEYS


def _is_annotation(value: Dictionary) -> bool:
    return value.get("Type") == "Annot" or ("Subtype" in value and "Rect" in value) or "FT" in value


def _reference(holder: Dictionary | None, key: str) -> int:
    value = holder.get(key) if holder is not None else None
    return value.number if isinstance(value, Ref) else -1


def _or_empty(value: Value) -> Dictionary:
    return value if isinstance(value, Dictionary) else Dictionary()


def _number_text(value: Value) -> str:
    return f"object {value.number}" if isinstance(value, Ref) else "a field"


def _kind(value: Dictionary) -> str:
    kind = value.get("Subtype")
    return str(kind) if isinstance(kind, Name) else "?"


def _parts(view: View, value: Value) -> list[Value]:
    """Return the content streams of a page as references, a list of its own unfolded."""
    resolved = view.resolve(value)
    if isinstance(resolved, list):
        return list(resolved)
    return [] if resolved is None else [value]


def _without(items: list[Value], others: list[Value]) -> list[Value]:
    """Return those of `items` that have no equal in `others`."""
    numbers = {one.number for one in others if isinstance(one, Ref)}
    direct = [one for one in others if not isinstance(one, Ref)]
    return [
        item
        for item in items
        if (item.number not in numbers if isinstance(item, Ref) else not any(same(item, one) for one in direct))
    ]


def _box(view: View, value: Dictionary) -> Box | None:
    sides = view.resolve(value.get("Rect"))
    numbers = [view.resolve(one) for one in sides] if isinstance(sides, list) else []
    found = [float(one) for one in numbers if isinstance(one, int | float)]
    if len(found) != 4:
        return None
    left, bottom, right, top = found
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)


def _shows(view: View, value: Dictionary) -> bool:
    """Say whether an annotation can be seen: it has an area and is not hidden."""
    box = _box(view, value)
    flags = view.resolve(value.get("F"))
    hidden = isinstance(flags, int) and bool(flags & (_HIDDEN | _NO_VIEW))
    return box is not None and box[2] > box[0] and box[3] > box[1] and not hidden
