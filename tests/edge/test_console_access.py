"""Who gets into the console, with which cookie, and what a strange page can and cannot do to a clerk's browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from storage.accounts import Accounts
from storage.records import Role
from tests.makers_console import PASSWORD, Answered, Bureau, Visitor, a_bureau, https, served

INSIDE = [
    "/",
    "/queue",
    "/log",
    "/letters",
    "/campaign",
    "/health",
    "/keys",
    "/accounts",
    "/campaign/extend",
    "/deliveries/d000001",
]


@pytest.fixture
def bureau(tmp_path: Path) -> Iterator[Bureau]:
    """An office with one person of each role."""
    with a_bureau(tmp_path) as made:
        made.person("xem", Role.VIEWER)
        made.person("vanthu", Role.CLERK)
        made.person("quantri", Role.ADMIN)
        yield made


@pytest.fixture
def place(bureau: Bureau) -> Iterator[str]:
    """Where the console is served."""
    with served(bureau.desk) as where:
        yield where


def test_every_page_inside_sends_a_stranger_to_the_door(place: str) -> None:
    """Without a session nothing is shown but the sign-in form, which remembers where one wanted to go."""
    for path in INSIDE:
        answer = Visitor(place).get(path)
        assert (answer.status, answer.headers["location"].partition("?")[0]) == (303, "/login"), path


def test_a_right_password_opens_and_a_wrong_one_does_not(place: str) -> None:
    """A wrong password is answered like an unknown name."""
    visitor = Visitor(place)
    wrong = visitor.sign_in("vanthu", "not the password")
    unknown = visitor.sign_in("nobody", "not the password")
    assert (wrong.status, unknown.status) == (401, 401)
    assert wrong.text.replace("vanthu", "nobody").count("không đúng") == unknown.text.count("không đúng") == 1
    assert visitor.sign_in("vanthu").status == 303
    assert visitor.get("/").status == 200


def test_guessing_is_made_to_wait(place: str) -> None:
    """After some failures even the right password waits, and the answer says how long."""
    visitor = Visitor(place)
    statuses = [visitor.sign_in("vanthu", f"guess number {number}").status for number in range(7)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    answer = visitor.sign_in("vanthu", PASSWORD)
    assert answer.status == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "Xin đợi" in answer.text


def test_the_session_cookie_is_out_of_reach_of_scripts(place: str) -> None:
    """HttpOnly and SameSite always; the key before signing in is not the key after."""
    visitor = Visitor(place)
    visitor.get("/login")
    assert "intake_session" not in visitor.cookies
    answer = visitor.sign_in("vanthu")
    cookie = next(value for key, value in _cookies(answer) if key == "intake_session")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert "intake_door" not in visitor.cookies


def test_behind_https_cookies_are_secure_and_host_bound(bureau: Bureau) -> None:
    """`__Host-` cookies cannot be set by a neighbour, and the browser is told to stay with https."""
    with served(https(bureau.desk)) as place:
        answer = Visitor(place).get("/login")
        cookie = next(value for key, value in _cookies(answer) if key == "__Host-intake_door")
        assert "Secure" in cookie
        assert "strict-transport-security" in answer.headers


@pytest.mark.parametrize("path", ["/login", "/", "/static/console.css", "/nowhere", "/healthz"])
def test_every_answer_carries_the_rules_for_browsers(place: str, path: str) -> None:
    """No script, no frame, no sniffing, no foreign source: on pages, files, redirections and errors alike."""
    headers = Visitor(place).get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"


def test_only_pages_of_people_who_use_keys_may_load_the_one_script(place: str) -> None:
    """It comes from here, makes no text into code, and who switches the keys off gets pages without any script."""
    visitor = Visitor(place)
    visitor.sign_in("xem")
    policy = visitor.get("/").headers["content-security-policy"]
    assert "script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert visitor.fill("/keys", "/keys", shortcuts="off").headers["location"] == "/keys?notice=keys-off"
    for path in ("/", "/log", "/keys", "/nowhere"):
        page = visitor.get(path)
        assert "<script" not in page.text, path
        assert "script-src" not in page.headers["content-security-policy"], path
    again = Visitor(place)
    again.sign_in("xem")
    assert "<script" not in again.get("/").text
    again.fill("/keys", "/keys", shortcuts="on")
    assert "<script" in visitor.get("/").text


def test_a_download_is_never_a_script(bureau: Bureau, place: str) -> None:
    """What strangers sent comes from here as well: it bears a type and a policy under which no browser runs it."""
    sent = bureau.deliver(data=b"alert(1)", name="keys.js")
    visitor = Visitor(place)
    visitor.sign_in("xem")
    headers = visitor.get(f"/deliveries/{sent.id}/files/{sent.sha256}").headers
    assert headers["content-type"] == "application/octet-stream"
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]


def test_pages_are_not_kept_by_browsers(place: str) -> None:
    """A shared office PC must not show the last clerk's pages after he signed out."""
    visitor = Visitor(place)
    visitor.sign_in("vanthu")
    assert visitor.get("/").headers["cache-control"] == "no-store"


