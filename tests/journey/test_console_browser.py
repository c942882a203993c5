"""The console in a real browser: by keyboard alone, on a phone, at double size, in both colour schemes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pypdfium2 import PdfDocument

from intake.demo.signing import draw_on_page
from intake.pictures import FRAME
from intake.ports import SourceError
from signatures.question import Document, Question
from signatures.report import as_json
from signatures.verify import inspect
from storage.queries import LogFilter
from storage.records import LetterKind, LetterState, Role, State, Why
from tests.makers_console import NOW, PASSWORD, ZONE, Bureau, a_bureau, a_pdf, a_signature, served
from tests.offices import a_signed_form

CHROMIUM = shutil.which("chromium")
# No sandbox: tests run as root in containers. The rest keeps the browser from calling anywhere by itself.
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 800}
# A page has fewer stops than this; beyond it the keyboard is trapped.
MOST_STOPS = 200

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed (apt-get install chromium)"),
]

# What counts as text on its ground, by WCAG 2.1, 1.4.3: the ratio of relative luminances, 4.5 or 3 for large text.
FAINT_TEXTS = """
() => {
  const channel = v => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const parse = text => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
    const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const ground = element => { let stack = [];
    for (let e = element; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
      stack.push(c); if (c[3] === 1) break; }
    let base = [255, 255, 255];
    for (const c of stack.reverse()) base = base.map((v, i) => c[i] * c[3] + v * (1 - c[3]));
    return base; };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.textContent.trim();
    if (!text || element.closest('.hide, .skip, option, svg') || !element.getClientRects().length) continue;
    const style = getComputedStyle(element), back = ground(element), ink = parse(style.color);
    const a = light(ink), b = light(back), ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) faint.push(`${text.slice(0, 40)} ${ratio.toFixed(2)} ${style.color} on ${back}`);
  }
  return faint;
}
"""
NAMELESS = """
() => {
  const flaws = [];
  for (const field of document.querySelectorAll('input:not([type=hidden]), select, textarea'))
    if (!field.labels.length && !field.getAttribute('aria-label')) flaws.push('no label: ' + field.outerHTML);
  for (const image of document.querySelectorAll('img')) if (!image.alt) flaws.push('no alt: ' + image.outerHTML);
  for (const table of document.querySelectorAll('table')) {
    if (!table.caption) flaws.push('no caption');
    for (const head of table.querySelectorAll('th')) if (!head.scope) flaws.push('no scope: ' + head.outerHTML);
  }
  for (const link of document.querySelectorAll('a, button, summary'))
    if (!(link.textContent.trim() || link.getAttribute('aria-label'))) flaws.push('no words: ' + link.outerHTML);
  const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) flaws.push('twice: ' + id);
  if (document.documentElement.lang !== 'vi') flaws.push('no language');
  if (document.querySelectorAll('h1').length !== 1) flaws.push('not one h1');
  return flaws;
}
"""

# How many dots of a loaded picture have a colour, near enough.
DOTS_OF = """
(image, colour) => {
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const pen = canvas.getContext('2d'); pen.drawImage(image, 0, 0);
  const data = pen.getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let at = 0; at < data.length; at += 4)
    if (colour.every((level, i) => Math.abs(level - data[at + i]) < 12)) count += 1;
  return count;
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield made
        made.close()


