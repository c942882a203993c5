"""What an error says: its facts stand in sentences of both languages, and it can be recorded and said again later."""

from __future__ import annotations

import pickle

import pytest

from config.errors import OfficeError, WrongUse
from config.reasons import explain_with, in_english, keep, recall

HOSTILE = '{root} "\n\x1b[31m\u202e\ud800 ☃'


def test_an_error_says_the_same_in_both_languages() -> None:
    """As text it speaks English, which is what the log wants; on a page the Vietnamese comes first."""
    error = OfficeError("FOLDER_NOT_LISTED", source="qlvb", root="/srv/x", why="Stale file handle")

    assert str(error) == "qlvb: the folder /srv/x cannot be listed: Stale file handle"
    assert error.remedy.startswith("Check that the share is mounted")
    assert error.told.vi == "Nguồn qlvb: không xem được thư mục /srv/x: Stale file handle."
    assert error.told.do_vi.startswith("Kiểm tra ổ đĩa mạng đã được gắn")
    assert error.in_vietnamese == f"{error.told.vi} {error.told.do_vi}"


@pytest.mark.parametrize("why", ["Stale file handle", HOSTILE, "", "OVERSIZE"])
def test_what_was_kept_is_said_again(why: str) -> None:
    """Whatever a fact holds: a brace fills no other place, and a code in it speaks no sentence of ours."""
    error = OfficeError("FOLDER_NOT_LISTED", source="qlvb", root="/srv/x", why=why)

    assert recall(error.kept) == error.told
    assert in_english(error.kept) == str(error)
    assert why in error.told.vi
    assert why in error.told.en


def test_an_error_without_facts_is_kept_as_its_code() -> None:
    """So it is read like the codes that stood alone in earlier rows."""
    error = OfficeError("WORKER_NOT_STARTED")

    assert error.kept == "WORKER_NOT_STARTED"
    assert recall(error.kept).en == "no worker process could be started"
    assert in_english(error.kept) == error.kept


@pytest.mark.parametrize(
    "words",
    ["connection refused", "", "550 5.1.1 no such user", "NO_SUCH_CODE {}", 'VAULT_FULL {"what": ', "VAULT_FULL {} x"],
)
def test_words_that_nobody_kept_come_back_as_they_are(words: str) -> None:
    """Rows of an earlier version and other programs' answers are shown, not guessed at."""
    told = recall(words)

    assert (told.code, told.vi, told.en, told.do_vi, told.do_en) == ("", "", words, "", "")
    assert in_english(words) == words


def test_a_row_without_words_says_nothing() -> None:
    """A source that never failed has none."""
    assert recall(None).en == ""


def test_the_reasons_of_a_refusal_speak_in_sentences() -> None:
    """A clerk reads why, and no bare code."""
    told = explain_with("ACT_REFUSED", {"action": "accept", "ref": "d000001", "reasons": "OVERSIZE, MAIL_GONE"})

    assert "Thư điện tử quá lớn" in told.vi
    assert "The mail is too large" in told.en
    assert "MAIL_GONE" not in told.vi + told.en


def test_words_that_end_their_own_sentence_bring_no_second_stop() -> None:
    """Mail servers do, and two stops in a row look like a fault of ours."""
    facts = {"source": "mailbox", "user": "x", "said": "Authentication failed.", "password_place": "P"}

    assert explain_with("MAILBOX_LOGIN_REFUSED", facts).vi.endswith("đăng nhập của x: Authentication failed.")


def test_a_place_without_its_fact_stays() -> None:
    """Nobody is left without words for want of one."""
    assert recall(keep("VAULT_FULL", {"why": "full"})).en == "{what}: full"


def test_an_error_passes_between_processes_whole() -> None:
    """Several files are verified by several processes, and one may be refused there."""
    passed = pickle.loads(pickle.dumps(WrongUse("PATH_NOT_A_FILE", path="x.pdf")))

    assert (type(passed), passed.kept, str(passed)) == (
        WrongUse,
        'PATH_NOT_A_FILE {"path": "x.pdf"}',
        "x.pdf is not a file",
    )
