"""Commands of the administrator: trust, roster, campaign, accounts, doctor."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import click

from config.errors import WrongUse
from config.settings import Settings
from intake.commands.frame import existing, office_command, print_json, table
from intake.commands.reading import opened
from intake.wiring import office_clock, open_office

LoadSettings = Callable[[], Settings]


@click.group()
def trust() -> None:
    """The trust folder: whose certificates count."""


@trust.command("list")
@click.option("--json", "as_json", is_flag=True)
@office_command
def trust_list(settings: LoadSettings, as_json: bool) -> int:
    """List what the trust folders hold, anchors first."""
    from signatures.trust import list_papers

    zone = settings().office.zone
    papers = list_papers(settings().trust_folders)
    if as_json:
        print_json({"schema": "intake-trust/1", "papers": [_paper(one) for one in papers]})
        return 0
    rows = [
        [
            one.kind,
            one.name,
            f"{one.not_before.astimezone(zone):%d/%m/%Y}",
            f"{one.not_after.astimezone(zone):%d/%m/%Y}" if one.not_after else "",
            one.known.name if one.known else "",
            one.sha256,
        ]
        for one in papers
    ]
    table(rows, ["Loại", "Tên", "Từ", "Đến", "Đã công bố", "SHA-256"])
    return 0


@trust.command("add")
@click.argument("file")
@click.option("--to", "folder", type=click.Path(file_okay=False), default=None, help="Default: the first trust folder.")
@click.option("--yes", is_flag=True, help="Do not ask; the fingerprint was compared.")
@office_command
def trust_add(settings: LoadSettings, file: str, folder: str | None, yes: bool) -> int:
    """Put a CA certificate or CRL into the trust folder, after showing its fingerprint and whether it is published."""
    from signatures.trust import add, describe

    path = existing((file,))[0]
    papers = describe(path)
    for one in papers:
        fingerprint = ":".join(one.sha256[start : start + 2] for start in range(0, 64, 2)).upper()
        click.echo(f"{one.kind}: {one.name}\n  nơi cấp / issuer: {one.issuer}\n  SHA-256 {fingerprint}")
        if one.known is not None:
            click.echo(f"  ĐÃ CÔNG BỐ / published: {one.known.name} ({one.known.sources} nguồn / sources)")
        elif one.kind != "crl":
            click.echo(
                "  KHÔNG có trong danh sách đã công bố / not a published one: so dấu vân với nơi cấp trước khi tin"
            )
    if not yes and not click.confirm("Tin các chứng thư này? / Trust these?", err=True):
        return 1
    target = Path(folder) if folder else next(iter(settings().trust_folders), None)
    if target is None:
        raise WrongUse("NO_TRUST_FOLDER")
    for one in add(path, target):
        click.echo(f"  → {one.path}")
    return 0


@trust.command("check")
@click.option("--json", "as_json", is_flag=True)
@office_command
def trust_check(settings: LoadSettings, as_json: bool) -> int:
    """Say what is wrong with the trust folders: expired, outdated, missing; exit status 1 if something is."""
    from config.reasons import explain
    from signatures.trust import check

    loaded = settings()
    problems = check(loaded.trust_folders, office_clock(loaded)())
    if as_json:
        print_json(
            {
                "schema": "intake-trust-check/1",
                "problems": [{"code": one.code, "detail": one.detail} for one in problems],
            }
        )
    else:
        for one in problems:
            text = explain(one.code)
            click.echo(f"  - {text.vi} [{one.code}] {one.detail}\n    → {text.do_vi}")
        if not problems:
            click.echo("Tốt / all well")
    return 1 if problems else 0


def _paper(one: object) -> dict[str, object]:
    from signatures.trust import TrustPaper

    assert isinstance(one, TrustPaper)
    return {
        "kind": one.kind,
        "path": str(one.path),
        "name": one.name,
        "issuer": one.issuer,
        "sha256": one.sha256,
        "not_before": one.not_before.isoformat(),
        "not_after": one.not_after.isoformat() if one.not_after else None,
        "published_as": one.known.name if one.known else None,
    }


@click.group()
def roster() -> None:
    """The agencies that must submit."""


@roster.command("import")
@click.argument("file")
@office_command
def roster_import(settings: LoadSettings, file: str) -> int:
    """Check a roster (CSV, XLSX, TOML) and make it the campaign's, as a recorded act; the old file is kept."""
    from config.campaign import replace_text, use_roster
    from config.roster import load_roster, write_roster_csv
    from intake.flow import current_rules

    source = existing((file,))[0]
    found = load_roster(source)
    loaded = settings()
    office = open_office(loaded)
    try:
        current = office.rules.book().file
        old = current.roster_file
        target = old if old.suffix.lower() == ".csv" else old.with_name("roster.csv")
        now = office.clock()
        if target.exists():
            kept = target.with_name(f"{target.stem}.{now:%Y%m%dT%H%M%S}{target.suffix}")
            replace_text(kept, target.read_text(encoding="utf-8-sig"))
        replace_text(target, write_roster_csv(found))
        if target != old:
            # The sample that ships is TOML; from the first import on the campaign names the office's own list.
            use_roster(current, target.name)
        current_rules(office)
        office.ledger.note(
            "roster_imported", {"file": source.name, "agencies": len(found.agencies)}, actor="operator", at=now
        )
    finally:
        office.close()
    sample = " (MẪU / SAMPLE)" if found.sample else ""
    click.echo(f"{target}: {len(found.agencies)} cơ quan / agencies{sample}")
    return 0


