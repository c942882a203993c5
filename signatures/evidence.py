"""The papers a judgement rests on: certificates, revocation lists, revocation answers and time stamps, as bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from signatures import asn1
from signatures.cms_reader import Attribute, SignedData

# How many papers of each kind a signature may bring along in attributes; real ones bring one to ten.
MAX_EMBEDDED = 200

CERTIFICATE_VALUES = "1.2.840.113549.1.9.16.2.23"
REVOCATION_VALUES = "1.2.840.113549.1.9.16.2.24"
ADOBE_REVOCATION = "1.2.840.113583.1.1.8"


@dataclass(frozen=True, slots=True)
class Material:
    """
    What lies beside a signature and may help to judge it (DER): found in the file, never trusted for being there.

    `crls` are CertificateList, `ocsps` are OCSPResponse or BasicOCSPResponse structures, as they stand in a PDF's
    DSS dictionary, in the unsigned attributes of a CAdES signature or in an Office package.
    """

    certificates: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()

    def plus(self, other: Material) -> Material:
        """Return both together, each paper once, in the order found."""
        return Material(
            tuple(dict.fromkeys(self.certificates + other.certificates)),
            tuple(dict.fromkeys(self.crls + other.crls)),
            tuple(dict.fromkeys(self.ocsps + other.ocsps)),
        )


def papers_of(signed: SignedData) -> Material:
    """Return the papers that a SignedData brings along in its own fields."""
    return Material(signed.certificates, signed.crls, signed.ocsps)


def papers_in(attributes: Iterable[Attribute]) -> Material:
    """
    Return the papers in the attributes made for them; what cannot be read is left out.

    Source: ETSI EN 319 122-1, 5.4.1 and 5.4.2 (certificate and revocation values); ISO 32000-1, 12.8.3.3.2 (Adobe's
    revocation information).
    """
    found: dict[str, list[bytes]] = {"certificates": [], "crls": [], "ocsps": []}
    for attribute in attributes:
        try:
            for value in attribute.values:
                if attribute.kind == CERTIFICATE_VALUES:
                    found["certificates"] += [one.raw for one in value.children() if one.tag == asn1.SEQUENCE]
                elif attribute.kind in (REVOCATION_VALUES, ADOBE_REVOCATION):
                    for part in value.children():
                        kind = {0xA0: "crls", 0xA1: "ocsps"}.get(part.tag)
                        if kind is not None:
                            found[kind] += [one.raw for one in part.first().children()]
        except asn1.Asn1Error:
            continue
    return Material(
        tuple(found["certificates"][:MAX_EMBEDDED]),
        tuple(found["crls"][:MAX_EMBEDDED]),
        tuple(found["ocsps"][:MAX_EMBEDDED]),
    )
