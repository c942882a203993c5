"""One signer of a CMS message: attributes, digest, certificate and signature value, before any question of trust."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from signatures import algorithms, asn1
from signatures.certificates import Certificate, comparable_name, same_name, signed_by
from signatures.cms_reader import Attribute, SignedData, SignerInfo, attributes
from signatures.ocsp import key_bits
from signatures.tally import Tally

CONTENT_TYPE = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
SIGNING_TIME = "1.2.840.113549.1.9.5"
ALGORITHM_PROTECTION = "1.2.840.113549.1.9.52"
ESS_CERTIFICATE = "1.2.840.113549.1.9.16.2.12"
ESS_CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.47"

# Digests whose collisions can be made; what they cover may have a twin.
BROKEN_DIGESTS = frozenset({"md2", "md4", "md5", "sha1"})


class Content:
    """
    The content that a signature is over: outside the message, inside it, or a value of the parent signature.

    `outside` gives digests by name; `whole` the bytes themselves where they are at hand (schemes such as Ed25519
    without signed attributes need them).
    """

    def __init__(
        self,
        *,
        inside: bytes | None = None,
        outside: Callable[[str], bytes] | None = None,
        whole: bytes | None = None,
    ) -> None:
        self.inside = inside
        self._outside = outside
        self.whole = inside if inside is not None else whole

    @property
    def missing(self) -> bool:
        """Whether there is no content at hand at all."""
        return self.inside is None and self._outside is None

    def digest(self, name: str) -> bytes:
        """Return the digest `name` of the content; Unsupported if it cannot be computed."""
        if self.inside is not None:
            return algorithms.digest(name, self.inside)
        return self.outside_digest(name) or b""

    def outside_digest(self, name: str) -> bytes | None:
        """Return the digest `name` of the content outside the message, None if there is none."""
        if self._outside is None:
            return None
        algorithms.new_hash(name)
        return self._outside(name)


@dataclass(frozen=True, slots=True)
class SignerCheck:
    """What the cryptography of one signer shows; reasons and verdict are in the tally that was handed in."""

    intact: bool | None
    certificate: Certificate | None
    digest_algorithm: str | None
    signature_algorithm: str | None
    claimed_at: datetime | None
    bound: bool


def examine(
    signed: SignedData,
    signer: SignerInfo,
    content: Content,
    candidates: Sequence[Certificate],
    tally: Tally,
    *,
    content_type: str | None,
    weak_is_remark: bool,
    strict: bool = False,
) -> SignerCheck:
    """
    Check one SignerInfo against the content; what is wrong goes to `tally`.

    `content_type` is what the content-type attribute must say, None for a counter-signature, which has none. `bound`
    tells that an ESS attribute ties the signature to the signing certificate. `strict` doubts what stands unsigned in
    the message and contradicts what is signed, where other verifiers refuse it: a digest that was not announced, a
    signer named otherwise than by the bound certificate. Writers of PDFs are known to be careless there.

    1. the digest algorithm, 2. the signed attributes, 3. the content against the message digest, 4. the signing
    certificate, 5. the signature value. Source: RFC 5652, 5.3 to 5.6 and 11; RFC 5035; RFC 6211.
    """
    # 1. The digest algorithm.
    digest_name = None
    try:
        digest_name = algorithms.digest_name(algorithms.algorithm(signer.digest_algorithm)[0])
        algorithms.new_hash(digest_name)
    except algorithms.Unsupported as cause:
        tally.cannot("ALGORITHM_UNSUPPORTED", str(cause))
    except asn1.Asn1Error as cause:
        tally.fail("FORMAT_FAILURE", "CMS_MALFORMED", str(cause))
    if digest_name in BROKEN_DIGESTS:
        _weak(tally, digest_name, weak_is_remark)
    if not signed.digest_algorithms:
        # RFC 5652, 5.1: a validator may refuse a digest that was not announced; an empty list announces nothing.
        tally.doubt("SIG_CONSTRAINTS_FAILURE", "DIGEST_NOT_ANNOUNCED", "the list of digest algorithms is empty")
    elif strict and digest_name is not None and digest_name not in _announced(signed):
        tally.doubt("SIG_CONSTRAINTS_FAILURE", "DIGEST_NOT_ANNOUNCED", digest_name)

    # 2. The signed attributes.
    try:
        attrs = _Attributes(signer, tally, content_type)
    except asn1.Asn1Error as cause:
        tally.fail("FORMAT_FAILURE", "CMS_MALFORMED", f"the signed attributes cannot be read: {cause}")
        return SignerCheck(False, None, digest_name, None, None, False)

    # 3. The content.
    content_holds = _content_holds(content, attrs, digest_name, tally)

    # 4. The signing certificate.
    choice = _Choice(signer, attrs, candidates, tally, strict=strict)

    # 5. The signature value.
    scheme, signature_holds = None, None
    try:
        scheme = algorithms.scheme_of(signer.signature_algorithm, digest_name)
        if scheme.digest in BROKEN_DIGESTS and scheme.digest != digest_name:
            _weak(tally, scheme.digest, weak_is_remark)
        if choice.certificates:
            signature_holds = choice.verify(scheme, attrs, content)
    except algorithms.Disagreement as cause:
        tally.fail("SIG_CRYPTO_FAILURE", "ALGORITHMS_DISAGREE", str(cause))
        signature_holds = False
    except algorithms.Unsupported as cause:
        tally.cannot("ALGORITHM_UNSUPPORTED", str(cause))
    except asn1.Asn1Error as cause:
        tally.fail("FORMAT_FAILURE", "CMS_MALFORMED", str(cause))
        signature_holds = False
    if signature_holds is False and choice.compared:
        tally.fail("SIG_CRYPTO_FAILURE", "SIGNATURE_BROKEN")
    if signature_holds and strict and not choice.bound:
        choice.compare_holders(signed)
    facts = (content_holds, signature_holds, not attrs.broken)
    intact = False if False in facts else None if None in facts else True
    return SignerCheck(
        intact,
        choice.certificate,
        digest_name,
        None if scheme is None else scheme.name,
        attrs.claimed_at,
        choice.bound,
    )


def _announced(signed: SignedData) -> set[str]:
    """Return the names of the digests announced at the message's head (RFC 5652, 5.1); unknown ones are left out."""
    found = set()
    for one in signed.digest_algorithms:
        with suppress(asn1.Asn1Error, algorithms.Unsupported):
            found.add(algorithms.digest_name(algorithms.algorithm(one)[0]))
    return found


