"""Commands about documents alone: verify, unpack, form; none needs a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from config.errors import WrongUse
from config.settings import Settings, load_settings
from intake.commands.frame import OFFICE_ZONE, existing, office_command, print_json

LoadSettings = Callable[[], Settings]


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document (intake-verify/1).")
@click.option("--trust", "trust", multiple=True, type=click.Path(), help="A folder of CA certificates and CRLs.")
@click.option("--integrity-only", is_flag=True, help="Leave certificates unjudged.")
@click.option("--at", "at", help="The proven time of existence, ISO 8601; default now.")
@click.option("--content", type=click.Path(), help="What a detached signature is over.")
@click.option("--revocation", type=click.Choice(["hard", "soft", "off"]), default="hard", show_default=True)
@click.option(
    "--policy",
    "policy_file",
    type=click.Path(dir_okay=False),
    help="A file with [trust.policy], such as the office's configuration.",
)
@click.option("--report", "report_file", type=click.Path(dir_okay=False), help="Write an ETSI TS 119 102-2 report.")
@click.option("--pictures", type=click.Path(file_okay=False), help="Draw visibly changed pages, signed and now.")
@office_command
def verify(
    _settings: LoadSettings,
    paths: tuple[str, ...],
    as_json: bool,
    trust: tuple[str, ...],
    integrity_only: bool,
    at: str | None,
    content: str | None,
    revocation: str,
    policy_file: str | None,
    report_file: str | None,
    pictures: str | None,
) -> int:
    """Verify signed files of any supported kind."""
    from signatures.question import Policy, Question, RevocationRule
    from signatures.trust import TrustStore
    from signatures.verify import as_document, inspect_paths

    found = existing(paths)
    folders = existing(trust)
    detached = existing((content,))[0] if content else None
    moment = _moment(at) if at else datetime.now(OFFICE_ZONE)
    question = Question(
        at=moment,
        at_is_proof=at is not None,
        trust=TrustStore.load(folders) if folders else None,
        integrity_only=integrity_only,
        revocation=RevocationRule(revocation),
        policy=Policy.of(load_settings(Path(policy_file)).trust.policy) if policy_file else Policy(),
    )
    # A report carries the papers it rests on, so that it can be judged again from it alone.
    reports = inspect_paths(found, question, content=detached, keep_evidence=report_file is not None)
    document = as_document(reports, question)
    if report_file:
        _write_report(Path(report_file), reports, question)
    if pictures:
        _draw(found, reports, Path(pictures))
    if as_json:
        print_json(document)
    else:
        _tell(document)
    return 0 if all(_all_passed(one) for one in document["files"]) else 1


def _draw(paths: list[Path], reports: tuple[Any, ...], folder: Path) -> None:
    from intake.pictures import draw_changes

    folder.mkdir(parents=True, exist_ok=True)
    for path, report in zip(paths, reports, strict=True):
        for picture in draw_changes(path, report, folder):
            click.echo(f"{picture}", err=True)


def _all_passed(file: dict[str, Any]) -> bool:
    """Whether a file and every document inside it passed; unsigned contents count as not passed."""
    return file["verdict"] == "passed" and all(_all_passed(one) for one in file["contents"])


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as cause:
        raise click.UsageError(f"--at {text!r}: write a moment such as 2019-09-14T10:00:00+07:00") from cause
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=OFFICE_ZONE)


def _write_report(path: Path, reports: tuple[Any, ...], question: Any) -> None:
    from signatures.validation_report import report_xml

    if len(reports) != 1:
        raise WrongUse("REPORT_FOR_ONE_FILE")
    path.write_bytes(report_xml(reports[0], question))


VERDICTS = {
    "passed": "HỢP LỆ / passed",
    "failed": "KHÔNG HỢP LỆ / failed",
    "indeterminate": "CHƯA KẾT LUẬN / indeterminate",
    "unsigned": "KHÔNG KÝ SỐ / unsigned",
    "unsupported": "CHƯA HỖ TRỢ / unsupported",
    "unreadable": "KHÔNG ĐỌC ĐƯỢC / unreadable",
}


def _tell(document: dict[str, Any]) -> None:
    """Print the verdicts for people: a line a file, a line a signature, a sentence a reason."""
    from config.reasons import explain

    if not document["trust_judged"]:
        click.echo("CHỈ KIỂM TRA TOÀN VẸN, không xét chứng thư / integrity only, certificates unjudged")

    def one(file: dict[str, Any], indent: str) -> None:
        click.echo(f"{indent}{file['path']}: {VERDICTS[file['verdict']]}  ({file['format']}, {file['size']} byte)")
        for reason in file["reasons"]:
            click.echo(f"{indent}  - {explain(reason['code']).vi} [{reason['code']}] {reason['detail']}".rstrip())
        for signature in file["signatures"]:
            signer = signature["signer"] or {}
            who = signer.get("common_name") or "?"
            click.echo(f"{indent}  * {signature['name']}: {VERDICTS.get(signature['verdict'])}: {who}")
            for reason in signature["reasons"]:
                text = explain(reason["code"])
                click.echo(f"{indent}      - {text.vi} [{reason['code']}] {reason['detail']}".rstrip())
                click.echo(f"{indent}        → {text.do_vi}")
        for inner in file["contents"]:
            one(inner, indent + "    ")

    for file in document["files"]:
        one(file, "")


@click.command()
@click.argument("paths", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document (intake-unpack/1).")
@office_command
def unpack(_settings: LoadSettings, paths: tuple[str, ...], as_json: bool) -> int:
    """Show what a mail, edXML package, archive or folder contains; problems do not change the exit status."""
    from intake.steps.unpack import unpack as take_apart
    from intake.steps.unpack import unpack_folder
    from intake.steps.unpacked import as_json as one_file

    files = []
    for path in existing(paths):
        unpacked = unpack_folder(path) if path.is_dir() else take_apart(path.read_bytes(), path.name)
        files.append(one_file(str(path), unpacked, OFFICE_ZONE))
    if as_json:
        print_json({"schema": "intake-unpack/1", "files": files})
        return 0
    from config.reasons import explain

    for file in files:
        click.echo(f"{file['path']}: {file['kind']}, {file['size']} byte")
        for key in ("from", "subject", "date", "automatic"):
            if file[key]:
                click.echo(f"  {key}: {file[key]}")
        for part in file["parts"]:
            trail = " > ".join(str(name or "?") for name in part["trail"])
            click.echo(f"  {trail}  [{part['media_type']}, {part['size']} byte, {part['sha256'][:16]}…]")
        for problem in file["problems"]:
            click.echo(f"  ! {explain(problem['code']).vi} [{problem['code']}] {problem['detail']}".rstrip())
    return 0


@click.group()
def form() -> None:
    """The form to fill in, and what a filled one says."""


@form.command("template")
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="Where to write the .docx.")
@click.option("--block", default=None, help="The block of agencies it is for (so_nganh, huyen).")
@office_command
def template(settings: LoadSettings, out: str, block: str | None) -> int:
    """Write the form of the campaign's catalogue as a Word document."""
    from intake.steps.forms import write_template

    catalogue, title = _catalogue_and_title(settings)
    chosen = block or next(iter(catalogue.blocks))
    if chosen not in catalogue.blocks:
        raise WrongUse("BLOCK_UNKNOWN", chosen=repr(chosen), blocks=", ".join(catalogue.blocks))
    Path(out).write_bytes(write_template(catalogue, chosen, title))
    click.echo(f"{out}: {catalogue.title}", err=True)
    return 0


