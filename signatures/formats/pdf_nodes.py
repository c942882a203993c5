"""Small questions about pages, fields and annotations: where they stand, whether they show, what they are."""

from __future__ import annotations

from signatures.formats.pdf_fields import Field
from signatures.formats.pdf_filters import TooCostly
from signatures.formats.pdf_grades import Box
from signatures.formats.pdf_objects import Dictionary, Name, Ref, Stream, Value
from signatures.formats.pdf_same import same
from signatures.formats.pdf_view import View

# Pages are counted only to name one in a finding.
MAX_PAGE_NODES = 50_000
# Page attributes that may stand on the page or above it, or be left out where they are the default.
INHERITED = frozenset({"MediaBox", "CropBox", "Rotate", "Resources", "UserUnit"})
_DEFAULTS: dict[str, Value] = {"Rotate": 0, "UserUnit": 1}
_STRUCTURE = frozenset({"StructElem", "StructTreeRoot", "OBJR", "MCR"})
_STRUCTURE_KEYS = frozenset(
    {
        "Type", "S", "P", "ID", "Ref", "Pg", "K", "A", "C", "R", "T", "Lang", "Alt", "E", "ActualText", "AF", "NS",
        "PhoneticAlphabet", "Phoneme", "IDTree", "ParentTree", "ParentTreeNextKey", "RoleMap", "ClassMap", "Namespaces",
        "PronunciationLexicon", "Obj", "MCID", "Stm", "StmOwn",
    }
)  # fmt: skip
# ISO 32000-1, 12.5.3: an annotation with one of these flags is not shown (Invisible counts for unknown kinds only).
_HIDDEN, _PRINT, _NO_ZOOM, _NO_ROTATE, _NO_VIEW, _TOGGLE = 2, 4, 8, 16, 32, 256
_MORE_THAN_FLAGS = 1 << 16
# Kinds that programs draw whatever their rectangle says: icons, and what has coordinates of its own (12.5.6).
_DRAWN_WITHOUT_AREA = frozenset(
    {
        "Text", "FreeText", "FileAttachment", "Sound", "Line", "Polygon", "PolyLine", "Ink", "Stamp", "Caret",
        "Highlight", "Underline", "Squiggly", "StrikeOut", "Redact", "Watermark", "Screen", "Movie", "3D", "RichMedia",
        "Projection",
    }
)  # fmt: skip


def pages_of(view: View) -> list[int]:
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


def effective(view: View, page: int, key: str) -> Value:
    value = inherited(view, page, key)
    if value is None and key == "CropBox":
        value = inherited(view, page, "MediaBox")
    if isinstance(value, list):
        return [view.resolve(one) for one in value]
    return _DEFAULTS.get(key) if value is None else value


def inherited(view: View, page: int, key: str) -> Value:
    holder: Value = Ref(page, 0)
    for _ in range(64):
        value = view.entry(holder, key)
        if value is not None:
            return value
        node = view.resolve(holder)
        holder = node.get("Parent") if isinstance(node, Dictionary) else None
    return None


def fields_by_number(view: View, fields: tuple[Field, ...]) -> dict[int, Field]:
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


def is_plumbing(value: Value) -> bool:
    """Tables of contents and object streams are no objects of the document: nothing in it refers to them."""
    return isinstance(value, Stream) and value.head.get("Type") in ("XRef", "ObjStm")


def names_a_key_twice(value: Value) -> bool:
    """Say whether a dictionary in `value` names a key twice: programs differ in which one they take."""
    waiting: list[Value] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Stream):
            item = item.head
        if isinstance(item, Dictionary):
            if item.again:
                return True
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return False


def is_structure(value: Dictionary) -> bool:
    """Say whether this can only be a part of the structure tree, which shows nothing (ISO 32000-1, 14.7)."""
    return value.get("Type") in _STRUCTURE and value.keys() <= _STRUCTURE_KEYS


def is_annotation(value: Dictionary) -> bool:
    return value.get("Type") == "Annot" or ("Subtype" in value and "Rect" in value) or "FT" in value


def reference_of(holder: Dictionary | None, key: str) -> int:
    value = holder.get(key) if holder is not None else None
    return value.number if isinstance(value, Ref) else -1


def or_empty(value: Value) -> Dictionary:
    return value if isinstance(value, Dictionary) else Dictionary()


def without_pictures(resources: Dictionary) -> Dictionary:
    """Return a resource dictionary less its forms and images."""
    rest = Dictionary()
    rest.update((key, value) for key, value in resources.items() if key != "XObject")
    return rest


def looks_of(view: View, widget: Value) -> list[Stream]:
    """Return every look of an annotation that draws something: normal, rolled over and pressed, in every state."""
    looks = view.entry(widget, "AP") if isinstance(view.resolve(widget), Dictionary) else None
    found: list[Stream] = []
    for one in or_empty(looks).values():
        look = view.resolve(one)
        for state in look.values() if isinstance(look, Dictionary) else (look,):
            drawn = view.resolve(state)
            if isinstance(drawn, Stream):
                found.append(drawn)
    return found


