"""One signer of a CMS message: attributes, digest, certificate and signature value, before any question of trust."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from signatures import algorithms, asn1, signature_value
from signatures.certificates import Certificate
from signatures.cms_reader import Attribute, SignedData, SignerInfo, attributes
from signatures.signer_choice import Choice
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
        tally.weak_digest(digest_name, is_remark=weak_is_remark)
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
    choice = Choice(signer, attrs.ess_values(), candidates, tally, strict=strict)

    # 5. The signature value.
    scheme, signature_holds = None, None
    try:
        scheme = algorithms.scheme_of(signer.signature_algorithm, digest_name)
        if scheme.digest in BROKEN_DIGESTS and scheme.digest != digest_name:
            tally.weak_digest(scheme.digest, is_remark=weak_is_remark)
        if choice.certificates and (attrs.present or not content.missing):
            fits = partial(_value_fits, signer.signature, scheme, attrs, content)
            signature_holds = choice.verify(fits, inherited_keys=scheme.kind == "dsa")
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


def _value_fits(value: bytes, scheme: algorithms.Scheme, attrs: _Attributes, content: Content, key: bytes) -> bool:
    """Whether the signature value is one under `key`, over the attributes or, without any, over the content."""
    if attrs.present:
        return any(signature_value.holds(key, scheme, value, form) for form in attrs.forms)
    if content.whole is not None:
        return signature_value.holds(key, scheme, value, content.whole)
    computed = b"" if scheme.whole_message else content.digest(scheme.digest)
    return signature_value.holds(key, scheme, value, None, computed)


def _announced(signed: SignedData) -> set[str]:
    """Return the names of the digests announced at the message's head (RFC 5652, 5.1); unknown ones are left out."""
    found = set()
    for one in signed.digest_algorithms:
        with suppress(asn1.Asn1Error, algorithms.Unsupported):
            found.add(algorithms.digest_name(algorithms.algorithm(one)[0]))
    return found


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

    def ess_values(self) -> list[tuple[str, asn1.Element]]:
        """Return the ESS attributes that name the signing certificate: the digest that counts by default, the value."""
        found = []
        for kind, default in ((ESS_CERTIFICATE, "sha1"), (ESS_CERTIFICATE_V2, "sha256")):
            value = self._single(kind, required=False)
            if value is not None:
                found.append((default, value))
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
