"""Compares what says itself what it is, key by key: trailer, catalogue, form, page tree and pages."""

from __future__ import annotations

from collections.abc import Iterator

from signatures.formats.pdf_compare_fields import FieldsCompared
from signatures.formats.pdf_fields import fields_of
from signatures.formats.pdf_grades import Act, Change, Grade
from signatures.formats.pdf_looks import (
    TEXT_KINDS,
    default_fonts,
    fields_have_defaults,
    looks_say_values,
    looks_stand_alone,
    names_asked_for,
)
from signatures.formats.pdf_nodes import (
    INHERITED,
    effective,
    is_structure,
    or_empty,
    parts_of,
    reference_of,
    without_pictures,
)
from signatures.formats.pdf_objects import Dictionary, Ref, Value
from signatures.formats.pdf_same import same, same_through
from signatures.formats.pdf_spoken import READ_INSTEAD

# Keys of the catalogue, by what a change of them means. What is not listed is unknown.
CATALOG_UPKEEP = frozenset(
    {
        "DSS", "Metadata", "Extensions", "Version", "PieceInfo", "Lang", "StructTreeRoot", "MarkInfo", "Type",
        "ViewerPreferences", "PageMode", "PageLayout", "LastModified",
    }
)  # fmt: skip
CATALOG_FORBIDDEN = frozenset({"Pages", "Perms", "OCProperties", "Collection", "NeedsRendering"})
PAGE_UPKEEP = frozenset({"Tabs", "StructParents", "LastModified", "PieceInfo", "Metadata", "Thumb", "ID", "PZ", "B"})
FORM_FREE = frozenset({"SigFlags", "CO"})
# ISO 32000-1, table 150: what says how the letters run and which part of the pages is shown or printed.
_SHOWN_BY = frozenset({"Direction", "ViewArea", "ViewClip", "PrintArea", "PrintClip", "PrintPageRange", "PrintScaling"})


