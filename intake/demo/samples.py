"""The demonstration's sample submissions: what arrives, when, by which way, and where each must land."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Literal

from intake.demo import mails, paper
from intake.demo.exports import REVOKE, Attachment, document_id, edxml_document, edxml_status, manifest
from intake.demo.neighbours import DOMAIN, leader_name, party_of, seal_of
from intake.demo.signing import alter_after_signing, detached_p7s, sign_pdf, smime_signed
from intake.demo.studio import SUBJECT, Sample, Studio
from storage.records import State, Timeliness


def all_samples(studio: Studio) -> Iterator[Sample]:
    """Yield every sample in the order of arrival."""
    yield from sorted(
        [
            *_good_mails(studio),
            *_doubtful_mails(studio),
            *_rare_things(studio),
            *_no_submissions(studio),
            *_exports(studio),
        ],
        key=lambda sample: sample.arrives_at,
    )


def _good_mails(studio: Studio) -> Iterator[Sample]:
    """Yield what is filed without anybody's help."""
    moments = studio.moments
    on_time, in_grace = Timeliness.ON_TIME, Timeliness.IN_GRACE

    def sample(
        name: str,
        agency: str | None,
        at: datetime,
        mail: EmailMessage,
        timeliness: Timeliness,
        shows: str,
        place: Literal["INBOX", "Junk"] = "INBOX",
        state: State = State.FILED,
    ) -> Sample:
        return Sample(name, agency, place, at, studio.arrived(mail, at), state, timeliness, shows)

    phuquy, at = studio.agency("phuquy"), moments.before_due(6, 9, 12)
    form = ("Phieu danh gia CNTT.signed.signed.pdf", studio.both(phuquy, at - timedelta(minutes=20), numbered=True))
    mail = studio.mail(phuquy, at, (form,), key="hai-chu-ky")
    yield sample("hai-chu-ky", "phuquy", at, mail, on_time, "người có thẩm quyền ký, đóng số, rồi cơ quan ký: hợp lệ")

    again, later = (
        studio.both(phuquy, moments.in_grace(1, 8), pdf=studio.form(phuquy, version=2)),
        moments.in_grace(1, 8, 30),
    )
    mail = studio.mail(phuquy, later, (("Phieu danh gia CNTT (sua).signed.signed.pdf", again),), key="ban-moi")
    yield sample("ban-moi", "phuquy", later, mail, in_grace, "bản mới thay bản trước; thời điểm tính theo bản đầu")

    cdcd, at = studio.agency("cdcd"), moments.before_due(5, 14, 3)
    only = studio.sealed(cdcd, at - timedelta(minutes=5))
    mail = studio.mail(cdcd, at, (("phieu-danh-gia.signed.pdf", only),), key="co-quan-ky")
    yield sample("co-quan-ky", "cdcd", at, mail, on_time, "chỉ có chữ ký số của cơ quan: hợp lệ")
    twice = moments.before_due(4, 8, 1)
    mail = studio.mail(
        cdcd, twice, (("phieu-danh-gia.signed (1).pdf", only),), key="gui-lai", text="Gửi lại cho chắc chắn ạ.\n"
    )
    yield sample("gui-lai", "cdcd", twice, mail, on_time, "gửi lại đúng tệp cũ: bản sao", state=State.LINKED)

    cdyt, at = studio.agency("cdyt"), moments.before_due(1, 16, 55)
    mail = studio.mail(
        cdyt,
        at,
        (("PhieuDG.signed.pdf", studio.sealed(cdyt, at - timedelta(minutes=9), stamp=True)),),
        key="dau-thoi-gian",
        undeclared=True,
    )
    yield sample("dau-thoi-gian", "cdyt", at, mail, on_time, "có dấu thời gian; tệp không khai kiểu")

    bacbinh, at = studio.agency("bacbinh"), moments.in_grace(1, 10, 20)
    typed = ("PHIẾU ĐÁNH GIÁ.docx", studio.word_form(bacbinh))
    printed = ("PHIẾU ĐÁNH GIÁ.signed.pdf", studio.both(bacbinh, at - timedelta(hours=1)))
    mail = studio.mail(bacbinh, at, (printed, typed), key="gia-han")
    yield sample("gia-han", "bacbinh", at, mail, in_grace, "trong thời gian gia hạn; kèm bản Word để đọc số liệu")

    duclinh, at = studio.agency("duclinh"), moments.before_due(3, 11, 11)
    inner = studio.mail(
        duclinh,
        at - timedelta(hours=2),
        (("phieu.signed.pdf", studio.both(duclinh, at - timedelta(hours=3))),),
        key="trong",
        sender=f"vanthu@duclinh.{DOMAIN}",
    )
    outer = mails.forward(
        inner, studio.mail(duclinh, at, (), key="chuyen-tiep", subject="Fwd: " + SUBJECT, text="Kính chuyển.\n")
    )
    yield sample("chuyen-tiep", "duclinh", at, outer, on_time, "thư chuyển tiếp: phiếu nằm trong thư đính kèm")

    nam, at = studio.agency("hamthuannam"), moments.before_due(2, 15, 40)
    archive = mails.zipped(
        (
            ("Phiếu đánh giá.signed.pdf", studio.both(nam, at - timedelta(minutes=30))),
            ("Tài liệu kiểm chứng/Kế hoạch CNTT.pdf", paper.letter(nam.name, "KẾ HOẠCH", "Tài liệu kiểm chứng.")),
        ),
        at,
    )
    mail = studio.mail(nam, at, (("Hồ sơ phiếu đánh giá.zip", archive),), key="tep-nen")
    yield sample("tep-nen", "hamthuannam", at, mail, on_time, "tệp nén có phiếu và tài liệu kiểm chứng")

    quy, at = studio.agency("qdtpt"), moments.before_due(4, 10, 2)
    mail = studio.mail(
        quy, at, (("Phieu danh gia.signed.pdf", studio.sealed(quy, at - timedelta(minutes=3))),), key="thu-rac"
    )
    yield sample("thu-rac", "qdtpt", at, mail, on_time, "máy chủ thư xếp nhầm vào thư rác: vẫn nhận", place="Junk")

    ldtbxh, at = studio.agency("sldtbxh"), moments.before_due(2, 9, 30)
    mail = studio.mail(
        ldtbxh,
        at,
        (("Phieu danh gia.signed.signed.pdf", studio.both(ldtbxh, at - timedelta(minutes=25))),),
        key="sai-kenh",
    )
    yield sample("sai-kenh", "sldtbxh", at, mail, on_time, "lẽ ra gửi qua QLVB: vẫn nhận, có ghi chú")

    bdt, at = studio.agency("bdt"), moments.before_due(7, 8, 45)
    mail = studio.mail(
        bdt, at, (("Phieu danh gia.signed.pdf", studio.sealed(bdt, at - timedelta(minutes=8))),), key="chua-co-dia-chi"
    )
    yield sample("chua-co-dia-chi", "bdt", at, mail, on_time, "chưa đăng ký hộp thư: nhận, thư biên nhận chờ địa chỉ")


