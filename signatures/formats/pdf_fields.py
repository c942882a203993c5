"""Finds every place in a PDF where a signature is, or is said to be."""

from __future__ import annotations

from dataclasses import dataclass

from signatures.formats.pdf_file import Placed
from signatures.formats.pdf_filters import TooCostly
from signatures.formats.pdf_objects import Dictionary, Name, Ref, Value, text_of
from signatures.formats.pdf_view import View

# A form of a ministry has some hundred fields; a form of ten thousand has never been seen.
MAX_FIELDS = 20_000
# The longest row of signatures seen in one lawful file is twenty-five.
MAX_SIGNATURES = 200
# Fields nest by the dots in their names.
MAX_FIELD_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Field:
    """
    One form field (a leaf of the field tree).

    `name` is the full name with dots. `number` is its object number, 0 for one written into its parent's list.
    `kind` is /FT (inherited where it is). `lineage` are the dictionaries from the field up to its tree's root.
    """

    name: str
    number: int
    kind: str
    value: Value
    lineage: tuple[Dictionary, ...]

    def inherited(self, key: str) -> Value:
        """Return the (unresolved) value of `key` here or at the nearest ancestor."""
        for dictionary in self.lineage:
            if dictionary.get(key) is not None:
                return dictionary[key]
        return None


@dataclass(frozen=True, slots=True)
class SignatureField:
    """
    A signature field that has a value, readable or not.

    `dictionary` is None where the value is no dictionary; `holder` is the object in whose bytes the dictionary lies;
    `listed` says whether the form lists the field (see `pdf_strays` for those it does not).
    """

    name: str
    field: Field
    dictionary: Dictionary | None
    holder: Placed | None
    listed: bool = True


def form_of(view: View) -> Dictionary | None:
    """Return the interactive form's dictionary, None if there is none."""
    form = view.entry(view.catalog, "AcroForm")
    return form if isinstance(form, Dictionary) else None


def fields_of(view: View) -> tuple[Field, ...]:
    """Return the leaves of the field tree in its order; TooCostly for a tree beyond all measure."""
    known = view.kept.get("fields")
    if not isinstance(known, tuple):
        known = view.kept["fields"] = _read_fields(view)
    return known


def _read_fields(view: View) -> tuple[Field, ...]:
    form = form_of(view)
    found: list[Field] = []
    seen: set[int] = set()

    def walk(value: Value, parents: tuple[Dictionary, ...], name: str) -> None:
        number = value.number if isinstance(value, Ref) else 0
        if number:
            if number in seen:
                return
            seen.add(number)
        dictionary = view.resolve(value)
        if not isinstance(dictionary, Dictionary):
            return
        if len(found) >= MAX_FIELDS or len(seen) > 2 * MAX_FIELDS:
            raise TooCostly(f"more than {MAX_FIELDS} form fields")
        part = view.resolve(dictionary.get("T"))
        own = text_of(part)
        full = f"{name}.{own}" if name and own else own or name
        lineage = (dictionary, *parents)
        kids = view.resolve(dictionary.get("Kids"))
        below = [kid for kid in kids if _is_field(view, kid)] if isinstance(kids, list) else []
        if below and len(lineage) < MAX_FIELD_DEPTH:
            for kid in below:
                walk(kid, lineage, full)
            return
        kind = view.resolve(_first(lineage, "FT"))
        found.append(
            Field(full or f"object {number}", number, str(kind) if isinstance(kind, Name) else "", None, lineage)
        )

    listed = view.entry(form, "Fields") if form is not None else None
    for one in listed if isinstance(listed, list) else []:
        walk(one, (), "")
    return tuple(Field(one.name, one.number, one.kind, one.inherited("V"), one.lineage) for one in found)


def _first(lineage: tuple[Dictionary, ...], key: str) -> Value:
    for dictionary in lineage:
        if dictionary.get(key) is not None:
            return dictionary[key]
    return None


def _is_field(view: View, kid: Value) -> bool:
    """A kid is a field of its own if it has a name, a type, a value or kids; else it is only a widget of its parent."""
    dictionary = view.resolve(kid)
    return isinstance(dictionary, Dictionary) and any(key in dictionary for key in ("T", "FT", "V", "Kids"))


def signature_fields(view: View, fields: tuple[Field, ...]) -> tuple[SignatureField, ...]:
    """
    Return the signature fields that have a value, in the form's order; two that share one value count once.

    A field without /V (or with /V null) is an empty place for a signature and does not count.
    """
    found: list[SignatureField] = []
    shared: set[int] = set()
    for field in fields:
        value = field.value
        if value is None:
            continue
        dictionary = view.resolve(value)
        if field.kind != "Sig" and not looks_signed(dictionary):
            continue
        if isinstance(value, Ref):
            if value.number in shared:
                continue
            shared.add(value.number)
        holder = view.placed(value.number if isinstance(value, Ref) else field.number)
        found.append(
            SignatureField(field.name, field, dictionary if isinstance(dictionary, Dictionary) else None, holder)
        )
        if len(found) > MAX_SIGNATURES:
            raise TooCostly(f"more than {MAX_SIGNATURES} signatures")
    return tuple(found)


def looks_signed(value: Value) -> bool:
    """Say whether a value can only be a signature dictionary, whatever field it stands in."""
    return isinstance(value, Dictionary) and "Contents" in value and ("ByteRange" in value or "SubFilter" in value)
