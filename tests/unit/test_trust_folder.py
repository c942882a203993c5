"""The trust folder: what an operator puts in is read, recognised and checked, and nothing else is believed."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from config.errors import OfficeError
from signatures import trust
from signatures.chain import judge_chain
from signatures.question import Question
from signatures.report import Revocation
from signatures.trust import TrustStore
from tests.makers_cms import NOW, base64_lines, ocsp_answer, office, revocation_list, signed_data

# Facts of domain notes 3.1, 3.2 and 3.6: fingerprints that were published.
G2_ROOT = "f04ba4b459a7c9a1b971ad9b1cb833e695a80c79aea63b174b66a70edfe2fdb8"
NATIONAL_ROOT = "bac8bf609ab420a8ee1780d74f4de5c7f7184959d2a7375b0a75e4c29f0908e7"


def pem(der: bytes, label: str = "CERTIFICATE") -> bytes:
    return f"-----BEGIN {label}-----\r\n".encode() + base64_lines(der) + f"-----END {label}-----\r\n".encode()


def folder_with(tmp_path: Path, **files: bytes) -> Path:
    for name, data in files.items():
        (tmp_path / name.replace("__", ".")).write_bytes(data)
    return tmp_path


def test_roots_become_anchors_and_others_intermediates(tmp_path: Path) -> None:
    """Only what signed itself is believed; the rest helps to build paths."""
    one = office()
    folder_with(tmp_path, root__crt=one.root.certificate, ca__crt=one.authority.certificate)
    store = TrustStore.load([tmp_path])
    assert store.anchors == (one.root.certificate,)
    assert store.intermediates == (one.authority.certificate,)


def test_pem_der_bundles_and_lists_are_read_alike(tmp_path: Path) -> None:
    """PEM with text around, DER, a .p7b with certificates and lists: each paper once."""
    one = office()
    crl = revocation_list(one.root)
    folder_with(
        tmp_path,
        a__pem=b"subject=/CN=Test Root\n" + pem(one.root.certificate) + pem(crl, "X509 CRL"),
        b__cer=one.root.certificate,
        c__p7b=signed_data(certificates=(one.authority.certificate,), crls=(crl,)),
    )
    store = TrustStore.load([tmp_path])
    assert (len(store.anchors), len(store.intermediates), len(store.crls)) == (1, 1, 1)


def test_notes_and_hidden_files_are_passed_over(tmp_path: Path) -> None:
    """A README or a note beside the certificates is no mistake."""
    folder_with(tmp_path, README=b"read me", note__md=b"# trust", root__crt=office().root.certificate)
    (tmp_path / ".swp").write_bytes(b"x")
    assert len(TrustStore.load([tmp_path]).anchors) == 1


def test_a_folder_that_does_not_exist_names_the_remedy(tmp_path: Path) -> None:
    """The operator is told what to create or correct."""
    with pytest.raises(OfficeError) as caught:
        TrustStore.load([tmp_path / "missing"])
    assert "intake trust add" in caught.value.remedy


def test_a_file_that_is_no_paper_is_refused_by_name(tmp_path: Path) -> None:
    """A picture in the trust folder is a mistake that must be seen."""
    folder_with(tmp_path, photo__jpg=b"\xff\xd8\xff\xe0")
    with pytest.raises(OfficeError, match=r"photo\.jpg"):
        TrustStore.load([tmp_path])


def test_private_keys_are_not_taken_for_papers(tmp_path: Path) -> None:
    """A key that was dropped in by mistake is refused, not loaded."""
    folder_with(tmp_path, key__pem=pem(b"\x30\x03\x02\x01\x01", "PRIVATE KEY"))
    with pytest.raises(OfficeError):
        TrustStore.load([tmp_path])


@pytest.mark.parametrize(
    ("sha256", "name"), [(G2_ROOT, "RootCA chuyên dùng Chính phủ G2"), (NATIONAL_ROOT, "Vietnam National Root CA")]
)
def test_published_roots_are_recognised_by_fingerprint(sha256: str, name: str) -> None:
    """Colons and capitals do not matter; the name and its sources are told."""
    colons = ":".join(sha256[at : at + 2] for at in range(0, 64, 2)).upper()
    known = trust.known_anchor(colons)
    assert known is not None
    assert name in known.name
    assert known.kind == "root"


def test_every_published_fingerprint_is_one() -> None:
    """The table holds six authorities, each with a SHA-256 in lower case."""
    table = trust.published_authorities()
    assert len(table) == 6
    assert all(len(sha256) == 64 and sha256 == sha256.lower() for sha256 in table)


def test_an_unpublished_root_is_described_as_such(tmp_path: Path) -> None:
    """The demonstration's root is nobody's that was published."""
    (tmp_path / "r.crt").write_bytes(office().root.certificate)
    paper = trust.describe(tmp_path / "r.crt")[0]
    assert paper.known is None
    assert paper.kind == "anchor"
    assert paper.self_signature_holds is True
    assert "Test Root" in paper.name


def test_adding_places_a_readable_copy_and_twice_is_once(tmp_path: Path) -> None:
    """`intake trust add` may be repeated; the folder then loads."""
    (tmp_path / "r.pem").write_bytes(pem(office().root.certificate))
    target = tmp_path / "trust"
    first = trust.add(tmp_path / "r.pem", target)
    second = trust.add(tmp_path / "r.pem", target)
    assert first == second
    assert [path.name for path in target.iterdir()] == [first[0].path.name]
    assert TrustStore.load([target]).anchors == (office().root.certificate,)


def codes(tmp_path: Path, at_days: int = 0) -> set[str]:
    return {one.code for one in trust.check([tmp_path], NOW + timedelta(days=at_days))}


def test_a_complete_folder_has_no_problems(tmp_path: Path) -> None:
    """Root, authority and a current list of each: nothing to mend."""
    one = office()
    folder_with(
        tmp_path,
        root__crt=one.root.certificate,
        ca__crt=one.authority.certificate,
        root__crl=revocation_list(one.root),
        ca__crl=revocation_list(one.authority),
    )
    assert trust.check([tmp_path], NOW) == ()


def test_an_empty_folder_trusts_nobody(tmp_path: Path) -> None:
    """The operator is told that no signature can be trusted."""
    assert codes(tmp_path) == {"TRUST_NO_ANCHOR"}


def test_missing_and_outdated_lists_are_told(tmp_path: Path) -> None:
    """Without a current list every judgement would wait."""
    one = office()
    soon = NOW + timedelta(days=1)
    folder_with(
        tmp_path,
        root__crt=one.root.certificate,
        ca__crt=one.authority.certificate,
        ca__crl=revocation_list(one.authority, next_update=soon),
    )
    assert codes(tmp_path) == {"TRUST_CRL_MISSING"}
    assert codes(tmp_path, at_days=3) == {"TRUST_CRL_MISSING", "TRUST_CRL_OUTDATED"}


def test_expired_certificates_and_missing_issuers_are_told(tmp_path: Path) -> None:
    """An authority without its root, and one that has ended."""
    folder_with(tmp_path, ca__crt=office().authority.certificate)
    found = codes(tmp_path, at_days=365 * 12)
    assert {"TRUST_NO_ANCHOR", "TRUST_ISSUER_MISSING", "TRUST_CERTIFICATE_EXPIRED"} <= found


def test_a_list_of_an_authority_nobody_knows_is_told(tmp_path: Path) -> None:
    """A list that no certificate here signed helps nobody."""
    folder_with(tmp_path, root__crt=office().root.certificate, x__crl=revocation_list(office().minh))
    assert "TRUST_CRL_UNSIGNED" in codes(tmp_path)


@pytest.mark.corpus
def test_the_real_government_root_is_recognised_when_added(corpus: Path, tmp_path: Path) -> None:
    """The operator's path with the certificates that the authorities publish."""
    source = corpus.parent / "trust"
    if not source.is_dir():
        pytest.skip("the public CA certificates are not beside the corpus")
    known = {}
    for path in sorted(source.glob("*.crt")):
        for paper in trust.add(path, tmp_path):
            known[paper.sha256] = paper.known
    assert known[G2_ROOT] is not None
    assert known[NATIONAL_ROOT] is not None
    assert len(TrustStore.load([tmp_path]).anchors) == 2