def _doubtful_mails(studio: Studio) -> Iterator[Sample]:
    """Yield what waits for a person, or for the agency to put it right."""
    moments, pki = studio.moments, studio.pki
    on_time = Timeliness.ON_TIME

    def held(
        name: str,
        agency: str,
        at: datetime,
        files: tuple[tuple[str, bytes], ...],
        shows: str,
        timeliness: Timeliness = on_time,
        **more: str,
    ) -> Sample:
        mail = studio.mail(
            studio.agency(agency), at, files, key=name, subject=more.get("subject"), text=more.get("text")
        )
        return Sample(name, agency, "INBOX", at, studio.arrived(mail, at), State.HELD, timeliness, shows)

    hamtan, at = studio.agency("hamtan"), moments.too_late()
    late = studio.both(hamtan, at - timedelta(minutes=1))
    yield held(
        "qua-han",
        "hamtan",
        at,
        (("Phieu danh gia.signed.signed.pdf", late),),
        "đến sau khi đóng: hai người quyết định",
        Timeliness.AFTER_GRACE,
    )

    lagi, at = studio.agency("lagi"), moments.before_due(5, 10, 30)
    yield held("chua-ky", "lagi", at, (("Phieu danh gia.pdf", studio.form(lagi)),), "chưa ký số: thư báo lỗi đi ngay")

    cdn, at = studio.agency("cdn"), moments.before_due(3, 9, 50)
    bent = alter_after_signing(studio.both(cdn, at - timedelta(hours=1)))
    yield held(
        "bi-sua", "cdn", at, (("Phieu danh gia.signed.signed.pdf", bent),), "bị sửa sau khi ký: không bao giờ được nhận"
    )

    hamthuanbac, at = studio.agency("hamthuanbac"), moments.before_due(3, 13, 20)
    painted = alter_after_signing(studio.both(hamthuanbac, at - timedelta(hours=1)), "overlay")
    yield held(
        "ve-de", "hamthuanbac", at, (("Phieu danh gia.signed.signed.pdf", painted),), "vẽ đè số khác lên trang đã ký"
    )

    gt, at = studio.agency("qldagt"), moments.before_due(4, 9, 5)
    revoked = studio.sealed(gt, at - timedelta(minutes=40))
    pki.revoke(seal_of(pki, gt), at - timedelta(days=20))
    yield held(
        "da-thu-hoi", "qldagt", at, (("Phieu danh gia.signed.pdf", revoked),), "chứng thư số đã bị thu hồi trước khi ký"
    )

    ptth, at = studio.agency("ptth"), moments.before_due(2, 14, 10)
    other = studio.sealed(studio.agency("tuyphong"), at - timedelta(minutes=40), pdf=studio.form(ptth))
    yield held(
        "sai-co-quan", "ptth", at, (("Phieu danh gia.signed.pdf", other),), "chữ ký số của cơ quan khác với cơ quan gửi"
    )

    sngv, at = studio.agency("sngv"), moments.before_due(6, 15, 15)
    yield held(
        "chi-ca-nhan",
        "sngv",
        at,
        (("Phieu danh gia.signed.pdf", studio.led(sngv, at - timedelta(minutes=15))),),
        "chỉ có chữ ký cá nhân",
    )

    dadd, at = studio.agency("qldadd"), moments.in_grace(2, 9, 9)
    old = studio.both(dadd, at - timedelta(minutes=15), pdf=studio.form(dadd, years_ago=1))
    yield held(
        "sai-nam",
        "qldadd",
        at,
        (("Phieu danh gia.signed.signed.pdf", old),),
        "phiếu của năm trước",
        Timeliness.IN_GRACE,
    )

    at = moments.in_grace(0, 16, 16)
    link = "{name} gửi Phiếu đánh giá tại đường dẫn: https://drive.example/d/1AbC-xyz (hết hạn sau 7 ngày).\n"
    yield held("duong-dan", "tuyphong", at, (), "gửi đường dẫn thay cho tệp", Timeliness.IN_GRACE, text=link)