@pytest.fixture(scope="module")
def bureau(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    """An office in which something of every kind has arrived."""
    with a_bureau(tmp_path_factory.mktemp("bureau")) as made:
        made.person("vanthu")
        made.person("quantri", Role.ADMIN)
        made.office.ledger.source_ok("mailbox", made.clock())
        made.filed("stttt", pdf=a_pdf(pages=2))
        sealed = a_signature("indeterminate", changed_after="visible")
        why = [Why("SEALED_AFTER_CHANGE")]
        made.filed("svhttdl", signature="indeterminate", signatures=[sealed, a_signature()], reasons=why)
        painted = draw_on_page(a_signed_form(), "0 0 1 rg 100 400 200 60 re f")
        report = as_json(inspect(Document("phieu.pdf", painted), Question(NOW, integrity_only=True)), ZONE)
        why = [Why("SIGNATURE_INDETERMINATE")]
        made.decide(
            made.deliver(subject="Phiếu bị vẽ thêm sau khi ký"),
            State.HELD,
            agency="skhcn",
            signature="indeterminate",
            signatures=report["signatures"],
            pdf=painted,
            reasons=why,
        )
        made.held("FORM_UNSIGNED", agency="stc", signature="unsigned", signatures=[], letter=LetterKind.DEFECT)
        made.held("FORM_SIGNATURE_FAILED", agency="sct", signature="failed")
        made.held("SIGNATURE_INDETERMINATE", agency="sgtvt", signature="indeterminate")
        aside = made.deliver(subject="<script>alert(1)</script>\u202e", sender="<img src=x onerror=alert(1)>")
        why = [Why("OTHER_CORRESPONDENCE")]
        made.decide(aside, State.SET_ASIDE, agency=None, signature=None, is_submission=False, reasons=why)
        made.deliver(subject="x" * 300)
        # Something of every kind is wrong as well: the strip, the counts and the words of it must fit, too.
        letter = made.office.ledger.letters.in_state(LetterState.QUEUED)[0]
        made.office.ledger.letters.withhold(letter.id, by="machine", reason="LETTER_CAP_PER_DAY", at=made.clock())
        error = SourceError("FOLDER_NOT_LISTED", source="qlvb", root="/srv/qlvb-export", why="Stale file handle")
        made.office.ledger.source_failed("qlvb", made.clock(), error.kept, error.remedy)
        yield made


@pytest.fixture(scope="module")
def place(bureau: Bureau) -> Iterator[str]:
    """Where the console is served."""
    with served(bureau.desk) as where:
        yield f"http://{where}"


@pytest.fixture
def context_of(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Make browser contexts that end with the test."""
    made: list[BrowserContext] = []

    def new(**wanted: object) -> BrowserContext:
        made.append(browser.new_context(**{"viewport": WIDE, "locale": "vi-VN", **wanted}))
        return made[-1]

    yield new
    for one in made:
        one.close()


def enter(page: Page, place: str, name: str = "vanthu") -> None:
    """Sign in as a person does: the name has the focus already."""
    page.goto(f"{place}/login")
    page.wait_for_function("document.activeElement.id === 'name'")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    with page.expect_navigation(url=f"{place}/"):
        page.keyboard.press("Enter")


def every_page(bureau: Bureau) -> list[str]:
    """Return the address of each kind of page."""
    found = {one.state: one.id for one in bureau.desk.queries.deliveries()}
    changed = changed_form(bureau)
    letter = bureau.office.ledger.letters.letters_of(found[State.FILED])[0].id
    return [
        *("/", "/queue", "/log", "/log?q=x&state=held", "/letters", f"/letters/{letter}", "/campaign"),
        *("/campaign/extend", "/health", "/accounts", "/keys", "/nowhere"),
        *(f"/deliveries/{one}" for one in found.values()),
        *(changed, changed.rpartition("/files/")[0]),
        *(f"/deliveries/{found[State.HELD]}/decide/{action}" for action in ("return", "accept", "link")),
    ]


def changed_form(bureau: Bureau) -> str:
    """Return the address that compares the form which was painted on after it was signed."""
    one = bureau.desk.queries.deliveries(LogFilter(words="bị vẽ thêm"))[0]
    return f"/deliveries/{one.id}/files/{one.form_sha256}/changes"


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until an element that fits has the focus, and see that the focus shows at every stop."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "() => { const e = document.activeElement, s = getComputedStyle(e);"
            " return e === document.body || parseFloat(s.outlineWidth) >= 2; }"
        ), "the focus does not show"
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"the keyboard does not reach {selector}")


def test_a_clerk_signs_in_opens_and_returns_a_form_by_keyboard_alone(
    bureau: Bureau, place: str, context_of: Callable[..., BrowserContext]
) -> None:
    """No mouse: sign in, skip to the queue, open the form, choose a reason, see the letter, confirm."""
    held = bureau.held("FORM_UNSIGNED", agency="snv", signature="unsigned", signatures=[])
    page = context_of().new_page()
    enter(page, place)
    tab_to(page, 'a[href="/queue"]')
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    tab_to(page, f'a[href="/deliveries/{held.id}"]')
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to(page, 'a[href$="/decide/return"]')
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to(page, 'input[name="reason"]')
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.value") == "CLERK_RETURN_UNSIGNED"
    tab_to(page, "textarea")
    page.keyboard.type("Ký số giúp.")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "Ký số giúp." in page.locator(".letter-text").inner_text()
    tab_to(page, "main button.first")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    after = bureau.office.ledger.delivery(held.id)
    assert (after.state, after.decided_by) == (State.RETURNED, "vanthu")
    assert page.locator('[role="status"]').inner_text().startswith("Đã trả lại văn bản.")


@pytest.mark.parametrize("viewport", [WIDE, NARROW, {"width": 640, "height": 450}], ids=["wide", "phone", "200 %"])
def test_no_page_is_wider_than_its_window(
    bureau: Bureau, place: str, context_of: Callable[..., BrowserContext], viewport: dict[str, int]
) -> None:
    """On a phone and at double size everything is read without scrolling sideways (WCAG 2.1, 1.4.10)."""
    page = context_of(viewport=viewport).new_page()
    enter(page, place, "quantri")
    for path in every_page(bureau):
        page.goto(place + path)
        over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert over <= 0, (path, over)


def test_the_board_and_the_log_show_every_column_on_an_office_screen(
    bureau: Bureau, place: str, context_of: Callable[..., BrowserContext]
) -> None:
    """At 1280 pixels no table hides a column behind a scroll bar."""
    page = context_of().new_page()
    enter(page, place, "quantri")
    hidden = "[...document.querySelectorAll('.table-scroll')].filter(e => e.scrollWidth > e.clientWidth).length"
    for path in ("/", "/queue", "/log", "/letters", "/health", "/accounts"):
        page.goto(place + path)
        assert page.evaluate(hidden) == 0, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(
    bureau: Bureau, place: str, context_of: Callable[..., BrowserContext], scheme: str
) -> None:
    """At least 4.5 to 1, in both colour schemes (WCAG 2.1, 1.4.3)."""
    page = context_of(color_scheme=scheme).new_page()
    page.goto(f"{place}/login")
    faint = {"/login": page.evaluate(FAINT_TEXTS)}
    enter(page, place, "quantri")
    for path in every_page(bureau):
        page.goto(place + path)
        faint[path] = page.evaluate(FAINT_TEXTS)
    assert {path: found for path, found in faint.items() if found} == {}


def test_every_field_picture_table_and_link_has_its_words(
    bureau: Bureau, place: str, context_of: Callable[..., BrowserContext]
) -> None:
    """Labels, alternatives, captions, scopes, one heading, the language: what a screen reader lives by."""
    page = context_of().new_page()
    enter(page, place, "quantri")
    flaws = {}
    for path in every_page(bureau):
        page.goto(place + path)
        flaws[path] = page.evaluate(NAMELESS)
    assert {path: found for path, found in flaws.items() if found} == {}


def test_no_page_breaks_its_own_policy_or_runs_what_strangers_sent(
    bureau: Bureau, place: str, context_of: Callable[..., BrowserContext]
) -> None:
    """The browser reports neither an error nor a blocked source, and no dialog opens."""
    page = context_of().new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("request", lambda request: None if request.url.startswith(place) else said.append(request.url))
    enter(page, place, "quantri")
    for path in every_page(bureau):
        page.goto(place + path)
    # The browser itself notes the answer 404 of the one page that is not there.
    assert [one for one in said if "404" not in one] == []


def test_the_first_page_of_a_form_is_seen(
    bureau: Bureau, place: str, context_of: Callable[..., BrowserContext]
) -> None:
    """The picture loads, and the second page too."""
    filed = bureau.filed("ttt", pdf=a_pdf(pages=2))
    page = context_of().new_page()
    enter(page, place)
    for path in (f"/deliveries/{filed.id}", f"/deliveries/{filed.id}?page=2"):
        page.goto(place + path)
        assert page.evaluate("document.querySelector('.preview-page img').naturalWidth") > 500


@pytest.mark.parametrize(("viewport", "beside"), [(WIDE, True), (NARROW, False)], ids=["wide", "phone"])
def test_a_visible_change_is_seen_beside_what_was_signed(
    bureau: Bureau, place: str, context_of: Callable[..., BrowserContext], viewport: dict[str, int], beside: bool
) -> None:
    """By keyboard from the form's page; both pictures load, side by side where there is room, else stacked."""
    address = changed_form(bureau)
    page = context_of(viewport=viewport).new_page()
    enter(page, place)
    page.goto(place + address.partition("/files/")[0])
    tab_to(page, f'a[href="{address}"]')
    with page.expect_navigation():
        page.keyboard.press("Enter")
    page.wait_for_load_state("networkidle")
    signed, now = page.locator(".pair img").all()
    assert [one.evaluate("e => e.naturalWidth > 500") for one in (signed, now)] == [True, True]
    left, right = signed.bounding_box(), now.bounding_box()
    assert left is not None
    assert right is not None
    assert (left["x"] + left["width"] < right["x"]) is beside
    assert (left["y"] + left["height"] < right["y"]) is not beside
    # The blue box was painted after signing; the frame stands on both pictures.
    assert [one.evaluate(DOTS_OF, [0, 0, 255]) > 100 for one in (signed, now)] == [False, True]
    assert [one.evaluate(DOTS_OF, list(FRAME)) > 100 for one in (signed, now)] == [True, True]
    tab_to(page, 'a[href$="/0/1/now.png"]')


def test_single_keys_move_open_search_and_help(
    bureau: Bureau, place: str, context_of: Callable[..., BrowserContext]
) -> None:
    """j and k move through the rows, o opens, / searches, ? shows the keys, n goes on, and Esc closes the panel."""
    page = context_of().new_page()
    enter(page, place)
    page.goto(f"{place}/queue")
    links = [one.get_attribute("href") for one in page.locator("tbody tr th a").all()]
    chosen = "document.activeElement.getAttribute('href')"
    seen = []
    for key in ("j", "j", "k", "k", "j"):
        page.keyboard.press(key)
        seen.append(page.evaluate(chosen))
    assert seen == [links[0], links[1], links[0], links[0], links[1]]
    with page.expect_navigation(url=f"{place}{links[1]}"):
        page.keyboard.press("o")
    with page.expect_navigation(url=f"{place}{links[2]}"):
        page.keyboard.press("n")
    page.keyboard.press("?")
    assert page.get_by_role("dialog", name="Phím tắt").is_visible()
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    assert page.get_by_role("dialog").count() == 0
    with page.expect_navigation():
        page.keyboard.press("/")
    page.wait_for_function("document.activeElement.id === 'q'")
    page.keyboard.type("njk?o/")
    assert page.locator("#q").input_value() == "njk?o/"
    assert page.url.startswith(f"{place}/log")
    assert page.get_by_role("dialog").count() == 0


@pytest.mark.parametrize(("key", "action"), [("a", "accept"), ("r", "return")])
def test_a_key_opens_the_form_of_a_decision_and_decides_nothing(
    bureau: Bureau, place: str, context_of: Callable[..., BrowserContext], key: str, action: str
) -> None:
    """The form asks for its reason; pressed again there, nothing moves and the delivery still waits."""
    held = bureau.held("SIGNATURE_INDETERMINATE", agency="ttt", signature="indeterminate")
    page = context_of().new_page()
    enter(page, place)
    page.goto(f"{place}/deliveries/{held.id}")
    page.keyboard.press(f"Control+{key}")
    assert page.url == f"{place}/deliveries/{held.id}"
    with page.expect_navigation(url=f"{place}/deliveries/{held.id}/decide/{action}"):
        page.keyboard.press(key)
    page.keyboard.press(key)
    page.locator("textarea").focus()
    page.keyboard.type("aronj?/")
    assert page.locator("textarea").input_value() == "aronj?/"
    assert page.url == f"{place}/deliveries/{held.id}/decide/{action}"
    assert bureau.office.ledger.delivery(held.id).state is State.HELD
    assert bureau.office.ledger.pending(held.id) == ()


def test_keys_that_were_switched_off_do_nothing(
    bureau: Bureau, place: str, context_of: Callable[..., BrowserContext]
) -> None:
    """Off by keyboard, for the account: no help, no moves; the page to switch them on again is still a link away."""
    bureau.person("khongphim")
    page = context_of().new_page()
    enter(page, place, "khongphim")
    tab_to(page, 'footer a[href="/keys"]')
    with page.expect_navigation():
        page.keyboard.press("Enter")
    tab_to(page, "main form button")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.get_by_role("status").inner_text() == "Đã tắt tất cả phím tắt."
    page.goto(f"{place}/queue")
    for key in ("?", "j", "n"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    assert page.get_by_role("dialog").count() == 0
    assert page.url == f"{place}/queue"
    assert page.locator('footer a[href="/keys"]').is_visible()


def test_a_search_is_saved_and_opened_by_keyboard(
    bureau: Bureau, place: str, context_of: Callable[..., BrowserContext]
) -> None:
    """Name it, press Enter; its name stands above the log and its chip takes the condition away."""
    page = context_of(viewport=NARROW).new_page()
    enter(page, place)
    page.goto(f"{place}/log?state=held")
    tab_to(page, ".chosen summary")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("Việc của tôi")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.get_by_role("list", name="Các mục lọc của tôi").inner_text() == "Việc của tôi"
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    with page.expect_navigation(url=f"{place}/log"):
        page.get_by_role("link", name="Bỏ điều kiện Tình trạng: Chờ quyết định").press("Enter")
    with page.expect_navigation(url=f"{place}/log?state=held"):
        page.get_by_role("link", name="Việc của tôi").press("Enter")


def test_a_printed_comparison_keeps_both_pictures_on_one_sheet(
    bureau: Bureau, place: str, context_of: Callable[..., BrowserContext], tmp_path: Path
) -> None:
    """One pair is one sheet of A4 upright, without buttons."""
    page = context_of().new_page()
    enter(page, place)
    page.goto(place + changed_form(bureau))
    page.wait_for_load_state("networkidle")
    page.pdf(path=str(tmp_path / "pair.pdf"), prefer_css_page_size=True)
    printed = PdfDocument(tmp_path / "pair.pdf")
    assert len(printed) == 1
    width, height = printed[0].get_size()
    assert (round(width), round(height)) == (595, 842)


def test_a_printed_board_keeps_its_rows_and_leaves_out_the_buttons(
    place: str, context_of: Callable[..., BrowserContext], tmp_path: Path
) -> None:
    """Paper shows the table with its states in words; navigation and forms stay on the screen."""
    page = context_of().new_page()
    enter(page, place)
    page.emulate_media(media="print")
    assert page.locator("nav.nav").is_hidden()
    assert page.locator(".head-who").is_hidden()
    assert page.get_by_role("row").count() > 30
    assert page.get_by_text("Chưa gửi").first.is_visible()
    page.pdf(path=str(tmp_path / "board.pdf"))
    assert (tmp_path / "board.pdf").stat().st_size > 10_000