def _weak(tally: Tally, name: str, weak_is_remark: bool) -> None:
    if weak_is_remark:
        tally.remark("WEAK_DIGEST", name)
    else:
        tally.doubt("CRYPTO_CONSTRAINTS_FAILURE_NO_POE", "WEAK_DIGEST", name)


def _content_holds(content: Content, attrs: _Attributes, digest_name: str | None, tally: Tally) -> bool | None:
    if content.missing:
        tally.doubt("SIGNED_DATA_NOT_FOUND", "SIGNED_DATA_NOT_FOUND")
        return None
    if digest_name is None:
        return None
    try:
        if content.inside is not None:
            outside = content.outside_digest(digest_name)
            if outside is not None and outside != algorithms.digest(digest_name, content.inside):
                tally.fail("HASH_FAILURE", "CONTENT_INSIDE_DIFFERS")
                return False
        if not attrs.present:
            # The signature value itself is over the content; step 5 decides.
            if content.whole is not None and _are_attributes(content.whole):
                tally.fail("FORMAT_FAILURE", "CONTENT_IS_ATTRIBUTES")
                return False
            return True
        if attrs.message_digest is None:
            return False
        if attrs.message_digest != content.digest(digest_name):
            tally.fail("HASH_FAILURE", "CONTENT_CHANGED")
            return False
    except algorithms.Unsupported as cause:
        tally.cannot("ALGORITHM_UNSUPPORTED", str(cause))
        return None
    return True


def _are_attributes(content: bytes) -> bool:
    """
    Whether the content is a row of signed attributes: then the value was made for another message, which had them.

    Source: RFC 8933, 4 and Strenzke, "CMS signed attributes": without a mark of its own the value over attributes
    is also one over content that consists of them.
    """
    try:
        parts = asn1.only(content).expect(asn1.SET).parts(1, 200)
        kinds = {part.expect(asn1.SEQUENCE).first().oid() for part in parts}
    except asn1.Asn1Error:
        return False
    return MESSAGE_DIGEST in kinds or CONTENT_TYPE in kinds


