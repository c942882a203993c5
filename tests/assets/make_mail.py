"""Makes the mail assets: archives that no part of the program can write, so that it can be seen to read them."""

from __future__ import annotations

import struct
import sys
import zlib
from pathlib import Path

import libarchive

from tests.makers_mail import PDF, a_rar

FOLDER = Path(__file__).parent / "mail"


def seven_zip(files: dict[str, bytes], path: Path) -> None:
    """Write a 7z without times or owners, so that the same files give the same bytes."""
    with libarchive.file_writer(str(path), "7zip", options="compression=lzma2") as archive:
        for name, data in files.items():
            archive.add_file_from_memory(name, len(data), data, mtime=0)


def rar_with_locked_member() -> bytes:
    """A RAR 4 whose file head says that its content is encrypted (flag 0x04), as WinRAR writes with a password."""
    archive = bytearray(a_rar({"phieu.pdf": PDF}))
    at = 7 + 13
    archive[at + 3] |= 0x04
    size = struct.unpack_from("<H", archive, at + 5)[0]
    struct.pack_into("<H", archive, at, zlib.crc32(bytes(archive[at + 2 : at + size])) & 0xFFFF)
    return bytes(archive)


def main() -> None:
    """Write every asset anew."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    seven_zip({"thư mục/phiếu.pdf": PDF, "phụ lục.txt": "ký số\n".encode()}, FOLDER / "vietnamese-names.7z")
    (FOLDER / "locked-member.rar").write_bytes(rar_with_locked_member())
    sys.stdout.write(f"{len(list(FOLDER.iterdir()))} mail assets\n")


if __name__ == "__main__":
    main()
