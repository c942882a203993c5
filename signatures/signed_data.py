"""CMS signatures, whatever carries them (PDF, mail, .p7s): every signer of one SignedData judged by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from signatures import algorithms, archive_stamps, asn1, countersignatures
from signatures.certificates import Certificate, parse_all, signer_of
from signatures.chain import ChainJudgement, judge_chain
from signatures.cms_reader import Attribute, SignedData, SignerInfo, attributes, read_signed_data
from signatures.evidence import Material, papers_in, papers_of
from signatures.question import Question
from signatures.report import Level, Reason, Revocation, Verdict
from signatures.signer import Content, SignerCheck, examine
from signatures.signer_judgement import SignerJudgement
from signatures.signing_time import proven_time, remark_on_claim
from signatures.tally import Tally
from signatures.timestamps import TimestampJudgement, judge_timestamp

SIGNATURE_TIMESTAMP = "1.2.840.113549.1.9.16.2.14"

# A signature has one time stamp, sometimes two; each costs a chain.
MAX_TIMESTAMPS = 16


class Profile(StrEnum):
    """Under whose rules a SignedData stands; the rules differ only in what must be there."""

    CMS = "cms"
    """Plain CMS or CAdES, S/MIME: RFC 5652; ESS certificate binding is judged where present."""
    PDF_DETACHED = "adbe.pkcs7.detached"
    """ISO 32000-1, 12.8.3.3: content inside must not differ; ESS binding is judged where present."""
    PDF_CADES = "ETSI.CAdES.detached"
    """ETSI EN 319 142-1, 6.3: as before; without an ESS binding it is no baseline signature, which is remarked."""
    PDF_SHA1 = "adbe.pkcs7.sha1"
    """ISO 32000-1, 12.8.3.3.2: the encapsulated content is the SHA-1 digest of the byte range."""


def judge_signed_data(
    der: bytes,
    digest_of: Callable[[str], bytes] | None,
    question: Question,
    *,
    profile: Profile = Profile.CMS,
    material: Material | None = None,
    proven_at: datetime | None = None,
    whole: bytes | None = None,
    claimed_at: datetime | None = None,
) -> tuple[SignerJudgement, ...]:
    """
    Judge every SignerInfo of the CMS ContentInfo `der` (DER or BER; zero bytes after it are passed over).

    `digest_of` takes a digest name (see `algorithms.new_hash`) and gives the raw digest of the content that lies
    outside; None if the content is encapsulated. Where both exist they must agree, else that signer fails. `whole` is
    that outside content itself, where it is at hand: schemes that sign no digest need it if there are no
    signed attributes. `material` are certificates, CRLs and OCSP answers found elsewhere in the same file (a PDF's
    DSS). `proven_at` is a time that a verified document time stamp proves for this signature (`proven_by` is then
    "timestamp"). `claimed_at` is the signer's word on the time where it stands outside (a PDF's /M); a signing-time
    attribute goes before it.

    An empty tuple means that the SignedData has no SignerInfo (certificates only, .p7b): not a signature; whoever
    promised a signature there (a PDF field) must treat that as a failed one. Raises NotSignedData if the bytes are not
    CMS SignedData at all; no other exception on hostile bytes.

    Source: RFC 5652, 5; RFC 5035 (ESS); RFC 6211 (algorithm protection); ETSI EN 319 122-1; ETSI EN 319 102-1, 5.2.
    """
    signed = read_signed_data(der)
    papers = papers_of(signed).plus(material or Material())
    trusted = () if question.trust is None else (*question.trust.intermediates, *question.trust.anchors)
    candidates = parse_all((*papers.certificates, *trusted))
    judged = []
    for index, signer in enumerate(signed.signers):
        case = _Case(
            signed, signer, index, question, papers, candidates, proven_at, profile, digest_of, whole, claimed_at
        )
        try:
            judged.append(case.judge())
        except (asn1.Asn1Error, algorithms.Unsupported) as cause:
            # What a hostile signer's part can still raise costs only this signer.
            reason = Reason("CMS_MALFORMED", str(cause))
            judged.append(SignerJudgement(index, Verdict.FAILED, "FORMAT_FAILURE", False, reasons=(reason,)))
    if signed.too_many_signers:
        judged.append(
            SignerJudgement(
                len(judged), Verdict.INDETERMINATE, None, reasons=(Reason("TOO_COSTLY", "too many signers"),)
            )
        )
    return tuple(judged)


@dataclass(slots=True)
class _Case:
    """One signer's case: everything its judgement needs, so that the steps below need not hand it around."""

    signed: SignedData
    signer: SignerInfo
    index: int
    question: Question
    papers: Material
    candidates: tuple[Certificate, ...]
    proven_at: datetime | None
    profile: Profile
    digest_of: Callable[[str], bytes] | None
    whole: bytes | None
    claimed_outside: datetime | None
    tally: Tally = field(default_factory=Tally)

    def judge(self) -> SignerJudgement:
        """
        Judge the signer.

        1. cryptography, 2. time stamps and with them the best signature time, 3. the chain at that time, 4. what is
        only worth a remark, 5. counter-signatures and level.
        """
        # 1. Cryptography.
        check = examine(
            self.signed,
            self.signer,
            self._content(),
            self.candidates,
            self.tally,
            content_type=self.signed.content_type,
            weak_is_remark=self.question.integrity_only,
            strict=self.profile is Profile.CMS,
        )
        intact, claimed_at = check.intact, check.claimed_at or self.claimed_outside
        if self.profile is Profile.PDF_SHA1 and not self._sha1_content_holds():
            intact = False
        extra = self._unsigned_attributes()
        papers = self.papers.plus(papers_in(extra)).plus(papers_in(attributes(self.signer.signed_attributes)))

        # 2. Time stamps.
        archives = archive_stamps.judge(self.signed, self.signer, extra, self.digest_of, self.question, papers)
        stamps = self._timestamps(extra, papers, archives)
        times = [one.gen_time for one in (*stamps, *archives) if one.proves and one.gen_time is not None]
        if self.proven_at is not None:
            times.append(self.proven_at)
        proven_at, proven_by = proven_time(times, self.question)
        best = proven_at or self.question.at

        # 3. The chain.
        chain = self._chain(check, papers, best, claimed_at)

        # 4. Remarks.
        ahead = remark_on_claim(claimed_at, best, self.question)
        if ahead is not None:
            self.tally.remark(ahead.code, ahead.detail)
        if self.signed.ber:
            self.tally.remark("CMS_NOT_DER")
        if self.signed.trailing:
            self.tally.remark("CMS_TRAILING_BYTES", f"{self.signed.trailing} bytes")
        if self.profile is Profile.PDF_CADES and not check.bound:
            self.tally.remark("CERTIFICATE_BINDING_MISSING")

        # 5. Counter-signatures, level, and all of it together.
        counters = countersignatures.judge(self.signed, self.signer, extra, self.candidates, self.question, papers)
        for code, detail in countersignatures.remarks_on(counters):
            self.tally.remark(code, detail)
        signer = None if check.certificate is None else signer_of(check.certificate.der)
        evidence = dict.fromkeys(() if chain is None else chain.evidence)
        for stamp in (*stamps, *archives):
            evidence |= dict.fromkeys(stamp.evidence)
        return SignerJudgement(
            index=self.index,
            verdict=self.tally.verdict,
            sub_indication=self.tally.sub_indication,
            intact=intact,
            level=self._level(check, stamps, archives, papers),
            trusted=None if chain is None else chain.trusted,
            revocation=Revocation.NOT_CHECKED if chain is None else chain.revocation,
            signer=signer,
            claimed_at=claimed_at,
            proven_at=proven_at,
            proven_by=proven_by,
            digest_algorithm=check.digest_algorithm,
            signature_algorithm=check.signature_algorithm,
            countersignatures=counters,
            reasons=self.tally.reasons,
            evidence=tuple(evidence),
            timestamps=(*stamps, *archives),
        )

    def _content(self) -> Content:
        if self.profile is Profile.PDF_SHA1:
            # The content inside is the digest of what lies outside; the two are compared as such.
            return Content(inside=self.signed.content)
        return Content(inside=self.signed.content, outside=self.digest_of, whole=self.whole)

    def _sha1_content_holds(self) -> bool:
        if self.signed.content is None or self.digest_of is None:
            self.tally.fail("FORMAT_FAILURE", "CMS_MALFORMED", "no digest inside, where adbe.pkcs7.sha1 has one")
            return False
        if self.signed.content != self.digest_of("sha1"):
            self.tally.fail("HASH_FAILURE", "CONTENT_CHANGED")
            return False
        self.tally.weak_digest("sha1", is_remark=self.question.integrity_only)
        return True

    def _unsigned_attributes(self) -> tuple[Attribute, ...]:
        try:
            return attributes(self.signer.unsigned_attributes)
        except asn1.Asn1Error as cause:
            self.tally.remark("UNSIGNED_ATTRIBUTES_UNREADABLE", str(cause))
            return ()

    def _timestamps(
        self, extra: tuple[Attribute, ...], papers: Material, archives: tuple[TimestampJudgement, ...]
    ) -> tuple[TimestampJudgement, ...]:
        """Judge the signature time stamps: each is over the signature value (RFC 3161, appendix A)."""
        tokens = [value.raw for one in extra if one.kind == SIGNATURE_TIMESTAMP for value in one.values]
        if len(tokens) > MAX_TIMESTAMPS:
            self.tally.remark("TIMESTAMP_TOO_MANY", str(len(tokens)))
        found = []
        for token in tokens[:MAX_TIMESTAMPS]:
            stamp = judge_timestamp(
                token,
                lambda name: algorithms.digest(name, self.signer.signature),
                self._question_at(archives),
                material=papers,
            )
            if not stamp.proves:
                # A bad time stamp costs only its proof (contract section 3).
                codes = ", ".join(dict.fromkeys(reason.code for reason in stamp.reasons))
                self.tally.remark("TIMESTAMP_NOT_PROOF", f"{stamp.sub_indication or stamp.verdict}: {codes}")
            found.append(stamp)
        return tuple(found)

    def _question_at(self, archives: tuple[TimestampJudgement, ...]) -> Question:
        """Return the question for the moment at which a later archive stamp proves the earlier ones to have existed."""
        moments = [one.gen_time for one in archives if one.proves and one.gen_time is not None]
        earliest = min((moment for moment in moments if moment < self.question.at), default=None)
        return self.question if earliest is None else self.question.at_proven(earliest)

    def _chain(
        self, check: SignerCheck, papers: Material, best: datetime, claimed_at: datetime | None
    ) -> ChainJudgement | None:
        if check.certificate is None:
            return None
        question = self.question
        if best != question.at:
            question = question.at_proven(best)
        chain = judge_chain(
            check.certificate.der,
            papers.certificates,
            question,
            crls=papers.crls,
            ocsps=papers.ocsps,
            claimed_at=claimed_at,
        )
        self.tally.take(chain.verdict, chain.sub_indication, chain.reasons)
        return chain

    def _level(
        self,
        check: SignerCheck,
        stamps: tuple[TimestampJudgement, ...],
        archives: tuple[TimestampJudgement, ...],
        papers: Material,
    ) -> Level | None:
        """
        Return the baseline level the signature reaches (ETSI EN 319 122-1, 6; EN 319 142-1, 6), None below B-B.

        B-LT is told from the presence of revocation papers in the signature; whether they sufficed is `revocation`.
        """
        if not check.bound:
            return None
        if not any(one.proves for one in stamps) and self.proven_at is None:
            return "B-B"
        if not (papers.crls or papers.ocsps):
            return "B-T"
        return "B-LTA" if any(one.proves for one in archives) else "B-LT"
