"""What a clerk does through the console: decide with a reason, the letter in view, and two persons where two must."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.settings import SmtpTable
from storage.accounts import Accounts
from storage.records import LetterKind, LetterState, Role, State
from tests.makers_console import NOW, PASSWORD, ZONE, Answered, Bureau, Visitor, a_bureau, served


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[Bureau]:
    """An office with two clerks."""
    with a_bureau(tmp_path) as made:
        made.person("vanthu", full_name="Nguyễn Thị Một")
        made.person("vanthu2", full_name="Trần Văn Hai")
        yield made


@pytest.fixture
def place(bureau: Bureau) -> Iterator[str]:
    """Where the console is served."""
    with served(bureau.desk) as where:
        yield where


@pytest.fixture
def clerk(place: str) -> Visitor:
    """A clerk who has signed in."""
    return signed_in(place, "vanthu")


def signed_in(place: str, name: str) -> Visitor:
    """Return a browser in which `name` has signed in."""
    visitor = Visitor(place)
    assert visitor.sign_in(name).status == 303
    return visitor


def words_of(answer: Answered) -> str:
    """Return a page's running text."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def decide(visitor: Visitor, ref: str, action: str, **fields: str) -> Answered:
    """Fill the decision form, look at the preview, and confirm it; returns the last answer."""
    path = f"/deliveries/{ref}/decide/{action}"
    preview = visitor.fill(path, path, **fields)
    if preview.status != 200:
        return preview
    return visitor.post(path, {"token": visitor.token(preview), "step": "confirm", **fields})


def test_the_letter_is_shown_before_anything_happens(bureau: Bureau, clerk: Visitor) -> None:
    """The first sending changes nothing and queues nothing."""
    held = bureau.held("FORM_UNSIGNED", agency="stttt", signature="unsigned", signatures=[])
    before = bureau.desk.queries.timeline(held.id)
    path = f"/deliveries/{held.id}/decide/return"
    preview = clerk.fill(path, path, reason="CLERK_RETURN_UNSIGNED", note="Ký số giúp rồi gửi lại.")
    assert preview.status == 200
    assert "stttt@binhthuan.gov.vn" in preview.text
    assert "Ký số giúp rồi gửi lại." in preview.text
    assert "PDG-2019-000001" in preview.text
    assert bureau.desk.queries.timeline(held.id) == before


def test_a_return_is_done_logged_and_answered(bureau: Bureau, clerk: Visitor) -> None:
    """The state, the person, the reason and the letter are written together."""
    held = bureau.held("FORM_UNSIGNED", agency="stttt", signature="unsigned", signatures=[])
    answer = decide(clerk, held.id, "return", reason="CLERK_RETURN_UNSIGNED", note="Ký số giúp.")
    assert answer.status == 303
    after = bureau.office.ledger.delivery(held.id)
    letters = bureau.office.ledger.letters.letters_of(held.id)
    assert (after.state, after.decided_by) == (State.RETURNED, "vanthu")
    assert [one.kind for one in letters] == [LetterKind.RECEIPT, LetterKind.RETURN]
    assert "Ký số giúp." in letters[-1].body
    timeline = bureau.desk.queries.timeline(held.id)
    assert any(one.actor == "vanthu" and one.event == "returned" for one in timeline)


def test_after_a_decision_the_next_undecided_one_opens(bureau: Bureau, clerk: Visitor) -> None:
    """A clerk empties the queue without going back to it, and sees what was just done."""
    first = bureau.held("PERSON_SIGNATURE_ONLY", agency="snv")
    second = bureau.held("PERSON_SIGNATURE_ONLY", agency="stc")
    answer = decide(clerk, first.id, "accept", reason="CLERK_SIGNER_CONFIRMED")
    assert answer.headers["location"].startswith(f"/deliveries/{second.id}?")
    page = words_of(clerk.get(answer.headers["location"]))
    assert "Đã tiếp nhận văn bản. Xem PDG-2019-000001" in page


def test_one_person_may_accept_what_is_signed_and_in_time(bureau: Bureau, clerk: Visitor) -> None:
    """A passed signature before the end of grace needs no second person."""
    held = bureau.held("PERSON_SIGNATURE_ONLY", agency="snv")
    decide(clerk, held.id, "accept", reason="CLERK_SIGNER_CONFIRMED")
    after = bureau.office.ledger.delivery(held.id)
    assert (after.state, after.operative) == (State.FILED, True)


