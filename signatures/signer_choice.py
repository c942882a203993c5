"""Which certificate is the signer's: the one that the message names and the signer bound, not any that lies there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from signatures import algorithms, asn1, keys
from signatures.certificates import Certificate, comparable_name, same_name, signed_by
from signatures.cms_reader import SignedData, SignerInfo
from signatures.ocsp import key_bits
from signatures.tally import Tally


@dataclass(frozen=True, slots=True)
class EssDigest:
    """The digest of the signing certificate that the signer signed, and the issuer and serial beside it."""

    algorithm: str
    digest: bytes
    issuer: bytes | None
    serial: int | None


def _ess_digest(value: asn1.Element, default: str) -> EssDigest:
    entry = value.expect(asn1.SEQUENCE).first().first().expect(asn1.SEQUENCE)
    parts = entry.parts()
    used = default
    if parts and parts[0].tag == asn1.SEQUENCE and default == "sha256":
        used = algorithms.digest_name(algorithms.algorithm(parts.pop(0))[0])
    if not parts:
        raise asn1.Asn1Error("a signing-certificate attribute without a digest")
    issuer, serial = None, None
    if len(parts) > 1:
        names, number = parts[1].parts(2, 2)
        directory = [name for name in names.children() if name.tag == 0xA4]
        issuer = directory[0].first().raw if directory else None
        serial = number.integer()
    return EssDigest(used, parts[0].octets(), issuer, serial)


class Choice:
    """Which of the certificates at hand is the signer's: named by the message, bound by the ESS attribute."""

    def __init__(
        self,
        signer: SignerInfo,
        ess_values: Sequence[tuple[str, asn1.Element]],
        candidates: Sequence[Certificate],
        tally: Tally,
        *,
        strict: bool,
    ) -> None:
        self._candidates = candidates
        self._strict = strict
        self._tally = tally
        self._otherwise: list[Certificate] = []
        self.certificate: Certificate | None = None
        self.bound = False
        self.compared = False
        self._signer = signer
        named = [one for one in candidates if _is_named(signer, one)]
        digests: list[EssDigest] = []
        try:
            digests = [_ess_digest(value, default) for default, value in ess_values]
        except asn1.Asn1Error:
            tally.doubt("NO_SIGNING_CERTIFICATE_FOUND", "CERTIFICATE_BINDING_UNREADABLE")
        except algorithms.Unsupported as cause:
            tally.cannot("ALGORITHM_UNSUPPORTED", str(cause))
        self.certificates = named
        if digests:
            matching = [one for one in candidates if all(_fits(digest, one) for digest in digests)]
            if matching:
                self.bound = True
                self.certificates = [one for one in matching if one in named]
                if not self.certificates:
                    # The digest, which is signed, names another than the identifier, which is not.
                    self.certificates, self._otherwise = matching, named
                self._compare_names(digests, tally)
            elif candidates:
                # The signer signed the digest of another certificate than the one beside the signature.
                tally.doubt("NO_SIGNING_CERTIFICATE_FOUND", "CERTIFICATE_BINDING_DIFFERS")
        if not self.certificates and not (digests and candidates):
            tally.doubt("NO_SIGNING_CERTIFICATE_FOUND", "SIGNING_CERTIFICATE_MISSING")
        if self.certificates:
            self.certificate = self.certificates[0]

    def _compare_names(self, digests: list[EssDigest], tally: Tally) -> None:
        chosen = self.certificates[0]
        for digest in digests:
            wrong_serial = digest.serial is not None and digest.serial != chosen.serial
            wrong_issuer = digest.issuer is not None and not same_name(digest.issuer, chosen.issuer)
            if wrong_serial or wrong_issuer:
                tally.remark("CERTIFICATE_BINDING_NAME_DIFFERS")
        if not _is_named(self._signer, chosen):
            if self._strict:
                tally.doubt("NO_SIGNING_CERTIFICATE_FOUND", "SIGNER_NAMED_OTHERWISE")
            else:
                tally.remark("SIGNER_NAMED_OTHERWISE")

    def compare_holders(self, signed: SignedData) -> None:
        """Doubt who signed if the message brings a certificate of somebody else for the same key, and binds none."""
        chosen = self.certificate
        if chosen is None:
            return
        brought = set(signed.certificates)
        for one in self._candidates:
            if one.der in brought and one.spki == chosen.spki and not same_name(one.subject, chosen.subject):
                self._tally.doubt("NO_SIGNING_CERTIFICATE_FOUND", "SIGNER_NAMED_OTHERWISE", "two holders of one key")
                return

    def verify(self, fits: Callable[[bytes], bool], *, inherited_keys: bool) -> bool | None:
        """
        Whether the value fits one of the chosen certificates' keys; the one it fits becomes the signer.

        `fits` says it of a SubjectPublicKeyInfo; `inherited_keys` completes DSA keys from their issuers first. None if
        there was no key to compare with. Raises what `fits` raises if that is so for every key.
        """
        found = self._any_fits(self.certificates, fits, inherited_keys)
        if found is False and self._otherwise:
            # The identifier was right and the digest is of another certificate.
            self._tally.doubt("NO_SIGNING_CERTIFICATE_FOUND", "CERTIFICATE_BINDING_DIFFERS")
            self.bound, self.certificate = False, self._otherwise[0]
            found = self._any_fits(self._otherwise, fits, inherited_keys)
        return found

    def _any_fits(
        self, certificates: list[Certificate], fits: Callable[[bytes], bool], inherited_keys: bool
    ) -> bool | None:
        unsupported: algorithms.Unsupported | None = None
        for certificate in certificates:
            try:
                key = _complete_key(certificate, self._candidates) if inherited_keys else certificate.spki
                if fits(key):
                    self.certificate, self.compared = certificate, True
                    return True
                self.compared = True
            except algorithms.Unsupported as cause:
                unsupported = cause
        if unsupported is not None and not self.compared:
            raise unsupported
        return False if self.compared else None


def _complete_key(certificate: Certificate, candidates: Sequence[Certificate], depth: int = 4) -> bytes:
    """Return the key with the DSA parameters it inherits from the issuer, if one at hand really signed it."""
    for issuer in candidates:
        if depth > 0 and issuer != certificate and same_name(issuer.subject, certificate.issuer):
            complete = _complete_key(issuer, candidates, depth - 1)
            if signed_by(certificate, complete):
                return keys.with_dsa_parameters(certificate.spki, complete)
    return certificate.spki


def _is_named(signer: SignerInfo, certificate: Certificate) -> bool:
    if signer.key_identifier is not None:
        if certificate.key_identifier is not None:
            return certificate.key_identifier == signer.key_identifier
        return algorithms.digest("sha1", key_bits(certificate.spki)) == signer.key_identifier
    return (
        signer.issuer is not None
        and certificate.serial == signer.serial
        and comparable_name(certificate.issuer) == comparable_name(signer.issuer)
    )


def _fits(digest: EssDigest, certificate: Certificate) -> bool:
    try:
        return algorithms.digest(digest.algorithm, certificate.der) == digest.digest
    except algorithms.Unsupported:
        return False
