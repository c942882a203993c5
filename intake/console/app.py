"""The web console: its rooms in one list, and the rules that hold at the door of each."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from config.errors import OfficeError, WrongUse
from config.settings import SettingsError
from intake.console import (
    accounts,
    board,
    changes,
    correspondence,
    cutoffs,
    decisions,
    entrance,
    health,
    keys,
    register,
    saved,
    submission,
)
from intake.console.access import Door, is_from_elsewhere, may, same_token
from intake.console.desk import Desk, Refused
from intake.console.frame import NOTICES, frame_for
from intake.console.light_table import LightTable
from intake.console.preview import Easel
from intake.console.printing import STATIC, environment, static_files
from intake.console.visit import Visit
from storage.accounts import Session
from storage.records import Role

PageFunction = Callable[[Visit], Response]

# A decision with its note is a few kilobytes; whatever is larger is not a form of ours.
MAX_FORM_BYTES = 64 * 1024
MAX_FORM_FIELDS = 100

# No script, nothing from elsewhere, no frame around us, no form to elsewhere (CSP Level 3).
CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)

# The pages of a person who uses shortcuts may load the one script file of ours, and it may make no text into code.
POLICY_WITH_KEYS = f"{CONTENT_POLICY}; script-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Room:
    """One address: what answers GET and what answers a form, and the least role for each."""

    path: str
    get: PageFunction | None
    post: PageFunction | None = None
    least: Role = Role.VIEWER
    least_to_post: Role = Role.CLERK


ROOMS: tuple[Room, ...] = (
    Room("/", board.show),
    Room("/queue", register.queue),
    Room("/queue/next", register.next_undecided),
    Room("/log", register.show),
    Room("/log/views", None, saved.keep, least_to_post=Role.VIEWER),
    Room("/log/views/remove", None, saved.remove, least_to_post=Role.VIEWER),
    Room("/deliveries/{ref}", submission.show),
    Room("/deliveries/{ref}/files/{sha256}", submission.download),
    Room("/deliveries/{ref}/files/{sha256}/pages/{number:int}.png", submission.picture),
    Room("/deliveries/{ref}/files/{sha256}/changes", changes.show),
    Room("/deliveries/{ref}/files/{sha256}/changes/{number:int}/{page:int}/{side}.png", changes.picture),
    Room("/deliveries/{ref}/decide/{action}", decisions.ask, decisions.answer, least=Role.CLERK),
    Room("/letters", correspondence.show, correspondence.open_breaker),
    Room("/letters/{letter}", correspondence.one, correspondence.settle),
    Room("/sink", correspondence.sink),
    Room("/sink/{key}", correspondence.caught),
    Room("/campaign", cutoffs.show),
    Room("/campaign/extend", cutoffs.ask, cutoffs.extend, least=Role.CLERK),
    Room("/health", health.show),
    Room("/keys", keys.show, keys.switch, least_to_post=Role.VIEWER),
    Room("/accounts", accounts.show, accounts.create, least=Role.ADMIN, least_to_post=Role.ADMIN),
    Room("/accounts/{name}", None, accounts.change, least=Role.ADMIN, least_to_post=Role.ADMIN),
)


def create_app(office: Desk) -> Starlette:
    """
    Return the console for `office` as an ASGI application; it starts no thread and opens no file of its own.

    Serve it with uvicorn on the address of `[console] listen`. Every page but the sign-in page, the style sheet and
    `/healthz` needs a session. Pages run in worker threads, since the house is synchronous.
    """
    reception = Reception(office)
    return Starlette(
        routes=[
            Route("/healthz", reception.alive, methods=["GET"]),
            Route("/static/{name}", reception.static, methods=["GET"]),
            Route("/login", reception.sign_in, methods=["GET", "POST"]),
            Route("/logout", reception.sign_out, methods=["POST"]),
            *(reception.route(room) for room in ROOMS),
        ],
        middleware=[Middleware(Headers, https=office.served_by_https)],
        exception_handlers={HTTPException: reception.http_error, Exception: reception.bug},
        lifespan=reception.lifespan,
        max_body_size=MAX_FORM_BYTES,
    )


class Reception:
    """Lets visitors in: session, role and token are looked at here, once for all rooms, before a page is asked."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._door = Door(https=desk.served_by_https)
        self._templates = environment(desk)
        self._static = static_files()
        self._easel = Easel(desk.vault)
        self._light_table = LightTable(desk.vault)

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Let the drawing processes end with the server."""
        try:
            yield
        finally:
            await run_in_threadpool(self._easel.close)
            await run_in_threadpool(self._light_table.close)

    def route(self, room: Room) -> Route:
        """Return the route of `room`."""

        async def answer(request: Request) -> Response:
            form = await _form_of(request) if request.method == "POST" else {}
            return await run_in_threadpool(self._serve, room, request, form)

        methods = [name for name, page in (("GET", room.get), ("POST", room.post)) if page is not None]
        return Route(room.path, answer, methods=methods)

    async def alive(self, request: Request) -> Response:
        """Say whether the console and its database answer; for health checks of containers and proxies."""
        try:
            await run_in_threadpool(self._desk.ledger.log_head)
        except OfficeError:
            return PlainTextResponse("database", status_code=503)
        return PlainTextResponse("ok")

    async def static(self, request: Request) -> Response:
        """Hand out one of the few static files; their address changes with their content."""
        name = request.path_params["name"]
        if name not in self._static:
            raise HTTPException(404)
        keep = {"Cache-Control": "public, max-age=86400"}
        return Response(self._static[name], media_type=STATIC[name], headers=keep)

    async def sign_in(self, request: Request) -> Response:
        """Show the sign-in form, or judge one."""
        form = await _form_of(request) if request.method == "POST" else {}
        return await run_in_threadpool(self._sign_in, request, form)

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        form = await _form_of(request)
        return await run_in_threadpool(self._sign_out, request, form)

    async def http_error(self, request: Request, error: Exception) -> Response:
        """Answer an address that is not there, or a body too large, in words."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        return await run_in_threadpool(self._error_page, request, status)

    async def bug(self, request: Request, error: Exception) -> Response:
        """Answer for a fault of ours: the page says nothing of the inside; the log has the traceback."""
        answer = self._bare_page(500, _ERRORS[500])
        # This answer leaves outside of the middleware that puts the rules on all others.
        put_rules(answer.headers, https=self._desk.served_by_https)
        return answer

    def _serve(self, room: Room, request: Request, form: Mapping[str, str]) -> Response:
        posting = request.method == "POST"
        try:
            session = self._session(request)
            if session is None:
                return self._session_over(room, request, form)
            visit = self._visit(request, session, form)
            if not may(session.account, room.least_to_post if posting else room.least):
                return visit.page("error.html", 403, **_ERRORS[403])
            if posting and (is_from_elsewhere(request) or not same_token(session.csrf, form.get("token", ""))):
                return visit.page("error.html", 403, **_STALE_FORM)
            page = room.post if posting else room.get
            assert page is not None, "the route has only the methods that the room answers"
            return self._try(page, visit)
        except OfficeError as trouble:
            log.error("console_trouble", extra={"what": str(trouble)})
            return self._bare_page(503, _trouble(trouble))

    def _session_over(self, room: Room, request: Request, form: Mapping[str, str]) -> Response:
        """
        Send a visitor without session to the door; what somebody typed meanwhile is shown once, to be copied.

        WCAG 2.1, 2.2.1: a session that ends must not take a clerk's words with it.
        """
        typed = [form[name] for name in ("note", "basis", "approved_by") if form.get(name, "").strip()]
        # A session key of before tells a clerk who was here from a stranger, whose words are not repeated.
        if typed and self._door.session_key(request) is not None:
            return self._bare_page(403, _SESSION_OVER, typed=typed)
        wanted = _own_path(request) if request.method == "GET" or room.get is not None else "/"
        return RedirectResponse("/login?" + urlencode({"next": wanted}), status_code=303)

    def _try(self, page: PageFunction, visit: Visit) -> Response:
        """Ask the page; what the house refuses or does not have is answered in words."""
        try:
            return page(visit)
        except Refused as refusal:
            return visit.page("error.html", 409, **_said("Không thực hiện được", refusal))
        except SettingsError as trouble:
            return visit.page("error.html", 503, **_trouble(trouble))
        except WrongUse as wrong:
            return visit.page("error.html", 404, **_said("Không tìm thấy", wrong))
        except HTTPException as error:
            return visit.page("error.html", error.status_code, **_ERRORS.get(error.status_code, _ERRORS[500]))

    def _session(self, request: Request) -> Session | None:
        key = self._door.session_key(request)
        return self._desk.accounts.session(key, self._desk.clock()) if key else None

    def _visit(self, request: Request, session: Session | None, form: Mapping[str, str]) -> Visit:
        return Visit(
            request, self._desk, session, form, self._desk.clock(), self._print, self._easel, self._light_table
        )

    def _print(self, visit: Visit, template: str, status: int, told: Mapping[str, Any]) -> Response:
        session = visit.session
        context: dict[str, Any] = {
            "now": visit.now,
            "here": visit.request.url.path,
            "notice": NOTICES.get(visit.asked("notice")),
            "about": _reference(visit.asked("about")),
            "account": session.account if session else None,
            "token": session.csrf if session else "",
            "frame": frame_for(visit.desk, session.account, visit.now) if session else None,
            "may_act": may(session.account, Role.CLERK) if session else False,
            **told,
        }
        keys = context["frame"] is not None and context["frame"].keys
        headers = {"Content-Security-Policy": POLICY_WITH_KEYS} if keys else None
        return HTMLResponse(self._templates.get_template(template).render(context), status, headers)

    def _sign_in(self, request: Request, form: Mapping[str, str]) -> Response:
        visit = self._visit(request, None, form)
        try:
            if request.method == "GET":
                if self._session(request) is not None:
                    return RedirectResponse("/", status_code=303)
                return entrance.show(visit, self._door)
            return entrance.judge(visit, self._door)
        except OfficeError as trouble:
            return self._bare_page(503, _trouble(trouble))

    def _sign_out(self, request: Request, form: Mapping[str, str]) -> Response:
        key, session = self._door.session_key(request), self._session(request)
        if session is not None and key is not None and same_token(session.csrf, form.get("token", "")):
            self._desk.accounts.sign_out(key)
            response: Response = RedirectResponse("/login?notice=signed-out", status_code=303)
            self._door.take_session(response)
            return response
        return RedirectResponse("/", status_code=303)

    def _error_page(self, request: Request, status: int) -> Response:
        try:
            session = self._session(request)
            return self._visit(request, session, {}).page("error.html", status, **_ERRORS.get(status, _ERRORS[500]))
        except OfficeError as trouble:
            return self._bare_page(status, _trouble(trouble))

    def _bare_page(self, status: int, told: Mapping[str, str], typed: Sequence[str] = ()) -> Response:
        """Say what is wrong without asking anything of the office, which may be what is broken."""
        bare = {"account": None, "frame": None, "notice": None, "now": None, "may_act": False}
        blank = {"about": "", "token": "", "here": ""}
        return HTMLResponse(
            self._templates.get_template("error.html").render(**bare, **blank, **told, typed=typed), status
        )