def test_two_different_persons_accept_what_is_not_certain(bureau: Bureau, place: str) -> None:
    """The first asking is recorded and shown, the same person cannot complete it, a second one can."""
    held = bureau.held("SIGNATURE_INDETERMINATE", agency="snv", signature="indeterminate")
    one, two = signed_in(place, "vanthu"), signed_in(place, "vanthu2")
    asked = decide(one, held.id, "accept", reason="CLERK_SIGNER_CONFIRMED", note="Đã gọi điện.")
    assert "notice=asked" in asked.headers["location"]
    assert bureau.office.ledger.delivery(held.id).state is State.HELD
    for visitor in (one, two):
        page = words_of(visitor.get(f"/deliveries/{held.id}"))
        assert "Nguyễn Thị Một đã đề nghị “tiếp nhận”" in page
        assert "Đã gọi điện." in page
    assert decide(one, held.id, "accept", reason="CLERK_SIGNER_CONFIRMED").status == 409
    assert bureau.office.ledger.delivery(held.id).state is State.HELD
    assert "xác nhận thứ hai" in words_of(two.get(f"/deliveries/{held.id}"))
    decide(two, held.id, "accept", reason="CLERK_SIGNER_CONFIRMED")
    assert bureau.office.ledger.delivery(held.id).state is State.FILED


def test_after_grace_two_persons_must_agree(bureau: Bureau, place: str) -> None:
    """One clerk alone cannot let a late form in."""
    late = bureau.deliver(received_at=datetime(2019, 9, 21, 0, 0, tzinfo=ZONE))
    held = bureau.decide(late, State.HELD, agency="snv")
    decide(signed_in(place, "vanthu"), held.id, "accept", reason="CLERK_LEADERS_DECISION")
    assert bureau.office.ledger.delivery(held.id).state is State.HELD


def test_a_failed_signature_is_accepted_by_nobody(bureau: Bureau, place: str) -> None:
    """There is no button, the page says why, and neither the form's address nor two persons get around it."""
    held = bureau.held("FORM_SIGNATURE_FAILED", agency="snv", signature="failed")
    for name in ("vanthu", "vanthu2"):
        visitor = signed_in(place, name)
        page = visitor.get(f"/deliveries/{held.id}")
        assert f"/deliveries/{held.id}/decide/accept" not in page.text
        assert "Không thể tiếp nhận: Chữ ký số không hợp lệ" in words_of(page)
        form = visitor.get(f"/deliveries/{held.id}/decide/accept")
        assert 'name="reason"' not in form.text
        fields = {"token": visitor.token(page), "step": "confirm", "reason": "CLERK_LEADERS_DECISION"}
        assert visitor.post(f"/deliveries/{held.id}/decide/accept", fields).status == 409
    assert bureau.office.ledger.delivery(held.id).state is State.HELD


def test_what_is_not_open_in_a_state_has_no_button_but_a_reason(bureau: Bureau, clerk: Visitor) -> None:
    """A filed form can be returned (by two) and nothing else."""
    filed = bureau.filed("stc")
    page = clerk.get(f"/deliveries/{filed.id}")
    assert re.findall(r"/decide/(\w+)", page.text) == ["return"]
    assert "ACT_NOT_OPEN_IN_STATE" in page.text


@pytest.mark.parametrize(
    ("action", "fields", "words"),
    [
        pytest.param("return", {}, "Chọn một lý do.", id="no reason"),
        pytest.param("return", {"reason": "CLERK_SAME_CONTENT"}, "Chọn một lý do.", id="another act's reason"),
        pytest.param("return", {"reason": "CLERK_OTHER"}, "Ghi rõ lý do trong ghi chú.", id="other without words"),
        pytest.param("return", {"reason": "CLERK_OTHER", "note": "x" * 2001}, "quá 2000 ký tự", id="too long"),
        pytest.param("link", {"reason": "CLERK_SAME_CONTENT"}, "Ghi số tiếp nhận", id="a copy of nothing"),
        pytest.param(
            "link", {"reason": "CLERK_SAME_CONTENT", "target": "PDG-2019-999999"}, "Không có văn bản nào", id="of none"
        ),
        pytest.param(
            "link", {"reason": "CLERK_SAME_CONTENT", "target": "PDG-2019-000001"}, "của chính nó", id="of itself"
        ),
        pytest.param("accept", {"reason": "CLERK_AGENCY_CONFIRMED"}, "Chọn cơ quan gửi.", id="nobody's form"),
        pytest.param(
            "accept", {"reason": "CLERK_AGENCY_CONFIRMED", "target": "khong-co"}, "trong danh sách", id="a stranger's"
        ),
    ],
)
def test_a_flaw_in_the_form_is_said_beside_it(
    bureau: Bureau, clerk: Visitor, action: str, fields: dict[str, str], words: str
) -> None:
    """Nothing is done, what was typed is kept, and the flaw is in Vietnamese."""
    held = bureau.held("AGENCY_UNKNOWN", agency=None)
    answer = decide(clerk, held.id, action, **fields)
    assert answer.status == 422
    assert words in words_of(answer)
    assert bureau.office.ledger.delivery(held.id).state is State.HELD