@click.group()
def campaign() -> None:
    """The cut-offs and how they come about."""


@campaign.command("check")
@click.option("--json", "as_json", is_flag=True)
@office_command
def campaign_check(settings: LoadSettings, as_json: bool) -> int:
    """Explain the campaign as it stands, and compare its cut-offs with what the calendar proposes."""
    from intake.campaign_words import explain_campaign

    loaded = settings()
    explanation = explain_campaign(loaded.campaign_file, loaded.office.zone, office_clock(loaded)())
    if as_json:
        print_json(explanation.as_json())
    else:
        for line in explanation.lines:
            click.echo(line)
    return 0


@campaign.command("calendar")
@click.option("--json", "as_json", is_flag=True)
@office_command
def campaign_calendar(settings: LoadSettings, as_json: bool) -> int:
    """Show day by day how the proposed cut-offs come about, under the reading chosen and the others."""
    from intake.campaign_words import explain_calendar

    loaded = settings()
    explanation = explain_calendar(loaded.campaign_file, loaded.office.zone)
    if as_json:
        print_json(explanation.as_json())
    else:
        for line in explanation.lines:
            click.echo(line)
    return 0


@campaign.command("extend")
@click.option("--closes", required=True, help="The new first instant after grace, e.g. 2019-09-28T00:00:00+07:00.")
@click.option("--by", required=True, help="The account that records it.")
@click.option("--approved-by", default=None, help="Who decided it; default: the account's person.")
@click.option("--basis", required=True, help="The document that extends it.")
@office_command
def campaign_extend(settings: LoadSettings, closes: str, by: str, approved_by: str | None, basis: str) -> int:
    """Move the end of grace later, as a recorded act; what it touches is judged again."""
    from intake.clerk import OfficeClerk
    from intake.console.desk import Extension

    office = open_office(settings())
    try:
        try:
            moment = datetime.fromisoformat(closes)
        except ValueError as cause:
            raise click.UsageError(f"--closes {closes!r}: write 2019-09-28T00:00:00+07:00") from cause
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=office.settings.office.zone)
        clerk = OfficeClerk(office)
        shifts = clerk.foresee_extension(moment)
        today = office.clock().astimezone(office.settings.office.zone).date()
        clerk.extend(Extension(moment, basis, approved_by or by, today, by))
    finally:
        office.close()
    click.echo(f"closes = {moment.isoformat()}; {len(shifts)} văn bản được xét lại / deliveries judged again")
    return 0


@click.group()
def user() -> None:
    """Console accounts and roles."""


