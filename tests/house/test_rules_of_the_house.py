"""Rules that keep the house habitable: reasons have sentences, rooms have a first line, names collide with nobody."""

from __future__ import annotations

import ast
import re
from importlib.metadata import distributions
from pathlib import Path

import pytest

from config.reasons import all_reasons

STOREYS = ("intake", "storage", "signatures", "config")
MODULES = sorted(path for storey in STOREYS for path in Path(storey).rglob("*.py") if "versions" not in path.parts)
REASON = re.compile(r'\b(?:Why|Reason|Finding|TrustProblem|AuditFinding)\(\s*"([A-Z][A-Z0-9_]+)"')


def test_every_reason_code_in_the_program_has_its_sentences() -> None:
    """A clerk never reads a bare code."""
    used = {code for path in MODULES for code in REASON.findall(path.read_text(encoding="utf-8"))}

    assert len(used) > 50
    assert used - set(all_reasons()) == set()


def test_a_reason_code_stands_in_one_file_only() -> None:
    """Two meanings under one name would make every record of it doubtful."""
    import tomllib

    codes = [code for file in Path("config/reasons").glob("*.toml") for code in tomllib.loads(file.read_text("utf-8"))]

    assert sorted(codes) == sorted(set(codes))


@pytest.mark.parametrize("code", sorted(all_reasons()))
def test_a_reason_speaks_two_languages_and_says_what_to_do(code: str) -> None:
    """Four sentences, none of them empty, and the Vietnamese ones carry their marks."""
    text = all_reasons()[code]

    assert all(part.strip() for part in (text.vi, text.en, text.do_vi, text.do_en))
    assert re.search(r"[ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ]", text.vi.lower())


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_opens_with_a_sentence(path: Path) -> None:
    """A newcomer reads what a room is for before its code; a package's `__init__` holds nothing else."""
    tree = ast.parse(path.read_text(encoding="utf-8"))

    assert ast.get_docstring(tree)
    if path.name == "__init__.py":
        assert len(tree.body) == 1


def test_no_room_is_a_drawer_for_everything() -> None:
    """If a thing has no home, we do not know yet what it is."""
    drawers = {"utils", "helpers", "common", "manager", "misc", "util"}

    assert [path for path in MODULES if path.stem in drawers] == []


def test_no_dependency_brings_one_of_our_names() -> None:
    """`import config` must be ours; the container sets PYTHONSAFEPATH as well."""
    owners: dict[str, set[str]] = {name: set() for name in STOREYS}
    for distribution in distributions():
        for file in distribution.files or ():
            first = file.parts[0].removesuffix(".py")
            if first in owners and not file.parts[0].endswith((".pth", ".dist-info")):
                owners[first].add(distribution.metadata["Name"])

    assert {name: owner - {"phieu-intake"} for name, owner in owners.items()} == {name: set() for name in STOREYS}


def test_no_folder_under_tests_carries_a_storeys_name() -> None:
    """A test folder called storage would be imported instead of the storey."""
    assert [path for path in Path("tests").rglob("*") if path.is_dir() and path.name in STOREYS] == []


def test_the_ground_records_need_only_the_standard_library() -> None:
    """Whoever reads a record or a report needs nothing else."""
    for path in (Path("storage/records.py"), Path("signatures/report.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        roots = {
            node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
        }
        roots |= {
            name.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names
        }
        assert roots <= {"__future__", "collections", "dataclasses", "datetime", "decimal", "enum", "typing"}, path


def test_the_workplace_is_nowhere_mentioned() -> None:
    """What is shipped speaks of the product only."""
    words = re.compile("|".join(["\\.\\./" + "shared", "/work/" + "main", "\\.library" + "/"]))
    texts = [path for suffix in ("py", "md", "toml", "txt") for path in Path().rglob(f"*.{suffix}")]
    ours = [path for path in texts if not {".venv", "var", "build", ".git"} & set(path.parts)]

    assert [str(path) for path in ours if words.search(path.read_text(encoding="utf-8", errors="replace"))] == []
