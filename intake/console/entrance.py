"""The sign-in page: a name, a password, and patience with whoever guesses."""

from __future__ import annotations

from datetime import timedelta

from starlette.responses import RedirectResponse, Response

from intake.console.access import Door, is_from_elsewhere
from intake.console.showing import span
from intake.console.visit import Visit
from storage.accounts import SESSION_IDLE, SESSION_LIFE

MAX_NAME, MAX_PASSWORD = 100, 1000


def show(visit: Visit, door: Door, flaw: str = "", status: int = 200) -> Response:
    """Answer with the sign-in form; each carries a token that belongs to this browser's cookie."""
    cookie, token = door.lay_doormat()
    response = visit.page(
        "login.html",
        status,
        title="Đăng nhập",
        door_token=token,
        flaw=flaw,
        name=visit.form.get("name", "")[:MAX_NAME],
        idle=span(SESSION_IDLE),
        life=span(SESSION_LIFE),
        wanted=safe_path(visit.form.get("next") or visit.asked("next")),
    )
    door.give_doormat(response, cookie)
    return response


def judge(visit: Visit, door: Door) -> Response:
    """
    Judge a sign-in form: a right password opens a session, a wrong one is answered alike for known and unknown names.

    Throttling (by name and by address) is kept in storage, so a restart forgives nothing.
    """
    if is_from_elsewhere(visit.request) or not door.doormat_fits(visit.request, visit.form.get("token", "")):
        return show(visit, door, "Biểu mẫu đã hết hiệu lực; xin nhập lại.", status=403)
    name, password = visit.form.get("name", "").strip(), visit.form.get("password", "")
    if not name or not password or len(name) > MAX_NAME or len(password) > MAX_PASSWORD:
        return show(visit, door, "Nhập tên đăng nhập và mật khẩu.", status=422)
    client = visit.request.client
    found = visit.desk.accounts.sign_in(name, password, address=client.host if client else "", at=visit.now)
    if found.token is not None:
        response: Response = RedirectResponse(safe_path(visit.form.get("next", "")), status_code=303)
        door.give_session(response, found.token)
        return response
    if found.wait_seconds is not None:
        wait = span(timedelta(seconds=found.wait_seconds))
        response = show(visit, door, f"Đã thử sai quá nhiều lần. Xin đợi {wait} rồi thử lại.", status=429)
        response.headers["Retry-After"] = str(found.wait_seconds)
        return response
    return show(visit, door, "Tên đăng nhập hoặc mật khẩu không đúng.", status=401)


def safe_path(path: str) -> str:
    """
    Return a path of our own to go to after signing in; anything that a browser may take for another site is "/".

    Browsers read `//host` and `/\\\\host` as another host (WHATWG URL, 4.4), and drop tabs and line feeds.
    """
    if not path.startswith("/") or path.startswith(("//", "/\\")) or any(ord(one) < 33 for one in path):
        return "/"
    return path if not path.startswith(("/login", "/logout")) else "/"