def test_two_clerks_name_the_agency_where_the_machine_found_none(bureau: Bureau, place: str) -> None:
    """Then the form stands for that agency on the board; one alone could give a stranger's form to anybody."""
    held = bureau.held("AGENCY_UNKNOWN", agency=None)
    decide(signed_in(place, "vanthu"), held.id, "accept", reason="CLERK_AGENCY_CONFIRMED", target="stc")
    assert bureau.office.ledger.delivery(held.id).state is State.HELD
    decide(signed_in(place, "vanthu2"), held.id, "accept", reason="CLERK_AGENCY_CONFIRMED", target="stc")
    after = bureau.office.ledger.delivery(held.id)
    assert (after.state, after.agency) == (State.FILED, "stc")


def test_a_copy_is_linked_by_receipt_number(bureau: Bureau, clerk: Visitor) -> None:
    """The clerk types the number that he has in hand."""
    filed, held = bureau.filed("stc"), bureau.held("AGENCY_UNKNOWN", agency=None)
    decide(clerk, held.id, "link", reason="CLERK_SAME_CONTENT", target=str(filed.receipt_no))
    after = bureau.office.ledger.delivery(held.id)
    assert (after.state, after.linked_to) == (State.LINKED, filed.id)


@pytest.mark.parametrize(
    ("state", "action", "reason", "after"),
    [
        (State.HELD, "dismiss", "CLERK_NOT_A_SUBMISSION", State.DISMISSED),
        (State.HELD, "retry", "CLERK_TRUST_UPDATED", State.RECEIVED),
        (State.SET_ASIDE, "release", "CLERK_IS_A_SUBMISSION", State.RECEIVED),
        (State.SHELVED, "retry", "CLERK_CAUSE_REMOVED", State.RECEIVED),
    ],
)
def test_every_other_act_does_what_it_says(
    bureau: Bureau, clerk: Visitor, state: State, action: str, reason: str, after: State
) -> None:
    """Dismiss, retry and release reach the state that the preview promised."""
    delivery = bureau.decide(bureau.deliver(), state, agency=None, signature=None, is_submission=False)
    path = f"/deliveries/{delivery.id}/decide/{action}"
    preview = clerk.fill(path, path, reason=reason)
    assert "Không có thư nào gửi đi." in words_of(preview)
    decide(clerk, delivery.id, action, reason=reason)
    assert bureau.office.ledger.delivery(delivery.id).state is after


@pytest.mark.parametrize("path", ["/deliveries/d000001/decide/delete", "/deliveries/d999999/decide/accept"])
def test_an_act_that_is_none_is_not_found(bureau: Bureau, clerk: Visitor, path: str) -> None:
    """There is no way to delete, and nothing to do with what is not there."""
    bureau.held("AGENCY_UNKNOWN", agency=None)
    assert clerk.get(path).status == 404


# Letters


def test_a_letter_in_doubt_is_sent_again_only_by_a_person_with_a_reason(bureau: Bureau, clerk: Visitor) -> None:
    """Without a reason nothing happens; with one it is approved and logged."""
    letter = _in_doubt(bureau)
    path = f"/letters/{letter}"
    assert clerk.fill(path, path, do="resend").status == 422
    assert bureau.office.ledger.letters.letter(letter).state is LetterState.IN_DOUBT
    clerk.fill(path, path, do="resend", reason="Cơ quan báo chưa nhận được")
    assert bureau.office.ledger.letters.letter(letter).state is LetterState.APPROVED


def test_a_letter_in_doubt_can_be_settled_without_sending(bureau: Bureau, clerk: Visitor) -> None:
    """The agency has it: then it stays in the house."""
    letter = _in_doubt(bureau)
    clerk.fill(f"/letters/{letter}", f"/letters/{letter}", do="withhold", reason="Cơ quan đã nhận")
    assert bureau.office.ledger.letters.letter(letter).state is LetterState.WITHHELD


