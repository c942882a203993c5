"""Archive time stamps of CAdES: they prove that a whole signature, with its papers, existed at a later time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from signatures import algorithms, asn1
from signatures.cms_reader import Attribute, NotSignedData, SignedData, SignerInfo, attributes, read_signed_data
from signatures.evidence import Material
from signatures.question import Question
from signatures.report import Reason, Verdict
from signatures.timestamps import TimestampJudgement, judge_timestamp

ARCHIVE_V2 = "1.2.840.113549.1.9.16.2.48"
ARCHIVE_V3 = "0.4.0.1733.2.4"
HASH_INDEX = "0.4.0.1733.2.5"
HASH_INDEX_V3 = "0.4.0.19122.1.5"

# A signature kept for fifty years is stamped again every five to ten.
MAX_ARCHIVE_STAMPS = 16


def judge(
    signed: SignedData,
    signer: SignerInfo,
    unsigned: tuple[Attribute, ...],
    digest_of: Callable[[str], bytes] | None,
    question: Question,
    papers: Material,
) -> tuple[TimestampJudgement, ...]:
    """
    Judge the archive time stamps of one signer, the latest first; each is judged at the moment the later one proves.

    Version 3 is computed (ETSI EN 319 122-1, 5.5.3). Version 2 covers the message by an encoding that tools disagree
    on: it is reported as UNSUPPORTED and proves nothing.
    """
    tokens = [value.raw for one in unsigned if one.kind == ARCHIVE_V3 for value in one.values][:MAX_ARCHIVE_STAMPS]
    judged: list[TimestampJudgement] = []
    for token in reversed(tokens):
        judged.append(_judge_v3(token, signed, signer, digest_of, question, papers))
        latest = judged[-1]
        if latest.proves and latest.gen_time is not None and latest.gen_time < question.at:
            question = question.at_proven(latest.gen_time)
    for one in unsigned:
        if one.kind == ARCHIVE_V2:
            reason = Reason("TIMESTAMP_ARCHIVE_V2")
            judged.append(TimestampJudgement(None, Verdict.UNSUPPORTED, reasons=(reason,)))
    return tuple(judged)


def _judge_v3(
    token: bytes,
    signed: SignedData,
    signer: SignerInfo,
    digest_of: Callable[[str], bytes] | None,
    question: Question,
    papers: Material,
) -> TimestampJudgement:
    try:
        stamp = read_signed_data(token)
        index = next(
            one.values[0]
            for info in stamp.signers
            for one in attributes(info.unsigned_attributes)
            if one.kind in (HASH_INDEX, HASH_INDEX_V3)
        )
        if not _index_holds(index, signed, signer):
            reason = Reason("TIMESTAMP_IMPRINT_DIFFERS", "the papers listed are not all there")
            return TimestampJudgement(False, Verdict.FAILED, "HASH_FAILURE", reasons=(reason,))
    except algorithms.Unsupported as cause:
        return TimestampJudgement(None, Verdict.UNSUPPORTED, reasons=(Reason("ALGORITHM_UNSUPPORTED", str(cause)),))
    except (NotSignedData, asn1.Asn1Error, StopIteration) as cause:
        reason = Reason("TIMESTAMP_UNREADABLE", f"no readable hash index: {cause}")
        return TimestampJudgement(False, Verdict.FAILED, "FORMAT_FAILURE", reasons=(reason,))
    return judge_timestamp(token, partial(_imprint, signed, signer, index, digest_of), question, material=papers)


def _imprint(
    signed: SignedData,
    signer: SignerInfo,
    index: asn1.Element,
    digest_of: Callable[[str], bytes] | None,
    name: str,
) -> bytes:
    """
    Return what the archive time stamp is over (ETSI EN 319 122-1, 5.5.3).

    The content type, the digest of the content, the signer's part without its unsigned attributes, and the hash index.
    """
    if signed.content is not None:
        content = algorithms.digest(name, signed.content)
    elif digest_of is not None:
        content = digest_of(name)
    else:
        content = b""
    fields = signer.element.parts()
    if fields[-1].tag == 0xA1:
        fields = fields[:-1]
    whole = asn1.encode_oid(signed.content_type) + content
    whole += b"".join(one.raw for one in fields) + index.raw
    return algorithms.digest(name, whole)


def _index_holds(index: asn1.Element, signed: SignedData, signer: SignerInfo) -> bool:
    """Whether everything the index lists is in the message; more may have been added since."""
    parts = index.expect(asn1.SEQUENCE).parts()
    name = "sha256"
    if parts and (parts[0].tag == asn1.SEQUENCE and len(parts) == 4):
        name = algorithms.digest_name(algorithms.algorithm(parts.pop(0))[0])
    if len(parts) != 3:
        raise asn1.Asn1Error("a hash index of the wrong shape")
    extra = attributes(signer.unsigned_attributes)
    present = (
        {algorithms.digest(name, der) for der in signed.certificates},
        {algorithms.digest(name, der) for der in (*signed.crls, *signed.ocsps)},
        # Version 1 of the index hashes whole attributes, version 3 type and value one after the other.
        {algorithms.digest(name, asn1.encode_oid(one.kind) + value.raw) for one in extra for value in one.values}
        | {
            algorithms.digest(name, asn1.tlv(0x30, asn1.encode_oid(one.kind) + asn1.tlv(0x31, value.raw)))
            for one in extra
            for value in one.values
        },
    )
    return all(
        {one.octets() for one in listed.children()} <= known for listed, known in zip(parts, present, strict=True)
    )
