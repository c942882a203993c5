"""What a signer allowed others to do after him: the certification level and the locks on form fields."""

from __future__ import annotations

from dataclasses import dataclass

from signatures.formats.pdf_fields import SignatureField
from signatures.formats.pdf_objects import Dictionary, Name, Value, text_of
from signatures.formats.pdf_view import View

# ISO 32000-1, table 254: a certification that does not say allows filling in and signing.
_DEFAULT_LEVEL = 2


@dataclass(frozen=True, slots=True)
class Lock:
    """Fields that may not change any more: `action` is All, Include or Exclude, `names` are full field names."""

    action: str
    names: frozenset[str]

    def holds(self, name: str) -> bool:
        """Say whether the field `name` is locked; a name stands for everything below it too."""
        listed = name in self.names or any(name.startswith(one + ".") for one in self.names)
        if self.action == "Include":
            return listed
        if self.action == "Exclude":
            return not listed
        return True


@dataclass(frozen=True, slots=True)
class Permissions:
    """
    The restrictions in force after a signature.

    `level`: 1 nothing but time stamps and validation data, 2 filling in and signing too, 3 comments too; None where
    nobody certified (ISO 32000-1, 12.8.2.2). `certifies` says that the signature itself set a level by certifying.
    """

    level: int | None = None
    locks: tuple[Lock, ...] = ()
    certifies: bool = False

    def locked(self, name: str) -> bool:
        """Say whether a lock holds the field `name`."""
        return any(lock.holds(name) for lock in self.locks)

    def and_those(self, other: Permissions) -> Permissions:
        """Return both together; the stricter level counts."""
        levels = [level for level in (self.level, other.level) if level is not None]
        return Permissions(min(levels) if levels else None, self.locks + other.locks, self.certifies)


def permissions_of(view: View, field: SignatureField) -> Permissions:
    """
    Return what the signature of `field` allows, read from `view` (the bytes it signed).

    Read from /Reference (DocMDP, FieldMDP) and from the field's own /Lock, because signers that leave the copy of the
    lock out of the signature meant it all the same. A level outside 1 to 3 counts as 1: what is not understood is not
    allowed.

    Source: ISO 32000-2, 12.8.2.2 (DocMDP), 12.8.2.4 (FieldMDP), table 236 (Lock with its /P).
    """
    level: int | None = None
    certifies = False
    locks: list[Lock] = []
    references = view.entry(field.dictionary, "Reference") if field.dictionary is not None else None
    for one in references if isinstance(references, list) else []:
        method = view.entry(one, "TransformMethod")
        parameters = view.entry(one, "TransformParams")
        if method == "DocMDP":
            level = _stricter(level, _level(view.entry(parameters, "P")))
            certifies = True
        elif method == "FieldMDP":
            lock = _lock(view, parameters)
            if lock is not None:
                locks.append(lock)
    own = view.resolve(field.field.inherited("Lock"))
    if isinstance(own, Dictionary):
        lock = _lock(view, own)
        if lock is not None:
            locks.append(lock)
        if own.get("P") is not None:
            level = _stricter(level, _level(view.entry(own, "P")))
    return Permissions(level, tuple(locks), certifies)


def _stricter(one: int | None, other: int) -> int:
    return other if one is None else min(one, other)


def _level(value: Value) -> int:
    if value is None:
        return _DEFAULT_LEVEL
    return value if isinstance(value, int) and value in (1, 2, 3) else 1


def _lock(view: View, value: Value) -> Lock | None:
    action = view.entry(value, "Action")
    if not isinstance(action, Name):
        return None
    listed = view.entry(value, "Fields")
    names = frozenset(text_of(view.resolve(one)) for one in listed) if isinstance(listed, list) else frozenset()
    return Lock(str(action), names)
