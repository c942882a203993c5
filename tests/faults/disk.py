"""A disk that forgets what was not synced: rebuilt from the system calls that a pass made, cut off at any of them."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# What changes files or names, or makes a change last. The memory-mapped `-shm` of SQLite is left out: it is made anew.
TRACED = (
    "open,openat,creat,write,pwrite64,fsync,fdatasync,syncfs,rename,renameat,renameat2,"
    "unlink,unlinkat,mkdir,mkdirat,rmdir,ftruncate"
)
# What would change files in a way that this model does not know; a test sees that none of them occurs.
UNKNOWN = "writev,pwritev,pwritev2,truncate,link,linkat,symlink,symlinkat,fallocate,copy_file_range,sendfile"

SECTOR = 512


@dataclass(frozen=True, slots=True)
class Call:
    """One call on a path: `what` is create, write, sync, sync_all, rename, unlink, mkdir, rmdir or truncate."""

    what: str
    path: str
    other: str = ""
    offset: int = -1
    data: bytes = b""
    empties: bool = False


_LINE = re.compile(r"(\d+) +(.*)", re.DOTALL)
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')
_HANDLE = re.compile(r"(?:\d+|AT_FDCWD)<([^>]*)>")


def calls_of(trace: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the calls of an strace log (options -f -y -xx) that succeeded: name, arguments, result."""
    begun: dict[str, str] = {}
    with trace.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            whole = _LINE.match(line.rstrip("\n"))
            if whole is None:
                continue
            pid, text = whole[1], whole[2]
            if text.endswith("<unfinished ...>"):
                begun[pid] = text.removesuffix("<unfinished ...>").rstrip()
                continue
            if text.startswith("<... "):
                text = begun.pop(pid, "") + text.partition("resumed>")[2]
            name, opening, rest = text.partition("(")
            arguments, closing, result = rest.rpartition(") = ")
            if not closing:
                arguments, closing, result = rest.rpartition(")" + " " * 1)
                result = result.lstrip("= ")
            if opening and closing and not result.startswith(("-1", "?")):
                yield name, arguments, result


def read_trace(trace: Path, folder: Path) -> list[Call]:
    """Return what was done below `folder`, in order; raises ValueError for a call that the model does not know."""
    root = str(folder)
    found: list[Call] = []
    positions: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for name, arguments, result in calls_of(trace):
        strings = [_bytes(one[1]) for one in _STRING.finditer(arguments)]
        if any(one[2] for one in _STRING.finditer(arguments)):
            raise ValueError("a string in the trace was cut off: raise the option -s")
        handles = [_text(one[1]) for one in _HANDLE.finditer(arguments)]
        if name in ("open", "openat", "creat"):
            path = _text(next(iter(_HANDLE.findall(result)), ""))
            if not _is_below(path, root):
                continue
            positions[path] = sizes.get(path, 0) if "O_APPEND" in arguments else 0
            if "O_CREAT" in arguments:
                found.append(Call("create", path, empties="O_TRUNC" in arguments))
        elif name in ("write", "pwrite64"):
            path = handles[0] if handles else ""
            if not _is_below(path, root) or path.endswith("-shm"):
                continue
            data = strings[0] if strings else b""
            count = int(result.split()[0])
            offset = int(arguments.rpartition(",")[2]) if name == "pwrite64" else positions.get(path, 0)
            if name == "write":
                positions[path] = offset + count
            sizes[path] = max(sizes.get(path, 0), offset + count)
            found.append(Call("write", path, offset=offset, data=data[:count]))
        elif name in ("fsync", "fdatasync"):
            if handles and _is_below(handles[0], root, itself=True):
                found.append(Call("sync", handles[0]))
        elif name == "syncfs":
            # All of this happens on one file system: the scene's folder stands for it.
            if handles and _is_below(handles[0], root, itself=True):
                found.append(Call("sync_all", root))
        elif name.startswith("rename"):
            one, other = (one.decode("utf-8", "surrogateescape") for one in strings[:2])
            if _is_below(one, root) or _is_below(other, root):
                found.append(Call("rename", one, other))
        elif name in ("unlink", "unlinkat", "rmdir", "mkdir", "mkdirat"):
            path = strings[0].decode("utf-8", "surrogateescape")
            if not path.startswith("/") and handles:
                path = f"{handles[0]}/{path}"
            what = "rmdir" if name == "rmdir" or "AT_REMOVEDIR" in arguments else name.removesuffix("at")
            if _is_below(path, root):
                found.append(Call(what, path))
        elif name == "ftruncate":
            if handles and _is_below(handles[0], root) and not handles[0].endswith("-shm"):
                found.append(Call("truncate", handles[0], offset=int(arguments.rpartition(",")[2])))
        elif any(_is_below(one, root) for one in handles):
            raise ValueError(f"the model does not know {name}({arguments[:200]})")
    return found


def _bytes(hexed: str) -> bytes:
    return bytes.fromhex(hexed.replace("\\x", ""))


def _text(hexed: str) -> str:
    return _bytes(hexed).decode("utf-8", "surrogateescape") if hexed.startswith("\\x") else hexed


def _is_below(path: str, root: str, *, itself: bool = False) -> bool:
    if path.endswith(" (deleted)"):
        return False
    return path.startswith(root + "/") or (itself and path == root)


