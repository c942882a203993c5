"""The papers a judgement rests on: certificates, revocation lists, revocation answers and time stamps, as bytes."""

from __future__ import annotations

from dataclasses import dataclass


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
