"""Two revisions of one PDF side by side, and what every comparison of them needs."""

from __future__ import annotations

from dataclasses import dataclass, field

from signatures.formats.pdf_fields import Field
from signatures.formats.pdf_grades import Act, Change, Grade
from signatures.formats.pdf_nodes import (
    box_of,
    kind_of,
    pages_of,
)
from signatures.formats.pdf_objects import Dictionary, Name, Ref, Value
from signatures.formats.pdf_same import same
from signatures.formats.pdf_view import View


@dataclass(slots=True)
class TwoViews:
    """The signed revision `old` and the file `new`, with what both hold at hand."""

    old: View
    new: View
    different: dict[int, tuple[Value, Value]] = field(default_factory=dict)
    old_fields: dict[int, Field] = field(default_factory=dict)
    new_fields: dict[int, Field] = field(default_factory=dict)
    _pages: list[int] | None = None
    judged: set[int] = field(default_factory=set)
    _double: set[int] = field(default_factory=set)

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

    def _only_more(self, before: Value, after: Value, depth: int) -> bool:
        one, two = self.old.resolve(before), self.new.resolve(after)
        if one is None:
            return True
        # Resources hold lists of names; what a name stands for may not become more.
        if isinstance(one, Dictionary) and isinstance(two, Dictionary) and depth < 2:
            return all(
                same(value, two.get(key)) or self._only_more(value, two.get(key), depth + 1)
                for key, value in one.items()
            )
        if isinstance(one, list) and isinstance(two, list):
            # The list of procedure sets has had no effect since PDF 1.4.
            return all(isinstance(item, Name) for item in (*one, *two))
        return same(one, two)

    def _showing(
        self, grade: Grade, act: Act, code: str, value: Dictionary, name: str, item: Value, page: int = 0
    ) -> Change:
        number = item.number if isinstance(item, Ref) else 0
        return Change(
            grade,
            act,
            code,
            name or kind_of(value),
            name,
            page or self._page_of(number, value),
            box_of(self.new, value),
            shows=True,
        )

    def _is_time_stamp(self, known: Field | None, value: Dictionary) -> bool:
        signature = self.new.resolve(known.value if known is not None else value.get("V"))
        return isinstance(signature, Dictionary) and self.new.entry(signature, "SubFilter") == "ETSI.RFC3161"

    def page_index(self, page: int) -> int | None:
        """Return the position (from 0) of the page object `page`, None for one that is no page of the file."""
        pages = self._all_pages()
        return pages.index(page) if page in pages else None

    def _all_pages(self) -> list[int]:
        if self._pages is None:
            self._pages = pages_of(self.new)
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