@dataclass(slots=True)
class _File:
    """A file's content that is on the disk, and the writes that are not yet."""

    safe: bytearray = field(default_factory=bytearray)
    pending: list[Call] = field(default_factory=list)

    def settle(self) -> None:
        for call in self.pending:
            _apply(self.safe, call)
        self.pending.clear()


def _apply(content: bytearray, call: Call) -> None:
    if call.what == "truncate":
        del content[call.offset :]
        content.extend(bytes(call.offset - len(content)))
    else:
        if len(content) < call.offset:
            content.extend(bytes(call.offset - len(content)))
        content[call.offset : call.offset + len(call.data)] = call.data


@dataclass(slots=True)
class _Entry:
    """A change of names in one folder: `file` None with `is_folder` for a new folder, None without for a removal."""

    path: str
    file: _File | None
    is_folder: bool = False


class Disk:
    """
    Files and names as a disk has them, fed with calls.

    The model is what POSIX promises and no more: written bytes last once their file was synced, a name lasts once its
    folder was synced, and a file below a folder whose own name did not last is gone. syncfs(2) makes all of it last
    (Linux waits for the writing, other than POSIX's sync). Below `elsewhere` (a share on
    another machine) everything lasts at once.
    """

    def __init__(self, before: Path, *, elsewhere: Path) -> None:
        self._root = str(before)
        self._elsewhere = str(elsewhere)
        self._now: dict[str, _File | None] = {}
        for path in sorted(before.rglob("*")):
            content = None if path.is_dir() else _File(bytearray(path.read_bytes()))
            self._now[str(path)] = content
        self._safe = dict(self._now)
        # Only the files of the scene itself have a time that counts; what a pass writes has the time of its writing.
        self._times = {str(path): path.stat().st_mtime for path in before.rglob("*")}
        self._pending: dict[str, list[_Entry]] = {}

    def feed(self, call: Call) -> None:
        """Let one call happen."""
        path = call.path
        if call.what == "create":
            file = self._now.get(path)
            if path not in self._now:
                file = _File()
                self._name(_Entry(path, file))
            if call.empties and file is not None:
                self._change(path, file, Call("truncate", path, offset=0))
        elif call.what in ("write", "truncate"):
            file = self._now.get(path)
            if file is not None:
                self._change(path, file, call)
        elif call.what == "sync":
            file = self._now.get(path)
            if file is not None:
                file.settle()
            else:
                for entry in self._pending.pop(path, []):
                    _enter(self._safe, entry)
        elif call.what == "sync_all":
            for known in self._now.values():
                if known is not None:
                    known.settle()
            for entries in self._pending.values():
                for entry in entries:
                    _enter(self._safe, entry)
            self._pending.clear()
        elif call.what == "rename":
            moved = {one: file for one, file in self._now.items() if one == path or one.startswith(path + "/")}
            for one, file in moved.items():
                self._name(_Entry(call.other + one.removeprefix(path), file, is_folder=file is None))
            for one in sorted(moved, reverse=True):
                self._name(_Entry(one, None))
        elif call.what == "mkdir":
            self._name(_Entry(path, None, is_folder=True))
        else:
            self._name(_Entry(path, None))

    def _change(self, path: str, file: _File, call: Call) -> None:
        file.pending.append(call)
        if path.startswith(self._elsewhere + "/"):
            file.settle()

    def _name(self, entry: _Entry) -> None:
        _enter(self._now, entry)
        if entry.path.startswith(self._elsewhere):
            _enter(self._safe, entry)
        else:
            self._pending.setdefault(entry.path.rpartition("/")[0], []).append(entry)

    def write_out(self, target: Path, dice: random.Random | None = None) -> None:
        """
        Write into `target` what the disk has after the power went.

        Without `dice` nothing is there that was not synced. With it some of that is: of the writes to a file any, in
        any number, some torn at a sector; of the changes to a folder the first few.
        """
        names = dict(self._safe)
        if dice is not None:
            for entries in self._pending.values():
                for entry in entries[: dice.randint(0, len(entries))]:
                    _enter(names, entry)
        for path in sorted(names):
            if not all(one in names for one in _parents(path, self._root)):
                continue
            file, place = names[path], target / path.removeprefix(self._root + "/")
            if file is None:
                place.mkdir(parents=True, exist_ok=True)
                continue
            content = bytearray(file.safe)
            for call in file.pending if dice is not None else ():
                if dice.random() < 0.5:
                    _apply(content, _torn(call, dice))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
            if path in self._times:
                os.utime(place, (self._times[path], self._times[path]))


def _torn(call: Call, dice: random.Random) -> Call:
    sectors = len(call.data) // SECTOR
    if call.what != "write" or not sectors or dice.random() < 0.7:
        return call
    return Call("write", call.path, offset=call.offset, data=call.data[: SECTOR * dice.randint(0, sectors)])


def _enter(names: dict[str, _File | None], entry: _Entry) -> None:
    if entry.file is None and not entry.is_folder:
        names.pop(entry.path, None)
    else:
        names[entry.path] = entry.file


def _parents(path: str, root: str) -> Sequence[str]:
    parts = path.removeprefix(root + "/").split("/")[:-1]
    return ["/".join((root, *parts[: number + 1])) for number in range(len(parts))]
