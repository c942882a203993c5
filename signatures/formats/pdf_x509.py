"""The oldest kind of PDF signature (adbe.x509.rsa_sha1): a bare RSA value beside the certificate, no CMS around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from signatures import algorithms, asn1, signature_value
from signatures.certificates import CertificateError, parse, signer_of
from signatures.chain import judge_chain
from signatures.question import Question
from signatures.report import Revocation, Verdict
from signatures.signer_judgement import SignerJudgement
from signatures.signing_time import proven_time
from signatures.tally import Tally


def judge_rsa_sha1(
    contents: bytes, certificates: Sequence[bytes], digest_of: Callable[[str], bytes], question: Question
) -> SignerJudgement:
    """
    Judge the RSA value in `contents` (an OCTET STRING) over the SHA-1 digest of the byte range; never raises.

    The first of `certificates` is the signer's (ISO 32000-1, table 252, /Cert). SHA-1 can be made to collide, so a
    document signed this way may have a twin: judged as SHA-1 in CMS is.

    Source: ISO 32000-1, 12.8.3.2.
    """
    tally = Tally()
    if not certificates:
        tally.doubt("NO_SIGNING_CERTIFICATE_FOUND", "SIGNING_CERTIFICATE_MISSING", "/Cert is empty")
        return SignerJudgement(0, tally.verdict, tally.sub_indication, None, reasons=tally.reasons)
    intact: bool | None = None
    trusted = None
    chain = None
    try:
        value = asn1.read(contents).octets()
        certificate = parse(certificates[0])
        scheme = algorithms.Scheme("rsa", "sha1")
        intact = signature_value.holds(certificate.spki, scheme, value, None, digest_of("sha1"))
        if not intact:
            tally.fail("SIG_CRYPTO_FAILURE", "SIGNATURE_BROKEN")
    except asn1.Asn1Error as cause:
        tally.fail("FORMAT_FAILURE", "CMS_MALFORMED", str(cause))
        intact = False
    except CertificateError as cause:
        tally.doubt("NO_SIGNING_CERTIFICATE_FOUND", "SIGNING_CERTIFICATE_MISSING", str(cause))
    except algorithms.Disagreement as cause:
        tally.fail("SIG_CRYPTO_FAILURE", "ALGORITHMS_DISAGREE", str(cause))
        intact = False
    except algorithms.Unsupported as cause:
        tally.cannot("ALGORITHM_UNSUPPORTED", str(cause))
    tally.weak_digest("sha1", is_remark=question.integrity_only)
    if tally.verdict is not Verdict.FAILED:
        chain = judge_chain(certificates[0], certificates[1:], question)
        trusted = chain.trusted
        tally.take(chain.verdict, chain.sub_indication, chain.reasons)
    proven_at, proven_by = proven_time((), question)
    return SignerJudgement(
        index=0,
        verdict=tally.verdict,
        sub_indication=tally.sub_indication,
        intact=intact,
        trusted=trusted,
        revocation=chain.revocation if chain is not None else Revocation.NOT_CHECKED,
        signer=signer_of(certificates[0]),
        proven_at=proven_at,
        proven_by=proven_by,
        digest_algorithm="sha1",
        signature_algorithm="rsa-sha1",
        reasons=tally.reasons,
        evidence=chain.evidence if chain is not None else (("certificate", certificates[0]),),
    )