class Headers:
    """Puts the rules for browsers on every answer, whoever made it; an answer's own stricter policy stays."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self._app = app
        self._https = https

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_rules(message: Message) -> None:
            if message["type"] == "http.response.start":
                put_rules(MutableHeaders(scope=message), https=self._https)
            await send(message)

        await self._app(scope, receive, with_rules)


def _trouble(trouble: OfficeError) -> dict[str, str]:
    """Return what the error page tells of a broken world: the words are for the administrator."""
    return _said("Hệ thống đang gặp trở ngại", trouble)


def _said(title: str, error: OfficeError) -> dict[str, str]:
    """Return what the error page tells of an error, Vietnamese first."""
    told = error.told
    return {"title": title, "what": told.vi, "remedy": told.do_vi, "what_en": told.en, "remedy_en": told.do_en}


def put_rules(headers: MutableHeaders, *, https: bool) -> None:
    """Write the rules for browsers into an answer's headers; a stricter policy of its own stays."""
    headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
    headers.setdefault("Cache-Control", "no-store")
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "same-origin"
    headers["Cross-Origin-Opener-Policy"] = "same-origin"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    headers["Permissions-Policy"] = "camera=(), microphone=(), geolocation=(), payment=()"
    if https:
        headers["Strict-Transport-Security"] = "max-age=31536000"