def _rare_things(studio: Studio) -> Iterator[Sample]:
    """Yield what comes seldom, and must not be lost all the same."""
    moments = studio.moments
    on_time, receiver = Timeliness.ON_TIME, party_of(studio.office)

    sgddt, at = studio.agency("sgddt"), moments.before_due(3, 15, 5)
    plain = studio.mail(sgddt, at, (("Phieu danh gia.pdf", studio.form(sgddt)),), key="thu-ky-so")
    signed = smime_signed(plain, seal_of(studio.pki, sgddt))
    mail = studio.arrived(signed, at, sgddt.mailboxes[0])
    yield Sample("thu-ky-so", "sgddt", "INBOX", at, mail, State.FILED, on_time, "cả bức thư được ký số (S/MIME)")

    nongnghiep, at = studio.agency("qldann"), moments.before_due(5, 11, 30)
    scan = studio.sealed(nongnghiep, at - timedelta(minutes=4), pdf=paper.scan())
    unsaid = studio.mail(
        nongnghiep, at, (("45.signed.pdf", scan),), key="ban-quet", subject="Gửi văn bản số 45", text="Kính gửi.\n"
    )
    mail = studio.arrived(unsaid, at)
    yield Sample("ban-quet", "qldann", "INBOX", at, mail, State.HELD, on_time, "bản quét có ký số, không đọc được chữ")

    bqlkcn, at = studio.agency("bqlkcn"), moments.before_due(2, 8, 50)
    broken = studio.both(bqlkcn, at - timedelta(minutes=30))[:9000]
    package = edxml_document(
        party_of(bqlkcn),
        receiver,
        number="58",
        notation="BQLKCN-VP",
        subject=SUBJECT.format(year=moments.year, name=bqlkcn.name),
        signed_by=leader_name(bqlkcn),
        at=at,
        attachments=(Attachment("Phieu danh gia.signed.pdf", broken),),
    )
    files = (("qlvb-bqlkcn.edxml", package),)
    yield Sample("qlvb-bqlkcn", "bqlkcn", "export", at, files, State.HELD, on_time, "tệp bị cắt cụt khi truyền")