def test_an_answer_in_the_folder_serves_the_judgement(tmp_path: Path) -> None:
    """Exported evidence holds OCSP answers beside certificates and lists; all of them are read."""
    one = office()
    answer = ocsp_answer(one.authority, one.lan, one.authority, next_update=NOW + timedelta(days=1))
    folder_with(tmp_path, root__crt=one.root.certificate, ca__crt=one.authority.certificate, a__ocsp=answer)
    (tmp_path / "root.crl").write_bytes(revocation_list(one.root))
    store = TrustStore.load([tmp_path])
    judged = judge_chain(one.lan.certificate, (), Question(at=NOW, at_is_proof=True, trust=store))
    assert judged.revocation is Revocation.GOOD
    assert "ocsp" in {kind for kind, _ in judged.evidence}


def test_an_old_list_beside_its_successor_is_no_problem(tmp_path: Path) -> None:
    """A fetched list does not remove what an operator put there, and nobody is warned of it."""
    one = office()
    old = revocation_list(one.root, this_update=NOW - timedelta(days=40), next_update=NOW - timedelta(days=10))
    new = revocation_list(one.root, this_update=NOW - timedelta(days=1), next_update=NOW + timedelta(days=10))
    folder_with(tmp_path, root__crt=one.root.certificate, old__crl=old)
    assert [problem.code for problem in trust.check([tmp_path], NOW)] == ["TRUST_CRL_OUTDATED"]
    folder_with(tmp_path, new__crl=new)
    assert trust.check([tmp_path], NOW) == ()