class _Attributes:
    """The signed attributes held against their rules (RFC 5652, 5.3 and 11)."""

    def __init__(self, signer: SignerInfo, tally: Tally, content_type: str | None) -> None:
        self._signer = signer
        self._tally = tally
        self.present = signer.signed_attributes is not None
        self.message_digest: bytes | None = None
        self.claimed_at: datetime | None = None
        self.broken = False
        self.forms: tuple[bytes, ...] = ()
        found = attributes(signer.signed_attributes)
        self._check_unsigned()
        self._by_kind: dict[str, list[Attribute]] = {}
        for one in found:
            self._by_kind.setdefault(one.kind, []).append(one)
        if signer.signed_attributes is None:
            if content_type not in (None, "1.2.840.113549.1.7.1"):
                self._break("ATTRIBUTES_MISSING", "content other than plain data needs signed attributes")
            return
        self.forms = _forms(signer.signed_attributes)
        if len(self.forms) > 1:
            tally.remark("ATTRIBUTES_NOT_DER")
        self._check_content_type(content_type)
        digest = self._single(MESSAGE_DIGEST, required=True)
        if digest is not None:
            self.message_digest = digest.octets()
        moment = self._single(SIGNING_TIME, required=False)
        if moment is not None:
            try:
                self.claimed_at = moment.time()
            except asn1.Asn1Error:
                self._break("ATTRIBUTE_INVALID", "the signing time cannot be read")
        self._check_protection()

    def _break(self, code: str, detail: str) -> None:
        self.broken = True
        self._tally.fail("FORMAT_FAILURE", code, detail)

    def _single(self, kind: str, *, required: bool) -> asn1.Element | None:
        """Return the one value of the one attribute of this kind; everything else about it is a failure."""
        found = self._by_kind.get(kind, [])
        name = _NAMES.get(kind, kind)
        if not found:
            if required:
                self._break("ATTRIBUTE_MISSING", name)
            return None
        if len(found) > 1 or len(found[0].values) != 1:
            self._break("ATTRIBUTE_TWICE" if len(found) > 1 or found[0].values else "ATTRIBUTE_INVALID", name)
            return None
        return found[0].values[0]

    def _check_unsigned(self) -> None:
        """Refuse attributes on the wrong side: what must be signed and is not could be anybody's (RFC 5652, 11)."""
        try:
            unsigned = attributes(self._signer.unsigned_attributes)
        except asn1.Asn1Error:
            # Unreadable unsigned attributes cost only what they would have said; the caller remarks on them.
            return
        for one in unsigned:
            if one.kind in (CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME):
                self._break("ATTRIBUTE_INVALID", f"{_NAMES[one.kind]} among the unsigned attributes")

    def _check_content_type(self, content_type: str | None) -> None:
        if content_type is None:
            if CONTENT_TYPE in self._by_kind:
                # RFC 5652, 11.4: a counter-signature must not have one; it would be a signature taken from elsewhere.
                self._break("ATTRIBUTE_INVALID", "a counter-signature with a content type")
            return
        value = self._single(CONTENT_TYPE, required=True)
        if value is not None and value.oid() != content_type:
            self._break("CONTENT_TYPE_DIFFERS", f"{value.oid()} signed, {content_type} sent")

    def _check_protection(self) -> None:
        """Compare the algorithms that the signer protected with those used (RFC 6211)."""
        value = self._single(ALGORITHM_PROTECTION, required=False)
        if value is None:
            return
        digest, *rest = value.expect(asn1.SEQUENCE).parts(1)
        signature = next((part for part in rest if part.tag == 0xA1), None)
        if not _same_algorithm(digest, self._signer.digest_algorithm) or (
            signature is None or not _same_algorithm(signature, self._signer.signature_algorithm)
        ):
            self._break("ALGORITHM_PROTECTION_DIFFERS", "other algorithms were signed than are named")

    def certificate_digests(self) -> list[EssDigest]:
        """Return what the ESS attributes say of the signing certificate, the first entry of each (RFC 5035, 5.4)."""
        found = []
        for kind, default in ((ESS_CERTIFICATE, "sha1"), (ESS_CERTIFICATE_V2, "sha256")):
            value = self._single(kind, required=False)
            if value is not None:
                found.append(_ess_digest(value, default))
        return found