def _no_submissions(studio: Studio) -> Iterator[Sample]:
    """Yield what lies in a department's mailbox besides forms."""
    moments, office = studio.moments, studio.address

    def aside(name: str, at: datetime, mail: EmailMessage | bytes, shows: str, sender: str = "") -> Sample:
        return Sample(name, None, "INBOX", at, studio.arrived(mail, at, sender), State.SET_ASIDE, None, shows)

    snv, at = studio.agency("snv"), moments.before_due(6, 8, 1)
    mail = studio.mail(
        snv,
        at,
        (),
        key="vang-mat",
        subject="Trả lời tự động: Phiếu đánh giá ứng dụng CNTT",
        text="Tôi đi công tác đến hết tuần.\n",
        headers=(("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All")),
    )
    yield aside("vang-mat", at, mail, "thư trả lời tự động: không trả lời lại")

    at = moments.before_due(5, 7, 7)
    bounce = mails.delivery_report(
        to=office,
        about=f"cu@{DOMAIN}",
        original_id=f"<giay-moi@stttt.{DOMAIN}>",
        sent_at=at,
        message_id="<bounce-1@mx.demo.invalid>",
    )
    yield aside("thu-doi", at, bounce, "thư báo không gửi được", "<>")

    syt, at = studio.agency("syt"), moments.before_due(4, 15, 30)
    invitation = paper.letter(syt.name, "GIẤY MỜI", "Trân trọng kính mời dự họp giao ban ngành y tế quý III.")
    mail = studio.mail(
        syt,
        at,
        (("Giay moi.signed.pdf", studio.sealed(syt, at - timedelta(hours=1), pdf=invitation)),),
        key="giay-moi",
        subject="Giấy mời họp giao ban quý III",
        text="Kính mời.\n",
    )
    yield aside("giay-moi", at, mail, "văn bản khác, dù có ký số: để riêng, không trả lời")

    at = moments.in_grace(0, 6, 30)
    news = mails.compose(
        sender="bantin@tapchi.example",
        sender_name="Bản tin Chuyển đổi số",
        to=office,
        sent_at=at,
        subject="Bản tin tuần: ứng dụng CNTT trong cơ quan nhà nước",
        text="Tin trong tuần.\n",
        message_id="<so-37@tapchi.example>",
        headers=(
            ("List-Id", "Ban tin <bantin.tapchi.example>"),
            ("List-Unsubscribe", "<https://tapchi.example/u>"),
            ("Precedence", "bulk"),
        ),
    )
    yield aside("ban-tin", at, news, "bản tin gửi hàng loạt")