@user.command("add")
@click.argument("name")
@click.option("--full-name", default="", help="As it is shown to others.")
@click.option("--role", type=click.Choice(["viewer", "clerk", "admin"]), default="clerk", show_default=True)
@click.option("--password-file", type=click.Path(dir_okay=False), default=None, help="Else it is asked for.")
@office_command
def user_add(settings: LoadSettings, name: str, full_name: str, role: str, password_file: str | None) -> int:
    """Make an account."""
    from storage.accounts import Accounts
    from storage.records import Role

    loaded = settings()
    with opened(loaded) as shelf:
        Accounts(shelf.ledger.database).create(
            name, full_name or name, Role(role), _password(password_file), by="operator", at=office_clock(loaded)()
        )
    click.echo(f"{name}: {role}")
    return 0


@user.command("passwd")
@click.argument("name")
@click.option("--password-file", type=click.Path(dir_okay=False), default=None)
@office_command
def user_passwd(settings: LoadSettings, name: str, password_file: str | None) -> int:
    """Change a password and end the account's sessions."""
    from storage.accounts import Accounts

    loaded = settings()
    with opened(loaded) as shelf:
        Accounts(shelf.ledger.database).set_password(
            name, _password(password_file), by="operator", at=office_clock(loaded)()
        )
    click.echo(f"{name}: mật khẩu đã đổi / password changed")
    return 0


@user.command("list")
@click.option("--json", "as_json", is_flag=True)
@office_command
def user_list(settings: LoadSettings, as_json: bool) -> int:
    """List the accounts."""
    from storage.accounts import Accounts

    with opened(settings()) as shelf:
        found = Accounts(shelf.ledger.database).list()
    if as_json:
        accounts = [
            {"name": one.name, "full_name": one.full_name, "role": one.role.value, "disabled": one.disabled}
            for one in found
        ]
        print_json({"schema": "intake-users/1", "accounts": accounts})
        return 0
    table(
        [[one.name, one.full_name, one.role.value, "đã khóa" if one.disabled else ""] for one in found],
        ["Tài khoản", "Họ tên", "Vai trò", ""],
    )
    return 0


@user.command("disable")
@click.argument("name")
@office_command
def user_disable(settings: LoadSettings, name: str) -> int:
    """Close an account and end its sessions; what it did stays in the log."""
    from storage.accounts import Accounts

    loaded = settings()
    with opened(loaded) as shelf:
        Accounts(shelf.ledger.database).disable(name, by="operator", at=office_clock(loaded)())
    click.echo(f"{name}: đã khóa / disabled")
    return 0


def _password(file: str | None) -> str:
    if file is not None:
        return existing((file,))[0].read_text(encoding="utf-8").strip("\r\n")
    return str(click.prompt("Mật khẩu / password", hide_input=True, confirmation_prompt=True, err=True))


@click.command()
@click.option("--json", "as_json", is_flag=True)
@office_command
def doctor(settings: LoadSettings, as_json: bool) -> int:
    """Ask every outside thing whether it is well; exit status 1 if something is not."""
    from intake.doctor import examine_house

    loaded = settings()
    with opened(loaded) as shelf:
        lines = examine_house(loaded, shelf.ledger, office_clock(loaded)())
    ok = all(one.ok is not False for one in lines)
    if as_json:
        checks = [
            {
                "name": one.name,
                "ok": one.ok,
                "said": one.said,
                "remedy": one.remedy or None,
                "said_en": one.said_en or None,
                "remedy_en": one.remedy_en or None,
            }
            for one in lines
        ]
        print_json({"schema": "intake-doctor/1", "ok": ok, "checks": checks})
        return 0 if ok else 1
    marks = {True: "✓", False: "✗", None: "?"}
    for one in lines:
        click.echo(f"{marks[one.ok]} {one.name}: {one.said}")
        if one.ok is not True and one.remedy:
            click.echo(f"    → {one.remedy}")
        if one.said_en:
            click.echo(f"    {one.said_en}. {one.remedy_en}")
    return 0 if ok else 1