def test_pages_hold_no_inline_script_or_style(bureau: Bureau, place: str) -> None:
    """The policy would block them; the one script there is stands in a file of ours."""
    filed = bureau.filed("stc")
    visitor = Visitor(place)
    visitor.sign_in("quantri")
    for path in [*INSIDE[:-1], f"/deliveries/{filed.id}", f"/deliveries/{filed.id}/decide/return"]:
        page = visitor.get(path)
        assert page.status == 200, path
        told = re.sub(r'<script src="/static/keys\.js\?v=[0-9a-f]{12}" defer></script>', "", page.text)
        for forbidden in ("<script", " style=", "<style", " onclick=", " onload=", "javascript:"):
            assert forbidden not in told, (path, forbidden)


def test_a_form_without_its_token_changes_nothing(bureau: Bureau, place: str) -> None:
    """A strange page can make a browser send a form, but it cannot know the token (CSRF)."""
    held = bureau.held("PERSON_SIGNATURE_ONLY")
    visitor = Visitor(place)
    visitor.sign_in("vanthu")
    for fields in ({}, {"token": ""}, {"token": "x" * 43}):
        asked = {"reason": "CLERK_TEST_MESSAGE", "step": "confirm", **fields}
        assert visitor.post(f"/deliveries/{held.id}/decide/dismiss", asked).status == 403
    assert bureau.office.ledger.delivery(held.id).state == "held"