def _exports(studio: Studio) -> Iterator[Sample]:
    """Yield what the document system exports."""
    moments = studio.moments
    receiver = party_of(studio.office)
    on_time, filed = Timeliness.ON_TIME, State.FILED

    def package(
        name: str,
        agency_id: str,
        at: datetime,
        number: str,
        attachments: tuple[Attachment, ...],
        shows: str,
        state: State = filed,
        timeliness: Timeliness | None = on_time,
        operation: str = "0",
        replaces: tuple[str, ...] = (),
    ) -> Sample:
        agency = studio.agency(agency_id)
        data = edxml_document(
            party_of(agency),
            receiver,
            number=number,
            notation=f"{agency_id.upper()}-VP",
            subject=SUBJECT.format(year=moments.year, name=agency.name),
            signed_by=leader_name(agency),
            at=at,
            attachments=attachments,
            operation=operation,
            replaces=replaces,
            reason="Thu hồi do gửi nhầm" if operation == REVOKE else "",
        )
        return Sample(name, agency_id, "export", at, ((f"{name}.edxml", data),), state, timeliness, shows)

    def attached(agency_id: str, at: datetime, *, zipped: bool = True) -> tuple[Attachment, ...]:
        form = studio.both(studio.agency(agency_id), at - timedelta(minutes=30), numbered=zipped)
        return (Attachment("Phieu danh gia CNTT.signed.signed.pdf", form, zipped=zipped),)

    at = moments.before_due(8, 9, 1)
    yield package("qlvb-snv", "snv", at, "412", attached("snv", at), "gói edXML: người ký, cơ quan ký")
    at = moments.before_due(5, 16, 42)
    yield package(
        "qlvb-skhdt", "skhdt", at, "977", attached("skhdt", at, zipped=False), "gói edXML, tệp không nén trong gói"
    )
    at = moments.in_grace(2, 13, 45)
    yield package(
        "qlvb-ttt",
        "ttt",
        at,
        "63",
        attached("ttt", at),
        "không có hộp thư: trả lời bằng gói trạng thái",
        timeliness=Timeliness.IN_GRACE,
    )

    sent, back = moments.before_due(6, 10, 10), moments.before_due(6, 14, 0)
    sct = party_of(studio.agency("sct"))
    yield package(
        "qlvb-sct", "sct", sent, "801", attached("sct", sent), "sau đó bên gửi thu hồi", state=State.WITHDRAWN
    )
    yield package(
        "qlvb-sct-thu-hoi",
        "sct",
        back,
        "801",
        (),
        "gói thu hồi văn bản đã gửi",
        state=State.LINKED,
        operation=REVOKE,
        replaces=(document_id(sct, "801", "SCT-VP", sent),),
    )

    at = moments.before_due(4, 8, 8)
    status = edxml_status(
        party_of(studio.agency("stp")), receiver, about="697/STTTT-BCVT&CNTT", code="03", text="Đã tiếp nhận", at=at
    )
    yield Sample(
        "qlvb-trang-thai",
        None,
        "export",
        at,
        (("qlvb-trang-thai.edxml", status),),
        State.SET_ASIDE,
        None,
        "gói trạng thái 03: không phải phiếu",
    )

    stc, at = studio.agency("stc"), moments.before_due(2, 10, 0)
    form = ("Phieu danh gia.signed.signed.pdf", studio.both(stc, at - timedelta(minutes=30)))
    evidence = ("Phu luc.pdf", paper.letter(stc.name, "PHỤ LỤC", "Tài liệu kiểm chứng."))
    described = manifest(
        party_of(stc),
        code="2210/STC-VP",
        subject=SUBJECT.format(year=moments.year, name=stc.name),
        sent_at=at - timedelta(minutes=1),
        received_at=at,
        files=((*form, "form"), (*evidence, "appendix")),
    )
    yield Sample(
        "qlvb-stc",
        "stc",
        "export",
        at,
        (form, evidence, ("manifest.json", described)),
        filed,
        on_time,
        "thư mục có manifest.json",
    )

    sgtvt, at = studio.agency("sgtvt"), moments.before_due(1, 9, 0)
    plain = studio.form(sgtvt)
    signature = detached_p7s(plain, seal_of(studio.pki, sgtvt), at=at - timedelta(minutes=2), tsa=studio.tsa)
    name = f"Phieu danh gia {moments.year} SGTVT.pdf"
    yield Sample(
        "qlvb-sgtvt",
        "sgtvt",
        "export",
        at,
        ((f"{name}.p7s", signature), (name, plain)),
        filed,
        on_time,
        "tệp rời có chữ ký số tách riêng (.p7s)",
    )

    stnmt, at = studio.agency("stnmt"), moments.before_due(1, 15, 10)
    word = studio.word_form(stnmt)
    signature = detached_p7s(word, seal_of(studio.pki, stnmt), at=at - timedelta(minutes=6))
    name = f"Phieu danh gia {moments.year} STNMT.docx"
    files = ((f"{name}.p7s", signature), (name, word))
    yield Sample("qlvb-stnmt", "stnmt", "export", at, files, filed, on_time, "tệp Word có chữ ký số tách riêng (.p7s)")

    skhcn, at = studio.agency("skhcn"), moments.before_due(3, 8, 20)
    stamped = sign_pdf(
        studio.both(skhcn, at - timedelta(hours=1)),
        seal_of(studio.pki, studio.office),
        field_name="Signature3",
        reason="Đến",
        at=at,
    )
    yield package(
        "qlvb-skhcn",
        "skhcn",
        at,
        "355",
        (Attachment("Phieu danh gia.signed.signed.pdf", stamped),),
        "có thêm chữ ký đến của nơi nhận: không tính là của bên gửi",
    )
