"""Who may use the console: the administrator's page of accounts."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import Response

from intake.console.visit import Visit
from storage.accounts import AccountError
from storage.records import Role


def show(visit: Visit) -> Response:
    """Answer with all accounts and the form for a new one."""
    return _page(visit)


def create(visit: Visit) -> Response:
    """Make an account; what storage refuses (a name taken, a password too short) comes back with its words."""
    form = visit.form
    try:
        role = Role(form.get("role", ""))
    except ValueError:
        return _page(visit, "Chọn một vai trò.", status=422)
    if form.get("password", "") != form.get("again", ""):
        return _page(visit, "Hai lần nhập mật khẩu không giống nhau.", status=422)
    try:
        visit.desk.accounts.create(
            form.get("name", "").strip(),
            form.get("full_name", "").strip(),
            role,
            form.get("password", ""),
            by=visit.account.name,
            at=visit.now,
        )
    except AccountError as error:
        return _page(visit, error.in_vietnamese, status=422)
    return visit.go("/accounts", "account-created")


def change(visit: Visit) -> Response:
    """Disable or enable an account, or change its role or password; one's own account is left alone."""
    name, do = visit.place("name"), visit.form.get("do", "")
    accounts, by = visit.desk.accounts, visit.account.name
    if accounts.get(name) is None:
        raise HTTPException(404)
    if name == by and do in ("disable", "role"):
        # Whoever shuts himself out may leave the office without any administrator.
        return _page(visit, "Không thể khóa hoặc đổi vai trò của chính tài khoản đang dùng.", status=409)
    try:
        if do == "disable":
            accounts.disable(name, by=by, at=visit.now)
        elif do == "enable":
            accounts.enable(name, by=by, at=visit.now)
        elif do == "role" and visit.form.get("role") in set(Role):
            accounts.set_role(name, Role(visit.form["role"]), by=by, at=visit.now)
        elif do == "password":
            if visit.form.get("password", "") != visit.form.get("again", ""):
                return _page(visit, "Hai lần nhập mật khẩu không giống nhau.", status=422)
            accounts.set_password(name, visit.form.get("password", ""), by=by, at=visit.now)
        else:
            raise HTTPException(404)
    except AccountError as error:
        return _page(visit, error.in_vietnamese, status=422)
    return visit.go("/accounts", "account-changed")


def _page(visit: Visit, flaw: str = "", status: int = 200) -> Response:
    given = {key: visit.form.get(key, "") for key in ("name", "full_name", "role")} if flaw else {}
    return visit.page(
        "accounts.html",
        status,
        title="Tài khoản",
        people=visit.desk.accounts.list(),
        roles=list(Role),
        flaw=flaw,
        given=given,
    )