async def _form_of(request: Request) -> dict[str, str]:
    """
    Return a form's fields, first value of each; a body that is no form gives none, and then no token fits.

    Only `application/x-www-form-urlencoded` is read: no page of ours sends anything else.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind != "application/x-www-form-urlencoded":
        return {}
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError:
        return {}
    fields: dict[str, str] = {}
    for name, value in pairs:
        fields.setdefault(name, value.replace("\r\n", "\n"))
    return fields


def _reference(text: str) -> str:
    """Return what may be a delivery's id or receipt number, else nothing: the address bar is anybody's to fill."""
    return text if re.fullmatch(r"[A-Za-z0-9-]{1,60}", text) else ""


def _own_path(request: Request) -> str:
    """Where a visitor wanted to go, to be offered again after signing in."""
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


_SESSION_OVER = {
    "title": "Phiên làm việc đã kết thúc",
    "what": "Không có gì được ghi nhận. Nội dung ông/bà đã nhập ở dưới; hãy sao chép lại nếu cần.",
    "remedy": "Đăng nhập lại rồi thực hiện lại.",
}
_STALE_FORM = {
    "title": "Biểu mẫu đã hết hiệu lực",
    "what": "Biểu mẫu này không thuộc phiên làm việc hiện tại của ông/bà, nên không có gì được ghi nhận.",
    "remedy": "Mở lại trang, kiểm tra nội dung rồi gửi lại.",
}
_ERRORS: Mapping[int, Mapping[str, str]] = {
    403: {
        "title": "Không có quyền",
        "what": "Tài khoản của ông/bà không có quyền mở trang hoặc thực hiện việc này.",
        "remedy": "Nếu cần, đề nghị quản trị hệ thống cấp vai trò phù hợp.",
    },
    404: {
        "title": "Không tìm thấy",
        "what": "Không có trang ở địa chỉ này.",
        "remedy": "Kiểm tra lại địa chỉ, hoặc bắt đầu từ Bảng theo dõi.",
    },
    405: {
        "title": "Không thực hiện được",
        "what": "Địa chỉ này không nhận cách gửi như vậy.",
        "remedy": "Bắt đầu lại từ Bảng theo dõi.",
    },
    413: {
        "title": "Nội dung quá dài",
        "what": "Nội dung gửi lên vượt quá mức cho phép, nên không có gì được ghi nhận.",
        "remedy": "Rút ngắn ghi chú rồi gửi lại.",
    },
    500: {
        "title": "Hệ thống có lỗi",
        "what": "Hệ thống gặp lỗi khi mở trang này. Dữ liệu đã nhận không bị ảnh hưởng.",
        "remedy": "Thử lại; nếu vẫn lỗi, báo quản trị hệ thống kèm thời điểm xảy ra.",
    },
}