@form.command("check")
@click.argument("path")
@click.option("--json", "as_json", is_flag=True)
@office_command
def check(settings: LoadSettings, path: str, as_json: bool) -> int:
    """Say what a filled form says and lacks; exit status 1 if it has flaws."""
    from config.reasons import explain
    from intake.steps.forms import read_form

    file = existing((path,))[0]
    catalogue, _ = _catalogue_and_title(settings)
    data = file.read_bytes()
    reading = read_form(data, _media_type(data, file.suffix.lower()), catalogue)
    flaws = [{"code": one.code, "detail": one.detail} for one in reading.flaws]
    if not reading.is_form:
        flaws.insert(0, {"code": "NOT_A_FORM", "detail": file.name})
    answers = [
        {
            "criterion_id": one.criterion_id,
            "kind": one.kind,
            "value_text": one.value_text,
            "value_number": _number(one.value_number),
            "numerator": _number(one.numerator),
            "denominator": _number(one.denominator),
            "self_score": _number(one.self_score),
            "max_points": _number(one.max_points),
            "evidence": one.evidence,
            "source": one.source,
            "confidence": one.confidence,
        }
        for one in reading.answers
    ]
    if as_json:
        print_json(
            {
                "schema": "intake-form/1",
                "path": path,
                "is_form": reading.is_form,
                "catalogue": reading.catalogue_id,
                "block": reading.block,
                "year": reading.year,
                "agency_name": reading.agency_name,
                "answers": answers,
                "flaws": flaws,
            }
        )
    else:
        click.echo(f"{path}: {len(answers)} câu trả lời / answers, {len(flaws)} thiếu sót / flaws")
        for flaw in flaws:
            text = explain(flaw["code"])
            click.echo(f"  - {text.vi} [{flaw['code']}] {flaw['detail']}\n    → {text.do_vi}")
    return 1 if flaws else 0


def _number(value: Any) -> float | int | None:
    if value is None:
        return None
    return int(value) if value == int(value) else float(value)


def _media_type(data: bytes, suffix: str) -> str:
    if data.startswith(b"%PDF"):
        return "application/pdf"
    kinds = {
        ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    }
    return kinds.get(suffix, "application/octet-stream")


def _catalogue_and_title(settings: LoadSettings) -> tuple[Any, str]:
    """Return the campaign's catalogue and title; without a configured campaign the shipped sample."""
    from config.campaign import load_campaign
    from config.catalogue import load_catalogue, sample_catalogue

    file = settings().campaign_file
    if not file.exists():
        click.echo("Không có cấu hình đợt đánh giá: dùng bộ tiêu chí MẪU / no campaign: the SAMPLE catalogue", err=True)
        return sample_catalogue(), "Đánh giá ứng dụng CNTT"
    campaign = load_campaign(file)
    return load_catalogue(campaign.catalogue_file), campaign.campaign.title
