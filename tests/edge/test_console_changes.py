"""What was signed beside what shows now: who may see it, that the pictures differ, and where the frame stands."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from intake.demo.signing import draw_on_page, sign_pdf, stamp_number_and_date
from intake.pictures import FRAME, FindTask, PairTask, draw_pair, find_changes
from signatures.question import Document, Question
from signatures.report import as_json
from signatures.verify import inspect
from storage.records import Channel, Delivery, Role
from tests.assets.make_pdf import stamped
from tests.makers_console import NOW, ZONE, Answered, Bureau, Visitor, a_bureau, a_pdf, served
from tests.makers_pdf import a_pdf as a_bare_pdf
from tests.makers_pdf import sign
from tests.offices import a_signed_form, the_seal

ATTACKS = Path(__file__).parents[1] / "assets" / "pdf" / "attacks"
PAINT = "0 0 1 rg 100 400 200 60 re f"


@pytest.fixture(scope="module")
def bureau(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bureau]:
    """An office with a clerk and a viewer."""
    with a_bureau(tmp_path_factory.mktemp("bureau")) as made:
        made.person("vanthu")
        made.person("xem", Role.VIEWER)
        yield made


@pytest.fixture(scope="module")
def place(bureau: Bureau) -> Iterator[str]:
    """Where the console is served."""
    with served(bureau.desk) as where:
        yield where


@pytest.fixture
def clerk(place: str) -> Visitor:
    """A clerk who signed in."""
    visitor = Visitor(place)
    visitor.sign_in("vanthu")
    return visitor


def taken(bureau: Bureau, pdf: bytes) -> tuple[Delivery, str]:
    """Hold `pdf` with the report that it really gets; return its delivery and the address of its comparison."""
    report: dict[str, Any] = as_json(inspect(Document("phieu.pdf", pdf), Question(NOW, integrity_only=True)), ZONE)
    held = bureau.held(
        "SIGNATURE_INDETERMINATE", agency="snv", signature=report["verdict"], signatures=report["signatures"], pdf=pdf
    )
    return held, f"/deliveries/{held.id}/files/{held.form_sha256}/changes"


def picture(answer: Answered) -> Image.Image:
    """Return the picture of an answer."""
    assert answer.headers["content-type"] == "image/png"
    return Image.open(io.BytesIO(answer.body)).convert("RGB")


def dots(image: Image.Image) -> list[tuple[int, int, int]]:
    """Return red, green and blue of every dot, line by line."""
    flat = image.convert("RGB").tobytes()
    return list(zip(flat[0::3], flat[1::3], flat[2::3], strict=True))


def framed(image: Image.Image) -> tuple[int, int, int, int] | None:
    """Return the rectangle that holds every dot of the frame's colour."""
    found = [(at % image.width, at // image.width) for at, dot in enumerate(dots(image)) if dot == FRAME]
    if not found:
        return None
    return min(x for x, _ in found), min(y for _, y in found), max(x for x, _ in found), max(y for _, y in found)


def test_the_page_of_a_changed_form_leads_to_the_comparison(bureau: Bureau, clerk: Visitor) -> None:
    """From the preview, from the signature and from the list of files; a form that nobody changed has no such way."""
    held, address = taken(bureau, draw_on_page(a_signed_form(), PAINT))
    whole = bureau.filed("sct", pdf=a_pdf("whole"))
    assert clerk.get(f"/deliveries/{held.id}").text.count(f'href="{address}"') == 3
    assert "/changes" not in clerk.get(f"/deliveries/{whole.id}").text


def test_who_is_about_to_accept_is_shown_the_way_to_look(bureau: Bureau, clerk: Visitor) -> None:
    """Only before accepting, and only where something changed."""
    held, address = taken(bureau, draw_on_page(a_signed_form("Sở Y tế"), PAINT))
    other = bureau.held("FORM_UNSIGNED", agency="sct", signature="unsigned", signatures=[])
    assert f'href="{address}"' in clerk.get(f"/deliveries/{held.id}/decide/accept").text
    assert address not in clerk.get(f"/deliveries/{held.id}/decide/return").text
    assert "/changes" not in clerk.get(f"/deliveries/{other.id}/decide/accept").text


def test_both_pictures_are_there_and_differ(bureau: Bureau, clerk: Visitor) -> None:
    """The signed revision is drawn without what was painted later; both have words, in both languages."""
    _, address = taken(bureau, draw_on_page(a_signed_form(), PAINT))
    page = clerk.get(address).text
    assert f'src="{address}/0/1/signed.png" alt="Trang 1 như lúc được ký (page 1 as signed)"' in page
    assert f'src="{address}/0/1/now.png" alt="Trang 1 như hiện nay (page 1 as it shows now)"' in page
    assert "Như đã ký" in page
    assert 'lang="en">As it shows now' in page
    signed, now = (picture(clerk.get(f"{address}/0/1/{side}.png")) for side in ("signed", "now"))
    assert signed.size == now.size
    blue = [sum(b > 200 > 100 > r for r, _, b in dots(image)) for image in (signed, now)]
    assert blue[0] == 0
    assert blue[1] > 1000


def test_the_frame_stands_where_the_report_says(bureau: Bureau, clerk: Visitor) -> None:
    """A widget over the text at (50, 640)-(250, 700) of a page of 595 by 842 points is framed there, in both."""
    _, address = taken(bureau, (ATTACKS / "overlay-by-field.pdf").read_bytes())
    page = clerk.get(address).text
    assert "chỗ mà báo cáo kiểm tra chỉ ra" in page
    assert "Cách mép trái 18 mm, cách mép trên 50 mm; rộng 70 mm, cao 21 mm." in page
    for side in ("signed", "now"):
        image = picture(clerk.get(f"{address}/0/1/{side}.png"))
        scale = image.width / 595
        wanted = (50 * scale, (842 - 700) * scale, 250 * scale, (842 - 640) * scale)
        found = framed(image)
        assert found is not None
        assert max(abs(one - other) for one, other in zip(found, wanted, strict=True)) < 12, side


def test_a_turned_page_is_framed_where_it_is_seen(tmp_path: Path) -> None:
    """A page that is shown turned a quarter has its rectangle turned with it."""
    page = a_bare_pdf().bodies[3].replace("/MediaBox", "/Rotate 90 /MediaBox")
    made = sign(a_bare_pdf(o3=page))
    pair = draw_pair(PairTask(stamped(made).data, len(made.data), 1, ((50.0, 740.0, 250.0, 790.0),)))
    image = Image.open(io.BytesIO(pair.now)).convert("RGB")
    assert image.width > image.height
    scale = image.width / 842
    # Turned clockwise: what is high on the page stands to the right, what is left stands above.
    wanted = (740 * scale, 50 * scale, 790 * scale, 250 * scale)
    found = framed(image)
    assert found is not None
    assert max(abs(one - other) for one, other in zip(found, wanted, strict=True)) < 12


def test_where_the_report_names_no_rectangle_each_difference_is_framed(bureau: Bureau, clerk: Visitor) -> None:
    """Number and date, stamped between two signatures, are two places; a lawful issue says so."""
    sealed = sign_pdf(stamp_number_and_date(a_signed_form()), the_seal("Sở Nội vụ"), field_name="Dau")
    _, address = taken(bureau, sealed)
    page = clerk.get(address).text
    assert "những chỗ mà hai hình khác nhau" in page
    assert page.count("Cách mép trái") == 2
    assert "một chữ ký sau đó bao phủ toàn bộ tệp" in page
    assert page.count('class="card pair"') == 1


def test_a_change_beside_the_place_that_the_report_names_is_framed_too() -> None:
    """A report stops at the first place; a number altered elsewhere on the page must not escape the eye."""
    made = sign(a_bare_pdf())
    changed = stamped(made).data
    far_away = (500.0, 20.0, 560.0, 60.0)

    beside = draw_pair(PairTask(changed, len(made.data), 1, (far_away,)))
    around = draw_pair(PairTask(changed, len(made.data), 1, ((0.0, 0.0, 595.0, 842.0),)))

    assert (beside.marked, around.marked) == ("both", "report")
    assert len(beside.places) > len(around.places) == 1


def test_what_cannot_be_ruled_out_is_laid_side_by_side(bureau: Bureau, clerk: Visitor) -> None:
    """A script added later names no page: the page says so, and that the two pictures are the same."""
    _, address = taken(bureau, (ATTACKS / "script-added.pdf").read_bytes())
    page = clerk.get(address).text
    assert "Báo cáo không chỉ ra trang nào" in page
    assert "hai hình giống nhau" in page


def test_a_page_of_another_size_is_not_framed_by_guess(bureau: Bureau, clerk: Visitor) -> None:
    """Cropped after signing: both pictures, no frame, and the words say that the change is forbidden."""
    _, address = taken(bureau, (ATTACKS / "page-cropped.pdf").read_bytes())
    page = clerk.get(address).text
    assert "Thay đổi này là trái phép" in page
    assert "hai hình khác khổ" in page
    assert framed(picture(clerk.get(f"{address}/0/1/signed.png"))) is None


def test_a_file_without_a_change_says_so(bureau: Bureau, clerk: Visitor) -> None:
    """An address that somebody typed for a whole form answers with a sentence."""
    _, address = taken(bureau, a_signed_form())
    assert "Không có chữ ký nào trong tệp này mà sau đó nội dung nhìn thấy bị thay đổi" in clerk.get(address).text


@pytest.mark.parametrize("name", ["bomb.pdf", "deep-dictionaries.pdf"])
def test_a_hostile_file_gets_a_sentence_and_no_broken_image(bureau: Bureau, clerk: Visitor, name: str) -> None:
    """What exhausts or cannot be read is said in words; the page stands."""
    _, address = taken(bureau, (ATTACKS / name).read_bytes())
    answer = clerk.get(address)
    assert answer.status == 200
    assert "notice" in answer.text
    assert "<img" not in answer.text


def test_a_file_that_is_too_large_is_not_drawn(bureau: Bureau, clerk: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is the preview's; the words name another way."""
    monkeypatch.setattr("intake.console.light_table.MAX_PDF_BYTES", 1000)
    _, address = taken(bureau, draw_on_page(a_signed_form("Sở Tài chính"), PAINT))
    page = clerk.get(address).text
    assert "Tệp quá lớn để vẽ ra so sánh." in page
    assert "Tải tệp về" in page
    assert "<img" not in page


def test_what_takes_too_long_is_given_up_once(bureau: Bureau, clerk: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first page beyond the limit is said to be so, the next are not tried; no image is broken."""
    monkeypatch.setattr("intake.console.light_table.SECONDS_PER_PAIR", -1.0)
    pdf = draw_on_page(draw_on_page(a_signed_form("Sở Công Thương"), PAINT), PAINT, 1)
    _, address = taken(bureau, pdf)
    page = clerk.get(address).text
    assert page.count("Tệp mất quá nhiều thời gian để vẽ nên đã dừng lại.") == 2
    assert page.count("Không vẽ tiếp") == 2
    assert "<img" not in page
    words = clerk.get(f"{address}/0/1/now.png")
    assert words.headers["content-type"].startswith("image/svg+xml")


def test_many_pairs_are_turned_to(bureau: Bureau, clerk: Visitor) -> None:
    """Three pairs a page; the fourth stands behind a link, and a number beyond the last begins again."""
    pdf = a_bare_pdf().data
    for number in range(4):
        pdf = draw_on_page(
            sign_pdf(pdf, the_seal("Sở Nội vụ"), field_name=f"Ky{number}"), f"{number} 0 0 rg 9 9 9 9 re f"
        )
    _, address = taken(bureau, pdf)
    first = clerk.get(address).text
    assert first.count('class="card pair"') == 3
    assert f'href="{address}?from=4"' in first
    assert clerk.get(f"{address}?from=4").text.count('class="card pair"') == 1
    assert clerk.get(f"{address}?from=99").text.count('class="card pair"') == 3


def test_a_viewer_may_look_and_a_stranger_may_not(bureau: Bureau, place: str) -> None:
    """Looking is for every role; without a session neither page nor picture is given."""
    _, address = taken(bureau, draw_on_page(a_signed_form(), PAINT))
    viewer, stranger = Visitor(place), Visitor(place)
    viewer.sign_in("xem")
    for path in (address, f"{address}/0/1/now.png"):
        assert viewer.get(path).status == 200
        assert stranger.get(path).status == 303


def test_only_what_the_comparison_names_is_drawn(bureau: Bureau, clerk: Visitor) -> None:
    """Another page, another signature, another side, another delivery's file, a file that is no PDF: not there."""
    _, address = taken(bureau, draw_on_page(a_signed_form(), PAINT))
    other = bureau.filed("sct", pdf=a_pdf("other"))
    mail = bureau.deliver(channel=Channel.MAIL, data=b"From: a@b\n\nno PDF")
    foreign = f"/deliveries/{other.id}/files/{address.split('/')[4]}/changes"
    for path in (
        f"{address}/0/2/now.png",
        f"{address}/7/1/now.png",
        f"{address}/0/1/later.png",
        foreign,
        f"{foreign}/0/1/now.png",
        f"/deliveries/{mail.id}/files/{mail.sha256}/changes",
    ):
        assert clerk.get(path).status == 404, path


def test_a_picture_once_drawn_is_not_drawn_again(
    bureau: Bureau, clerk: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the page was shown its pictures come from memory, even if drawing has become impossible."""
    _, address = taken(bureau, draw_on_page(a_signed_form("Sở Y tế"), PAINT))
    clerk.get(address)
    monkeypatch.setattr("intake.console.light_table.SECONDS_PER_PAIR", -1.0)
    picture(clerk.get(f"{address}/0/1/now.png"))


def test_what_changed_is_found_without_any_trust() -> None:
    """Only bytes are asked: the page, its rectangle and where the signed revision ends."""
    made = sign(a_bare_pdf())
    found = find_changes(FindTask("x.pdf", stamped(made).data, NOW)).changes
    assert [(one.index, one.revision_end, one.sure) for one in found] == [(0, len(made.data), True)]
    assert [page for page, _ in found[0].pages] == [1]