def test_what_needs_a_person_stands_first_among_the_letters(bureau: Bureau, clerk: Visitor) -> None:
    """In doubt before queued."""
    _in_doubt(bureau)
    bureau.filed("stttt")
    body = clerk.get("/letters").text.partition("<tbody")[2]
    assert body.index("Không rõ đã gửi hay chưa") < body.index("Chờ gửi")


def test_a_sent_letter_has_no_button(bureau: Bureau, clerk: Visitor) -> None:
    """What is done is done; a second sending would need a new reason elsewhere."""
    filed = bureau.filed("stttt")
    book = bureau.office.ledger.letters
    letter = book.letters_of(filed.id)[0]
    book.mark_sending(letter.id, NOW)
    book.mark_sent(letter.id, NOW)
    page = clerk.get(f"/letters/{letter.id}")
    assert 'name="do"' not in page.text


def test_in_approve_mode_a_person_lets_each_letter_go(tmp_path: Path) -> None:
    """The button is there, and the letter then waits for the courier."""
    with a_bureau(tmp_path, smtp=SmtpTable(mode="approve")) as bureau:
        bureau.person("vanthu")
        filed = bureau.filed("stttt")
        letter = bureau.office.ledger.letters.letters_of(filed.id)[0].id
        with served(bureau.desk) as place:
            visitor = signed_in(place, "vanthu")
            visitor.fill(f"/letters/{letter}", f"/letters/{letter}", do="approve")
        assert bureau.office.ledger.letters.letter(letter).state is LetterState.APPROVED


# The campaign


def extension(**other: str) -> dict[str, str]:
    """Return the fields of an extension to the end of 27/09/2019."""
    return {
        "closes_day": "28/09/2019",
        "closes_time": "00:00",
        "basis": "Công văn 801/STTTT ngày 19/9/2019",
        "approved_by": "Giám đốc Sở",
        "approved_on": "19/09/2019",
        **other,
    }


def test_an_extension_is_foreseen_then_recorded(bureau: Bureau, clerk: Visitor) -> None:
    """The preview counts the deliveries that change; confirming writes file, log and new readings."""
    late = bureau.deliver(received_at=datetime(2019, 9, 21, 8, 0, tzinfo=ZONE))
    held = bureau.decide(late, State.HELD, agency="snv")
    preview = clerk.fill("/campaign/extend", "/campaign/extend", **extension())
    assert "1 văn bản đổi thời hạn" in words_of(preview)
    assert "Sau gia hạn → Trong gia hạn" in words_of(preview)
    assert bureau.campaign.closes == datetime(2019, 9, 21, tzinfo=ZONE)
    fields = {"token": clerk.token(preview), "step": "confirm", **extension()}
    assert clerk.post("/campaign/extend", fields).headers["location"] == "/campaign?notice=extended"
    assert bureau.campaign.closes == datetime(2019, 9, 28, tzinfo=ZONE)
    assert bureau.campaign.approved_by == "Giám đốc Sở"
    entries = bureau.desk.queries.entries()
    assert any(one.actor == "vanthu" and "801/STTTT" in str(one.detail) for one in entries)
    assert bureau.office.ledger.delivery(held.id).received_at == held.received_at


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"closes_day": "20/09/2019"}, "phải sau thời điểm hiện nay", id="earlier"),
        pytest.param({"closes_day": "21/09/2019"}, "phải sau thời điểm hiện nay", id="the same"),
        pytest.param({"closes_day": "2019-09-28"}, "ghi ngày như", id="written otherwise"),
        pytest.param({"closes_time": "24:00"}, "ghi ngày như", id="twenty-four hours"),
        pytest.param({"basis": " "}, "Ghi căn cứ", id="no basis"),
        pytest.param({"approved_by": ""}, "Ghi người phê duyệt", id="nobody approved"),
        pytest.param({"approved_on": "20/09/2019"}, "không thể sau hôm nay", id="approved tomorrow"),
    ],
)
def test_an_extension_with_a_flaw_changes_nothing(
    bureau: Bureau, clerk: Visitor, fields: dict[str, str], words: str
) -> None:
    """A cut-off is only ever moved in the agencies' favour, with basis and approval."""
    answer = clerk.fill("/campaign/extend", "/campaign/extend", **extension(**fields), step="confirm")
    assert answer.status == 422
    assert words in words_of(answer)
    assert bureau.campaign.closes == datetime(2019, 9, 21, tzinfo=ZONE)


