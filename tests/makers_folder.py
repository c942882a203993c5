"""An export folder for tests: files with their times, manifests, and the source that looks at it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

from config.settings import FolderSource
from intake.sources.folder import ExportFolder
from tests.makers_sources import NOW, PlainMemory, Taken, take

PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
EDXML = b'<?xml version="1.0"?><edXML><edXMLEnvelope/></edXML>\n'
MINUTE = timedelta(minutes=1)


def der(size: int) -> bytes:
    """Bytes that are framed as one DER structure."""
    return b"\x30\x82" + size.to_bytes(2, "big") + b"\x05" * size


def office_file() -> bytes:
    """A ZIP with one entry."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    return data.getvalue()


class Export:
    """An export folder for a test, with the source over it."""

    def __init__(self, root: Path, **changes: object) -> None:
        self.root = root
        self.root.mkdir(exist_ok=True)
        values: dict[str, object] = {"path": str(root), "settle": "move"}
        self.settings = FolderSource(**(values | changes))  # type: ignore[arg-type]  # The names are those of the struct.
        self.source = ExportFolder(self.settings)
        self.memory = PlainMemory()

    def put(self, path: str, data: bytes, at: datetime = NOW - MINUTE) -> Path:
        """Write a file whose time is `at`."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        os.utime(file, (at.timestamp(), at.timestamp()))
        return file

    def manifest(self, folder: str, files: dict[str, bytes], *, digests: bool = True, **more: object) -> None:
        """Write a manifest folder's sidecar."""
        named = [
            {"name": name} | ({"sha256": hashlib.sha256(data).hexdigest()} if digests else {})
            for name, data in files.items()
        ]
        text = json.dumps({"schema": "intake-manifest/1", "files": named} | more, ensure_ascii=False)
        self.put(f"{folder}/manifest.json", text.encode())

    def take(self, now: datetime = NOW, *, settle: bool = True) -> Taken:
        """Look once."""
        return take(self.source, self.memory, now, settle=settle)

    def left(self) -> set[str]:
        """What lies in the folder outside `processed/`."""
        return {path for path in self.all() if not path.startswith("processed/")}

    def all(self) -> set[str]:
        """Every file below."""
        return {path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if not path.is_dir()}

    def remarks(self) -> set[tuple[str, str]]:
        """The last look's remarks."""
        return {(why.code, why.detail) for why in self.source.remarks}


def opened(bundle: bytes) -> tuple[dict[str, object], dict[str, bytes]]:
    """Return a bundle's index and its files, in their order."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        names = archive.namelist()
        assert names[0] == "intake-bundle.json"
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        index: dict[str, object] = json.loads(archive.read(names[0]))
        return index, {name: archive.read(name) for name in names[1:]}
