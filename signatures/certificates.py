"""Whom a certificate names, in words an office can show: personal ID numbers masked, letters composed."""

from __future__ import annotations

from signatures.report import Signer


def signer_of(certificate: bytes) -> Signer:
    """
    Return whom the DER `certificate` names; a certificate that cannot be read gives a Signer with only its digest.

    Values are NFC; personal ID numbers (UID=CMND:…, CCCD:…, and the serialNumber attribute of persons) are masked to
    their last three digits, because the console, the logs and the letters must not spread them (domain: public CAs).
    Where a name part occurs several times the most specific one is told, except OU, of which all are.
    """
    raise NotImplementedError