# Accounts and the demonstration's letters


def test_an_administrator_makes_changes_and_closes_accounts(bureau: Bureau, place: str) -> None:
    """Each change is done under the administrator's name and shown."""
    bureau.person("quantri", Role.ADMIN)
    admin = signed_in(place, "quantri")
    new = {"name": "moi", "full_name": "Người Mới", "role": "viewer", "password": PASSWORD, "again": PASSWORD}
    assert admin.fill("/accounts", "/accounts", **new).status == 303
    assert admin.fill("/accounts", "/accounts/moi", do="role", role="clerk").status == 303
    assert admin.fill("/accounts", "/accounts/moi", do="disable").status == 303
    made = Accounts(bureau.office.database).get("moi")
    assert made is not None
    assert (made.role, made.disabled) == (Role.CLERK, True)
    entries = bureau.desk.queries.entries()
    assert sum(one.actor == "quantri" for one in entries) >= 3
    assert not any(PASSWORD in str(one.detail) for one in entries)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"again": "something else"}, "không giống nhau", id="typed differently"),
        pytest.param({"role": "king"}, "Chọn một vai trò", id="no such role"),
        pytest.param({"password": "short", "again": "short"}, "password", id="too short"),
        pytest.param({"name": "vanthu"}, "vanthu", id="taken"),
        pytest.param({"name": "<script>"}, "&lt;script&gt;", id="malformed"),
    ],
)
def test_an_account_with_a_flaw_is_not_made(bureau: Bureau, place: str, fields: dict[str, str], words: str) -> None:
    """The flaw is told, the passwords are not shown again."""
    bureau.person("quantri", Role.ADMIN)
    admin = signed_in(place, "quantri")
    given = {"name": "moi", "full_name": "Người Mới", "role": "viewer", "password": PASSWORD, "again": PASSWORD}
    answer = admin.fill("/accounts", "/accounts", **{**given, **fields})
    assert answer.status == 422
    assert words in answer.text
    assert PASSWORD not in answer.text
    assert len(Accounts(bureau.office.database).list()) == 3


def test_an_administrator_cannot_shut_himself_out(bureau: Bureau, place: str) -> None:
    """Else the office may have nobody left who can open it."""
    bureau.person("quantri", Role.ADMIN)
    admin = signed_in(place, "quantri")
    assert admin.fill("/accounts", "/accounts/quantri", do="disable").status == 409
    assert admin.fill("/accounts", "/accounts/quantri", do="role", role="viewer").status == 409
    assert admin.get("/accounts").status == 200


@dataclass(frozen=True)
class Caught:
    """A caught letter as the mail sink tells it."""

    name: str = "20190919T023000000000Z-1.eml"
    caught_at: datetime = datetime(2019, 9, 19, 2, 30, tzinfo=UTC)
    envelope_from: str = "stttt@binhthuan.gov.vn"
    to: tuple[str, ...] = ("snv@binhthuan.gov.vn",)
    subject: str = "Xác nhận <script>"
    message_id: str = "<1@example>"
    in_reply_to: str = ""
    text: str = "Đã nhận <b>văn bản</b>."


def test_the_demonstrations_letters_can_be_read_as_text(bureau: Bureau) -> None:
    """Nothing that was caught becomes markup; an unknown name is not found."""
    with served(replace(bureau.desk, caught_letters=lambda: (Caught(),))) as place:
        visitor = signed_in(place, "vanthu")
        assert "Xác nhận &lt;script&gt;" in visitor.get("/sink").text
        page = visitor.get(f"/sink/{Caught().name}")
        assert "Đã nhận &lt;b&gt;văn bản&lt;/b&gt;." in page.text
        assert visitor.get("/sink/..%2f..%2fetc").status == 404


def test_outside_the_demonstration_there_are_no_caught_letters(clerk: Visitor) -> None:
    """No page and no entry in the navigation."""
    assert clerk.get("/sink").status == 404
    assert "/sink" not in clerk.get("/").text


def _in_doubt(bureau: Bureau) -> str:
    filed = bureau.filed("stttt")
    book = bureau.office.ledger.letters
    letter = book.letters_of(filed.id)[0].id
    book.mark_sending(letter, NOW)
    book.mark_in_doubt(letter, NOW, "connection lost after DATA")
    return letter