def has_layers(view: View, widget: Value) -> bool:
    """Say whether a look of an annotation, or a form or text in it, is on a layer that can be turned on and off."""
    waiting = looks_of(view, widget)
    seen: set[int] = set()
    while waiting:
        look = waiting.pop()
        if id(look) in seen:
            continue
        seen.add(id(look))
        if look.head.get("OC") is not None:
            return True
        resources = view.entry(look, "Resources")
        marks = or_empty(view.entry(resources, "Properties"))
        if any(view.entry(one, "Type") in ("OCG", "OCMD") for one in marks.values()):
            return True
        pictures = or_empty(view.entry(resources, "XObject"))
        waiting += [one for one in map(view.resolve, pictures.values()) if isinstance(one, Stream)]
    return False


def number_text(value: Value) -> str:
    return f"object {value.number}" if isinstance(value, Ref) else "a field"


def kind_of(value: Dictionary) -> str:
    kind = value.get("Subtype")
    return str(kind) if isinstance(kind, Name) else "?"


def parts_of(view: View, value: Value) -> list[Value]:
    """Return the content streams of a page as references, a list of its own unfolded."""
    resolved = view.resolve(value)
    if isinstance(resolved, list):
        return list(resolved)
    return [] if resolved is None else [value]


def without(items: list[Value], others: list[Value]) -> list[Value]:
    """Return those of `items` that have no equal in `others`."""
    numbers = {one.number for one in others if isinstance(one, Ref)}
    direct = [one for one in others if not isinstance(one, Ref)]
    return [
        item
        for item in items
        if (item.number not in numbers if isinstance(item, Ref) else not any(same(item, one) for one in direct))
    ]


def box_of(view: View, value: Dictionary) -> Box | None:
    sides = view.resolve(value.get("Rect"))
    numbers = [view.resolve(one) for one in sides] if isinstance(sides, list) else []
    found = [float(one) for one in numbers if isinstance(one, int | float)]
    if len(found) != 4:
        return None
    left, bottom, right, top = found
    return min(left, right), min(bottom, top), max(left, right), max(bottom, top)


def flags_of(view: View, value: Dictionary) -> int:
    """Return an annotation's flags; 0 for what is no number of its size, since programs keep other parts of those."""
    flags = view.resolve(value.get("F"))
    return flags if isinstance(flags, int) and 0 <= flags < _MORE_THAN_FLAGS else 0


def shows_something(view: View, value: Dictionary) -> bool:
    """
    Say whether an annotation can be seen, on a screen or on paper.

    A field without an area shows nothing. Other annotations may: programs draw notes, lines and attached files at a
    size of their own. One that is kept from the screen but printed is seen by whoever reads the paper.
    """
    box = box_of(view, value)
    flags = flags_of(view, value)
    hidden = bool(flags & _HIDDEN) or (bool(flags & _NO_VIEW) and not flags & (_PRINT | _TOGGLE))
    area = box is not None and box[2] > box[0] and box[3] > box[1]
    if box is None and not hidden and any(value.get(key) is not None for key in ("Rect", "AP", "Subtype")):
        # A place that is none: some programs guess one, others give the whole page up.
        return kind_of(value) != "Widget" or value.get("Rect") is not None or value.get("AP") is not None
    return not hidden and (area or (box is not None and kind_of(value) in _DRAWN_WITHOUT_AREA))


def shows_elsewhere(view: View, value: Dictionary) -> bool:
    """
    Say whether an annotation that shows can look otherwise than on a screen at its usual size.

    On paper only, on being pointed at, at another scale, on a page that is turned, with a layer turned on, or with a
    ground that programs draw without being given a look: such a one cannot be judged by drawing the page once.
    """
    flags = flags_of(view, value)
    looks = view.resolve(value.get("AP"))
    ground = looks is None and view.entry(value.get("MK"), "BG") not in (None, [])
    moving = isinstance(looks, Dictionary) and bool(looks.keys() - {"N"})
    layered = value.get("OC") is not None or has_layers(view, value)
    return bool(flags & (_NO_VIEW | _NO_ZOOM | _NO_ROTATE)) or ground or moving or layered


def shown_otherwise(old: View, before: Dictionary, new: View, after: Dictionary) -> bool:
    """
    Say whether the flags of an annotation that shows let it be seen where it was not, or no longer where it was.

    To be printed too, and to be locked, are no such change: signing programs set both.
    """
    if not (shows_something(old, before) or shows_something(new, after)):
        return False
    one, two = flags_of(old, before), flags_of(new, after)
    return bool((one ^ two) & (_HIDDEN | _NO_ZOOM | _NO_ROTATE | _NO_VIEW | _TOGGLE) or one & ~two & _PRINT)
