"""What xmlsec1 says of the same signatures: two programs that share no code must agree on the cryptography."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from intake.demo.ooxml_signing import read_package
from intake.demo.xml_signing import sign_enveloped
from signatures.report import Verdict
from tests.assets.make_xml import ATTACKS, LAWFUL, MOVED, over_element
from tests.makers_ooxml import NOW, a_signer, packed, word_parts, xml_integrity
from tests.makers_ooxml import signed as signed_office

XMLSEC = shutil.which("xmlsec1")
pytestmark = pytest.mark.skipif(XMLSEC is None, reason="xmlsec1 is not installed (Debian: apt-get install xmlsec1)")

# Attacks that xmlsec1 has no reason to refuse: they are about what is read, whose the key is, or what policy allows.
OUR_OWN_RULES = {
    "instruction-beside-the-signed-element",
    "prefix-bound-outside-what-is-signed",
    "properties-referenced-twice",
    "style-sheet-beside-the-signed-element",
    "text-inside-the-signature",
    "two-holders-of-one-key-unbound",
    "wrapped-in-property-of-no-standard",
    "xml-of-version-1.1", "encoding-that-few-know",
    "wrapped-in-key-info-of-whole-document",
    "wrapped-in-object-of-whole-document",
    "wrapped-in-unsigned-properties-of-whole-document",
    "wrapped-signed-element-moved", "wrapped-attribute-of-ancestor", "text-beside-the-signed-element",
    "wrapped-in-the-signature", "enveloping-second-object", "comment-splits-text", "doctype", "transform-twice",
    "properties-not-referenced", "properties-referenced-without-type", "properties-of-another-signature",
    "key-value-only", "certificate-exchanged", "certificate-exchanged-unbound", "id-twice",
    "id-twice-in-another-spelling", "manifest-entry-changed", "nested-deep", "reference-by-xpointer", "transform-xpath",
}  # fmt: skip


def opinion(text: str, folder: Path, *, manifests: bool = True) -> bool:
    """Whether xmlsec1 finds the first signature to hold under the maker's key."""
    certificate, _ = a_signer()
    (folder / "c.der").write_bytes(certificate)
    (folder / "d.xml").write_text(text, encoding="utf-8")
    elements = ("SignedProperties", "phieu", "Object", "Manifest", "Signature")
    arguments = [argument for element in elements for argument in ("--id-attr:Id", element)]
    command = [str(XMLSEC), "--verify", "--pubkey-cert-der", str(folder / "c.der"), *arguments]
    command += [] if manifests else ["--ignore-manifests"]
    done = subprocess.run([*command, str(folder / "d.xml")], capture_output=True, timeout=30, check=False)
    return done.returncode == 0


@pytest.mark.parametrize(
    "name", ["enveloped", "enveloped-without-properties", "enveloped-with-time-stamp", "enveloping"]
)
def test_what_passes_here_holds_there(tmp_path: Path, name: str) -> None:
    """Lawful signatures hold for both."""
    text = LAWFUL[name][0]()
    assert xml_integrity(text).verdict is Verdict.PASSED
    assert opinion(text, tmp_path)


@pytest.mark.parametrize("name", sorted(set(ATTACKS) - OUR_OWN_RULES))
def test_what_breaks_the_cryptography_here_breaks_it_there(tmp_path: Path, name: str) -> None:
    """Nothing that xmlsec1 refuses passes here; what it accepts is refused by rules of our own, which are listed."""
    if name.startswith(("package", "thousands")):
        pytest.skip("a rule of the packages, or of cost")
    assert not opinion(ATTACKS[name][0](), tmp_path)


def test_our_own_rules_go_beyond_cryptography(tmp_path: Path) -> None:
    """The wrapped element's signature is sound mathematics; only the cover rule keeps it from passing."""
    text = ATTACKS["wrapped-signed-element-moved"][0]()
    assert opinion(text, tmp_path)
    assert xml_integrity(text).verdict is Verdict.INDETERMINATE


def test_the_deep_element_is_canonicalised_as_xmlsec1_does(tmp_path: Path) -> None:
    """The rule about re-rooted copies gives libxmlsec's octets."""
    deep = over_element(f"<goi><a><b>{MOVED}</b></a>{{}}</goi>")
    assert opinion(deep, tmp_path)


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
def test_each_digest_agrees(tmp_path: Path, digest: str) -> None:
    """RSA with every digest of the signing tools."""
    certificate, key = a_signer()
    text = sign_enveloped("<phieu>x</phieu>", key, [certificate], at=NOW, digest=digest)
    assert opinion(text, tmp_path)
    assert not opinion(text.replace(">x<", ">y<"), tmp_path)


def test_the_signed_info_of_an_office_file_agrees(tmp_path: Path) -> None:
    """xmlsec1 cannot check the package's parts, but what it can check it confirms."""
    part = read_package(packed(signed_office(word_parts())))["_xmlsignatures/sig1.xml"].decode()
    assert opinion(part, tmp_path, manifests=False)
    assert not opinion(part.replace("/word/styles.xml?", "/word/stylez.xml?"), tmp_path, manifests=False)