_NAMES = {
    CONTENT_TYPE: "content type",
    MESSAGE_DIGEST: "message digest",
    SIGNING_TIME: "signing time",
    ALGORITHM_PROTECTION: "algorithm protection",
    ESS_CERTIFICATE: "signing certificate",
    ESS_CERTIFICATE_V2: "signing certificate v2",
}


def _forms(element: asn1.Element) -> tuple[bytes, ...]:
    """
    Return the encodings over which the signer may have computed: as sent, then in DER, in the order sent and sorted.

    RFC 5652, 5.4 says DER under the tag SET OF; signers exist that sign what they send, unsorted or in BER. The parts
    are the same in each, so whichever verifies says the same thing.
    """
    sent = b"\x31" + element.raw[1:]
    kept = asn1.tlv(asn1.SET, b"".join(asn1.to_der(child, sort=False) for child in element.children()))
    ordered = asn1.tlv(asn1.SET, b"".join(sorted(asn1.to_der(child) for child in element.children())))
    return tuple(dict.fromkeys((sent, kept, ordered)))


def _same_algorithm(first: asn1.Element, second: asn1.Element) -> bool:
    """Whether two AlgorithmIdentifiers mean the same; absent parameters and NULL are one (RFC 5754, 2)."""

    def meaning(element: asn1.Element) -> tuple[str, bytes]:
        parts = element.parts(1, 2)
        parameters = b"" if len(parts) < 2 or parts[1].tag == asn1.NULL else asn1.to_der(parts[1])
        return parts[0].oid(), parameters

    return meaning(first) == meaning(second)


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


class _Choice:
    """Which of the certificates at hand is the signer's: named by the message, bound by the ESS attribute."""

    def __init__(
        self,
        signer: SignerInfo,
        attrs: _Attributes,
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
            digests = attrs.certificate_digests()
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

    def verify(self, scheme: algorithms.Scheme, attrs: _Attributes, content: Content) -> bool | None:
        """Whether the value fits one of the chosen certificates' keys; the one it fits becomes the signer."""
        if not attrs.present and content.missing:
            return None
        fits = self._any_fits(self.certificates, scheme, attrs, content)
        if fits is False and self._otherwise:
            # The identifier was right and the digest is of another certificate.
            self._tally.doubt("NO_SIGNING_CERTIFICATE_FOUND", "CERTIFICATE_BINDING_DIFFERS")
            self.bound, self.certificate = False, self._otherwise[0]
            fits = self._any_fits(self._otherwise, scheme, attrs, content)
        return fits

    def _any_fits(
        self, certificates: list[Certificate], scheme: algorithms.Scheme, attrs: _Attributes, content: Content
    ) -> bool | None:
        unsupported: algorithms.Unsupported | None = None
        for certificate in certificates:
            try:
                if self._fits_key(certificate, scheme, attrs, content):
                    self.certificate, self.compared = certificate, True
                    return True
                self.compared = True
            except algorithms.Unsupported as cause:
                unsupported = cause
        if unsupported is not None and not self.compared:
            raise unsupported
        return False if self.compared else None

    def _fits_key(
        self, certificate: Certificate, scheme: algorithms.Scheme, attrs: _Attributes, content: Content
    ) -> bool:
        value = self._signer.signature
        key = _complete_key(certificate, self._candidates) if scheme.kind == "dsa" else certificate.spki
        if attrs.present:
            return any(algorithms.verify(key, scheme, value, form) is algorithms.Outcome.HOLDS for form in attrs.forms)
        if content.whole is not None:
            return algorithms.verify(key, scheme, value, content.whole) is algorithms.Outcome.HOLDS
        computed = b"" if scheme.whole_message else content.digest(scheme.digest)
        return algorithms.verify(key, scheme, value, None, computed) is algorithms.Outcome.HOLDS


def _complete_key(certificate: Certificate, candidates: Sequence[Certificate], depth: int = 4) -> bytes:
    """Return the key with the DSA parameters it inherits from the issuer, if one at hand really signed it."""
    for issuer in candidates:
        if depth > 0 and issuer != certificate and same_name(issuer.subject, certificate.issuer):
            complete = _complete_key(issuer, candidates, depth - 1)
            if signed_by(certificate, complete):
                return algorithms.with_dsa_parameters(certificate.spki, complete)
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
