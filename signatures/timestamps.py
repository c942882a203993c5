"""Time stamps of a trusted third party (RFC 3161): what they prove to have existed, and since when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from signatures import algorithms, asn1
from signatures.certificates import parse_all, read_extensions, signer_of
from signatures.chain import judge_chain
from signatures.cms_reader import TST_INFO, NotSignedData, SignedData, attributes, read_signed_data
from signatures.evidence import Material, papers_in, papers_of
from signatures.question import Question
from signatures.report import Reason, Revocation, SignatureFinding, SignatureKind, Signer, Verdict
from signatures.signer import BROKEN_DIGESTS, Content, examine
from signatures.signing_time import CLOCK_TOLERANCE
from signatures.tally import Tally

# Reasons for which an authority's earlier tokens stay good (RFC 3161, 4): it only stopped; its key was not stolen.
_HARMLESS_REVOCATIONS = frozenset({"unspecified", "affiliationChanged", "superseded", "cessationOfOperation"})


@dataclass(frozen=True, slots=True)
class TimestampJudgement:
    """
    What one time-stamp token proves.

    `intact`: imprint and signature hold (None: could not be decided). `gen_time` is what the token claims (UTC); it is
    proof only where `verdict` is PASSED. `trusted` is None where certificates were left unjudged. `evidence` holds
    (kind, DER), the token itself first.
    """

    intact: bool | None
    verdict: Verdict
    sub_indication: str | None = None
    gen_time: datetime | None = None
    trusted: bool | None = None
    revocation: Revocation = Revocation.NOT_CHECKED
    signer: Signer | None = None
    digest_algorithm: str | None = None
    signature_algorithm: str | None = None
    reasons: tuple[Reason, ...] = ()
    evidence: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)

    @property
    def proves(self) -> bool:
        """Whether `gen_time` may be relied on as a time at which the stamped bytes existed."""
        return self.verdict is Verdict.PASSED and self.gen_time is not None

    def as_finding(self, name: str, kind: SignatureKind) -> SignatureFinding:
        """Return this judgement as the report's finding; the caller adds what it knows of the file's bytes."""
        return SignatureFinding(
            name=name,
            kind=kind,
            verdict=self.verdict,
            sub_indication=self.sub_indication,
            intact=self.intact,
            trusted=self.trusted,
            revocation=self.revocation,
            signer=self.signer,
            proven_at=self.gen_time if self.proves else None,
            proven_by="timestamp" if self.proves else None,
            digest_algorithm=self.digest_algorithm,
            signature_algorithm=self.signature_algorithm,
            reasons=self.reasons,
            evidence=self.evidence,
        )


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """The statement of a token (TSTInfo): this digest existed at this time. `unknown_critical` must be refused."""

    digest_algorithm: str
    imprint: bytes
    gen_time: datetime
    policy: str
    serial: int
    unknown_critical: tuple[str, ...]


def read_token_info(content: bytes) -> TokenInfo:
    """Read a TSTInfo; Asn1Error if it is none, Unsupported for a digest nobody here knows (RFC 3161, 2.4.2)."""
    version, policy, imprint, serial, moment, *rest = asn1.only(content).expect(asn1.SEQUENCE).parts(5)
    if version.integer() != 1:
        raise asn1.Asn1Error("a time-stamp token of unknown version")
    used, hashed = imprint.expect(asn1.SEQUENCE).parts(2, 2)
    unknown: tuple[str, ...] = ()
    for part in rest:
        if part.tag == 0xA1:
            found = read_extensions(asn1.only(asn1.tlv(asn1.SEQUENCE, part.content)))
            unknown = tuple(oid for oid, one in found.items() if one.critical)
    return TokenInfo(
        algorithms.digest_name(algorithms.algorithm(used)[0]),
        hashed.octets(),
        moment.time(),
        policy.oid(),
        serial.integer(),
        unknown,
    )


def judge_timestamp(
    token: bytes,
    digest_of: Callable[[str], bytes],
    question: Question,
    *,
    material: Material | None = None,
) -> TimestampJudgement:
    """
    Judge the RFC 3161 `token` (a CMS ContentInfo, DER or BER) over the bytes whose digests `digest_of` gives.

    `digest_of` takes an algorithm name as in `algorithms.new_hash` ("sha256", "sha3_256") and gives the raw digest. The
    authority's chain is judged at the time the token itself names; a revocation that became known by
    `question.at` and that does not merely say that the authority stopped takes the proof away from all its tokens
    (RFC 3161, 4). `material` are papers from the same file (DSS, unsigned attributes). Never raises on hostile bytes;
    zero bytes after the token (PDF padding) are passed over.

    Source: RFC 3161, 2.4.2; RFC 5816; ETSI EN 319 422; ETSI EN 319 102-1, 5.4.
    """
    tally = Tally()
    try:
        signed = read_signed_data(token)
    except NotSignedData as cause:
        tally.fail("FORMAT_FAILURE", "TIMESTAMP_UNREADABLE", cause.detail)
        return TimestampJudgement(False, tally.verdict, tally.sub_indication, reasons=tally.reasons)
    if signed.content_type != TST_INFO or signed.content is None or len(signed.signers) != 1:
        tally.fail("FORMAT_FAILURE", "TIMESTAMP_UNREADABLE", "not a token with one statement and one signer")
        return TimestampJudgement(False, tally.verdict, tally.sub_indication, reasons=tally.reasons)
    try:
        return _judge(token, signed, signed.content, digest_of, question, material or Material(), tally)
    except algorithms.Unsupported as cause:
        tally.cannot("ALGORITHM_UNSUPPORTED", str(cause))
        return TimestampJudgement(None, tally.verdict, tally.sub_indication, reasons=tally.reasons)
    except asn1.Asn1Error as cause:
        tally.fail("FORMAT_FAILURE", "TIMESTAMP_UNREADABLE", str(cause))
        return TimestampJudgement(False, tally.verdict, tally.sub_indication, reasons=tally.reasons)


def _judge(
    token: bytes,
    signed: SignedData,
    content: bytes,
    digest_of: Callable[[str], bytes],
    question: Question,
    material: Material,
    tally: Tally,
) -> TimestampJudgement:
    """
    Judge a token that could be read.

    1. the imprint, 2. the authority's signature with its ESS binding, 3. the authority's chain at the time named.
    """
    # 1. The imprint.
    info = read_token_info(content)
    imprint_holds = digest_of(info.digest_algorithm) == info.imprint
    if not imprint_holds:
        tally.fail("HASH_FAILURE", "TIMESTAMP_IMPRINT_DIFFERS")
    if info.unknown_critical:
        tally.cannot("TIMESTAMP_EXTENSION_UNKNOWN", ", ".join(info.unknown_critical))
    if info.digest_algorithm in BROKEN_DIGESTS:
        tally.weak_digest(info.digest_algorithm, is_remark=question.integrity_only)

    # 2. The signature.
    info_signer = signed.signers[0]
    papers = papers_of(signed).plus(papers_in(attributes(info_signer.unsigned_attributes))).plus(material)
    trusted = () if question.trust is None else (*question.trust.intermediates, *question.trust.anchors)
    check = examine(
        signed,
        info_signer,
        Content(inside=content),
        parse_all((*papers.certificates, *trusted)),
        tally,
        content_type=TST_INFO,
        weak_is_remark=question.integrity_only,
    )
    if check.certificate is not None and not check.bound:
        # RFC 3161, 2.4.2: the token must say which certificate signed it (ETSI EN 319 102-1, 5.2.3).
        tally.doubt("NO_SIGNING_CERTIFICATE_FOUND", "CERTIFICATE_BINDING_MISSING")
    intact = False if not imprint_holds else check.intact
    if info.gen_time > question.at + CLOCK_TOLERANCE:
        tally.remark("TIMESTAMP_AFTER_QUESTION", info.gen_time.isoformat())

    # 3. The authority.
    evidence: list[tuple[str, bytes]] = [("timestamp", token)]
    chain_trusted, revocation, signer = None, Revocation.NOT_CHECKED, None
    if check.certificate is not None:
        signer = signer_of(check.certificate.der)
        chain = judge_chain(
            check.certificate.der,
            papers.certificates,
            replace(question, at=info.gen_time),
            purpose="timestamping",
            crls=papers.crls,
            ocsps=papers.ocsps,
        )
        tally.take(chain.verdict, chain.sub_indication, chain.reasons)
        if chain.revoked_at is not None and chain.revoked_because not in _HARMLESS_REVOCATIONS:
            tally.doubt("REVOKED_NO_POE", "TIMESTAMP_AUTHORITY_REVOKED", chain.revoked_at.isoformat())
        chain_trusted, revocation = chain.trusted, chain.revocation
        evidence.extend(chain.evidence)
    return TimestampJudgement(
        intact=intact,
        verdict=tally.verdict,
        sub_indication=tally.sub_indication,
        gen_time=info.gen_time,
        trusted=chain_trusted,
        revocation=revocation,
        signer=signer,
        digest_algorithm=info.digest_algorithm,
        signature_algorithm=check.signature_algorithm,
        reasons=tally.reasons,
        evidence=tuple(evidence),
    )