class DocumentCompared(FieldsCompared):
    """Grades changes of the document's own dictionaries."""

    __slots__ = ()

    def _trailers(self) -> Iterator[Change]:
        before, after = self.old.trailer, self.new.trailer
        if not same_through(self.old, before.get("Encrypt"), self.new, after.get("Encrypt")):
            yield Change(Grade.FORBIDDEN, Act.CONTENT, "ENCRYPTION_CHANGED")
        if before.again or after.again:
            yield Change(Grade.UNKNOWN, Act.CONTENT, "DICTIONARY_KEY_TWICE", "trailer")
        one, two = before.get("Root"), after.get("Root")
        numbers = {ref.number for ref in (one, two) if isinstance(ref, Ref)}
        if len(numbers) == 1 and not numbers & self.different.keys():
            return
        self.judged |= numbers
        catalogs = self.old.catalog, self.new.catalog
        if catalogs[0] is None or catalogs[1] is None:
            yield Change(Grade.FORBIDDEN, Act.CONTENT, "CATALOG_CHANGED", "missing")
            return
        yield from self._catalog(catalogs[0], catalogs[1])

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
            if is_structure(before) and (gone or is_structure(now)):
                if not gone and any(not same(before.get(key), now.get(key)) for key in READ_INSTEAD):
                    return [Change(Grade.UNKNOWN, Act.CONTENT, "OBJECT_CHANGED", f"object {number}")]
                return [Change(Grade.PERMITTED, Act.UPKEEP, "")]
            if "ByteRange" in before and "Contents" in before:
                if not gone and same_through(self.old, before, self.new, now, frozenset({"Data"})):
                    return []
                return [Change(Grade.FORBIDDEN, Act.SIGN, "SIGNATURE_CHANGED", f"object {number}")]
            if reference_of(self.old.catalog, "AcroForm") == number:
                return list(self._form(before, now))
            if number in self.old_fields:
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
                yield from self._form(or_empty(one), or_empty(two))
            elif key == "ViewerPreferences" and self._shown_otherwise(before.get(key), after.get(key)):
                yield Change(Grade.UNKNOWN, Act.CONTENT, "CATALOG_CHANGED", f"/{key}")
            elif key in CATALOG_UPKEEP:
                yield Change(Grade.PERMITTED, Act.UPKEEP, "")
            elif key in CATALOG_FORBIDDEN:
                code = {"Pages": "PAGES_CHANGED", "Perms": "PERMISSIONS_CHANGED"}.get(key, "CATALOG_CHANGED")
                yield Change(Grade.FORBIDDEN, Act.CONTENT, code, f"/{key}")
            else:
                yield Change(Grade.UNKNOWN, Act.CONTENT, "CATALOG_CHANGED", f"/{key}")

    def _shown_otherwise(self, before: Value, after: Value) -> bool:
        """Say whether the viewer's settings let the pages be read or shown in another way."""
        return any(not same(self.old.entry(before, key), self.new.entry(after, key)) for key in _SHOWN_BY)

    def _form(self, before: Dictionary, after: Dictionary) -> Iterator[Change]:
        for key in self._differing(before, after):
            if key == "Fields":
                yield from self._field_list(self.old.entry(before, key), self.new.entry(after, key))
            elif key in FORM_FREE or self._harmless_in_form(key, before.get(key), after.get(key)):
                yield Change(Grade.PERMITTED, Act.UPKEEP, "")
            else:
                # Fonts and default looks decide what programs draw that make the fields' looks anew.
                yield Change(Grade.UNKNOWN, Act.FORM, "FORM_CHANGED", f"/{key}")

    def _harmless_in_form(self, key: str, before: Value, after: Value) -> bool:
        # An XFA form replaces what the pages show: it is never only something more.
        if key == "XFA":
            return False
        if key == "NeedAppearances":
            return self.new.resolve(after) is not True or looks_say_values(self.new)
        if key == "Q":
            return all(
                field.kind not in TEXT_KINDS or field.inherited("Q") is not None for field in fields_of(self.old)
            )
        if key == "DA":
            return self.old.resolve(before) is None and fields_have_defaults(self.old)
        if key == "DR":
            return self._more_resources(before, after) or self._pictures_only(before, after)
        return self._only_more(before, after, 0)

    def _more_resources(self, before: Value, after: Value) -> bool:
        """Say whether the form's default resources only got more, and nothing that no field asked for in vain."""
        if not self._only_more(before, after, 0):
            return False
        fonts = [or_empty(view.entry(value, "Font")) for view, value in ((self.old, before), (self.new, after))]
        return self._fonts_unasked(set(fonts[1]) - set(fonts[0]))

    def _fonts_unasked(self, names: set[str]) -> bool:
        """Say whether no look and no default look of the signed revision can draw with the fonts `names`, new now."""
        return not names & default_fonts(self.old) and looks_stand_alone(self.old)

    def _pictures_only(self, before: Value, after: Value) -> bool:
        """
        Say whether only pictures of the form's default resources are others now, and no field draws with them.

        Signing programs put the picture of the newest signature there under one and the same name (PDFBox: /FRM). A
        default look draws text, with fonts; a look that brings resources of its own looks nowhere else.
        """
        one, two = or_empty(self.old.resolve(before)), or_empty(self.new.resolve(after))
        return self._more_resources(without_pictures(one), without_pictures(two)) and looks_stand_alone(self.old)

    def _page(self, number: int, before: Dictionary, after: Dictionary) -> Iterator[Change]:
        for key in self._differing(before, after):
            if key in INHERITED and self._inherits_same(number, key):
                continue
            if key == "Annots":
                yield from self._annotation_list(number, self.old.entry(before, key), self.new.entry(after, key))
            elif key == "Contents":
                yield from self._contents(number, before.get(key), after.get(key))
            elif key == "Resources":
                yield from self._resources(number, before.get(key), after.get(key))
            elif key in PAGE_UPKEEP:
                yield Change(Grade.PERMITTED, Act.UPKEEP, "")
            elif key == "AA":
                yield Change(Grade.UNKNOWN, Act.CONTENT, "PAGE_CHANGED", f"/{key}", page=number)
            else:
                yield Change(Grade.FORBIDDEN, Act.CONTENT, "PAGE_CHANGED", f"/{key}", page=number)

    def _inherits_same(self, page: int, key: str) -> bool:
        """Say whether a page attribute has the same effect as before, wherever it is written (ISO 32000-1, 7.7.3.4)."""
        before, after = effective(self.old, page, key), effective(self.new, page, key)
        return same(before, after)

    def _page_node(self, number: int, before: Dictionary, after: Dictionary) -> Iterator[Change]:
        for key in self._differing(before, after):
            if key == "Resources":
                yield from self._resources(number, before.get(key), after.get(key))
            elif key == "Annots" and isinstance(self.new.entry(after, "Kids"), list):
                # Annotations belong to pages; on a branch of the tree, where node-signpdf puts them, nobody shows them.
                yield Change(Grade.PERMITTED, Act.UPKEEP, "")
            else:
                yield Change(Grade.FORBIDDEN, Act.CONTENT, "PAGES_CHANGED", f"/{key}")

    def _contents(self, page: int, before: Value, after: Value) -> Iterator[Change]:
        """
        Streams added around the signed ones change what shows; a signed one taken away or replaced is forbidden.
        """
        old_parts, new_parts = parts_of(self.old, before), parts_of(self.new, after)
        if len(old_parts) == len(new_parts) and same(old_parts, new_parts):
            return
        rest = iter(new_parts)
        if all(any(same(part, other) for other in rest) for part in old_parts):
            yield Change(Grade.VISIBLE, Act.CONTENT, "CONTENT_ADDED", page=page)
        else:
            yield Change(Grade.FORBIDDEN, Act.CONTENT, "CONTENT_REPLACED", page=page)

    def _asked_for(self, page: int, before: Value, after: Value) -> bool:
        """
        Say whether the page may ask for a name that its list of resources `after` has and `before` had not.

        Then it is no harm only if it shows nothing in any program and gives letters no other meaning: who can tell?
        """
        added = set(or_empty(after)) - set(or_empty(before))
        return bool(added) and not added.isdisjoint(names_asked_for(self.old, page) or added)

    def _resources(self, page: int, before: Value, after: Value) -> Iterator[Change]:
        if self._only_more(before, after, 0):
            # A page may name a resource that was missing when it was signed: so an addition can show.
            lists = [
                (self.old.entry(before, key), self.new.entry(after, key)) for key in or_empty(self.new.resolve(after))
            ]
            asked = any(self._asked_for(page, one, two) for one, two in lists)
            yield Change(Grade.VISIBLE, Act.CONTENT, "RESOURCES_ADDED", page=page, shows=not asked)
        else:
            yield Change(Grade.FORBIDDEN, Act.CONTENT, "RESOURCES_CHANGED", page=page)