def test_a_form_that_another_site_sends_changes_nothing(bureau: Bureau, place: str) -> None:
    """Even with a stolen token, a browser that says the request is cross-site is refused."""
    held = bureau.held("PERSON_SIGNATURE_ONLY")
    visitor = Visitor(place)
    visitor.sign_in("vanthu")
    token = visitor.token(visitor.get(f"/deliveries/{held.id}/decide/dismiss"))
    fields = {"token": token, "reason": "CLERK_TEST_MESSAGE", "step": "confirm"}
    answer = visitor.post(f"/deliveries/{held.id}/decide/dismiss", fields, **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status == 403
    assert bureau.office.ledger.delivery(held.id).state == "held"


def test_nobody_is_signed_in_by_a_strange_page(place: str) -> None:
    """The sign-in form needs the cookie that came with it (login CSRF)."""
    stranger = Visitor(place)
    token = stranger.token(stranger.get("/login"))
    victim = Visitor(place)
    answer = victim.post("/login", {"name": "vanthu", "password": PASSWORD, "token": token})
    assert answer.status == 403
    assert "intake_session" not in victim.cookies


def test_another_sessions_token_does_not_fit(bureau: Bureau, place: str) -> None:
    """A token is good for its own session only."""
    held = bureau.held("PERSON_SIGNATURE_ONLY")
    one, other = Visitor(place), Visitor(place)
    one.sign_in("vanthu")
    other.sign_in("quantri")
    stolen = other.token(other.get(f"/deliveries/{held.id}/decide/dismiss"))
    fields = {"token": stolen, "reason": "CLERK_TEST_MESSAGE", "step": "confirm"}
    assert one.post(f"/deliveries/{held.id}/decide/dismiss", fields).status == 403


def test_signing_out_ends_the_session_on_our_side(place: str) -> None:
    """A copied cookie is worth nothing afterwards."""
    visitor = Visitor(place)
    visitor.sign_in("vanthu")
    copied = dict(visitor.cookies)
    assert visitor.fill("/", "/logout").headers["location"].startswith("/login")
    thief = Visitor(place)
    thief.cookies = copied
    assert thief.get("/").status == 303


def test_a_get_never_signs_out(place: str) -> None:
    """A picture on a strange page must not end a clerk's session."""
    visitor = Visitor(place)
    visitor.sign_in("vanthu")
    assert visitor.get("/logout").status == 405
    assert visitor.get("/").status == 200


def test_a_disabled_account_is_out_at_once(bureau: Bureau, place: str) -> None:
    """Its open sessions end with the next page."""
    visitor = Visitor(place)
    visitor.sign_in("vanthu")
    Accounts(bureau.office.database).disable("vanthu", by="quantri", at=bureau.clock())
    assert visitor.get("/").status == 303


def test_a_session_ends_by_itself(bureau: Bureau, place: str) -> None:
    """A browser left open over night asks for the password again."""
    visitor = Visitor(place)
    visitor.sign_in("vanthu")
    bureau.clock.now += timedelta(hours=12)
    assert visitor.get("/").status == 303


def test_a_session_that_ended_does_not_take_a_clerks_words_with_it(bureau: Bureau, place: str) -> None:
    """What was typed is shown to be copied, nothing is done, and a stranger's words are not repeated."""
    held = bureau.held("PERSON_SIGNATURE_ONLY")
    visitor = Visitor(place)
    visitor.sign_in("vanthu")
    path = f"/deliveries/{held.id}/decide/return"
    token = visitor.token(visitor.get(path))
    bureau.clock.now += timedelta(hours=12)
    fields = {"token": token, "reason": "CLERK_OTHER", "note": "Một ghi chú <dài>", "step": "confirm"}
    answer = visitor.post(path, fields)
    assert answer.status == 403
    assert "Một ghi chú &lt;dài&gt;" in answer.text
    assert bureau.office.ledger.delivery(held.id).state == "held"
    assert Visitor(place).post(path, fields).headers["location"].startswith("/login")


def test_a_viewer_looks_and_nothing_else(bureau: Bureau, place: str) -> None:
    """No button, no form, and no way around the missing button."""
    held = bureau.held("PERSON_SIGNATURE_ONLY")
    visitor = Visitor(place)
    visitor.sign_in("xem")
    page = visitor.get(f"/deliveries/{held.id}")
    assert page.status == 200
    assert "/decide/" not in page.text
    assert visitor.get(f"/deliveries/{held.id}/decide/dismiss").status == 403
    token = visitor.token(page)
    fields = {"token": token, "reason": "CLERK_TEST_MESSAGE", "step": "confirm"}
    assert visitor.post(f"/deliveries/{held.id}/decide/dismiss", fields).status == 403
    assert visitor.post("/campaign/extend", {"token": token}).status == 403
    assert bureau.office.ledger.delivery(held.id).state == "held"


def test_accounts_are_the_administrators(place: str) -> None:
    """A clerk neither sees the page nor can send its form."""
    visitor = Visitor(place)
    visitor.sign_in("vanthu")
    assert visitor.get("/accounts").status == 403
    fields = {"token": visitor.token(visitor.get("/")), "name": "x", "full_name": "X", "role": "admin"}
    assert visitor.post("/accounts", fields).status == 403


def test_a_body_larger_than_any_form_is_refused(place: str) -> None:
    """Nobody fills the memory through the sign-in form."""
    assert Visitor(place).post("/login", {"name": "x" * 100_000}).status == 413


def test_a_body_that_is_no_form_has_no_token(place: str) -> None:
    """JSON, multipart and noise are read by nobody."""
    visitor = Visitor(place)
    visitor.get("/login")
    for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
        answer = visitor._ask("POST", "/login", b"\xff\xfe{", {"Content-Type": kind})
        assert answer.status == 403


def test_the_wanted_page_comes_after_signing_in(place: str) -> None:
    """A link in a colleague's mail leads to its page, and never to another site."""
    visitor = Visitor(place)
    door = visitor.get("/log?q=phi%E1%BA%BFu").headers["location"]
    answer = visitor.fill(door, "/login", name="vanthu", password=PASSWORD, next="/log?q=phi%E1%BA%BFu")
    assert answer.headers["location"] == "/log?q=phi%E1%BA%BFu"
    other = Visitor(place)
    answer = other.fill("/login", "/login", name="vanthu", password=PASSWORD, next="//evil.example/")
    assert answer.headers["location"] == "/"


def test_the_health_check_needs_no_session_and_tells_nothing(place: str) -> None:
    """A container asks whether the console and its database answer; it learns only that."""
    answer = Visitor(place).get("/healthz")
    assert (answer.status, answer.text) == (200, "ok")


def test_static_files_are_only_ours(place: str) -> None:
    """No path leads out of the few files there are."""
    visitor = Visitor(place)
    assert visitor.get("/static/console.css").status == 200
    for path in ("/static/../app.py", "/static/%2e%2e%2fapp.py", "/static/app.py", "/static/"):
        assert visitor.get(path).status == 404


def _cookies(answer: Answered) -> list[tuple[str, str]]:
    return [(one.partition("=")[0], one) for one in answer.set_cookies]
