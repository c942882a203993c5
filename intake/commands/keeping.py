"""Commands that keep and prove: export, audit, backup, restore, schema."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, cast

import click

from config.settings import Settings
from intake.commands.frame import existing, office_command, print_json, progress
from intake.commands.reading import opened
from intake.office import Rules
from intake.wiring import office_clock, open_ledger
from storage.queries import RosterRow
from storage.vault import Vault

LoadSettings = Callable[[], Settings]


@click.command()
@click.option("--what", type=click.Choice(["forms", "answers", "log", "board"]), required=True)
@click.option("--format", "kind", type=click.Choice(["csv", "xlsx", "json", "parquet"]), required=True)
@click.option("--out", type=click.Path(dir_okay=False), required=True)
@office_command
def export(settings: LoadSettings, what: str, kind: str, out: str) -> int:
    """Write a list for scoring or reports; the file is there whole or not at all."""
    from storage.exports import export as write

    loaded = settings()
    campaign_book = Rules(loaded.campaign_file).book()
    campaign = campaign_book.file.campaign
    rows = [RosterRow(one.id, one.name, one.channel) for one in campaign_book.roster.valid_on(campaign.due.date())]
    with opened(loaded) as shelf:
        count = write(
            shelf.queries,
            cast(Literal["forms", "answers", "log", "board"], what),
            cast(Literal["csv", "xlsx", "json", "parquet"], kind),
            Path(out),
            campaign=campaign.id,
            roster=rows,
            as_of=office_clock(loaded)(),
            due=campaign.due,
            closes=campaign.closes,
        )
    click.echo(f"{out}: {count} dòng / rows", err=True)
    return 0


@click.command()
@click.argument("ref")
@click.argument("folder", type=click.Path(file_okay=False))
@office_command
def evidence(settings: LoadSettings, ref: str, folder: str) -> int:
    """Write a delivery, its files, and the certificates and lists used into FOLDER; says how to judge it again."""
    from intake.evidence import hand_out

    loaded = settings()
    with opened(loaded) as shelf:
        handed = hand_out(shelf.queries, Vault.at(loaded.vault.url), ref, Path(folder))
    click.echo(
        f"{handed.folder}: {handed.files} tệp / files, {handed.papers} chứng thư và danh sách / papers", err=True
    )
    click.echo(f"cd {handed.folder} && {handed.command}")
    return 0


@click.command()
@click.option("--json", "as_json", is_flag=True)
@office_command
def audit(settings: LoadSettings, as_json: bool) -> int:
    """Prove that the log's chain, the vault's digests and the sums hold; exit status 1 if they do not."""
    from storage.audit import audit as prove

    loaded = settings()
    with opened(loaded) as shelf:
        report = prove(shelf.ledger.database, Vault.at(loaded.vault.url), progress=progress("audit"))
    if as_json:
        print_json(
            {
                "schema": "intake-audit/1",
                "holds": report.holds,
                "entries": report.entries,
                "deliveries": report.deliveries,
                "letters": report.letters,
                "blobs": report.blobs,
                "bytes": report.bytes,
                "head": {"seq": report.head_seq, "hash": report.head_hash},
                "sums": report.sums,
                "sources": report.by_source,
                "problems": [
                    {"code": one.code, "detail": one.detail, "subject": one.subject} for one in report.findings
                ],
            }
        )
    else:
        click.echo(
            f"{report.entries} dòng sổ / log entries, {report.deliveries} văn bản / deliveries,"
            f" {report.blobs} tệp / blobs ({report.bytes} byte)"
        )
        click.echo("  " + ", ".join(f"{state} {count}" for state, count in report.sums.items()))
        for source, sums in report.by_source.items():
            states = ", ".join(f"{state} {sums[state]}" for state in report.sums if state != "total" and sums[state])
            again = f", {sums['again']} đã có / known already" if sums["again"] else ""
            waits = f", {sums['postponed']} chưa lấy được / not had yet" if sums.get("postponed") else ""
            gone = f", {sums['gone']} đã mất ở nguồn / gone before they could be had" if sums["gone"] else ""
            click.echo(f"  {source}: {sums['shown']} đã thấy / shown = {states}{again}{waits}{gone}")
        for one in report.findings:
            click.echo(f"  ! [{one.code}] {one.subject}: {one.detail}")
        verdict = "ĐÚNG / it all holds" if report.holds else f"KHÔNG ĐÚNG / {len(report.findings)} findings"
        click.echo(f"{verdict}; đầu sổ / log head {report.head_seq} {report.head_hash}")
    return 0 if report.holds else 1


@click.command()
@click.argument("folder", type=click.Path(file_okay=False))
@office_command
def backup(settings: LoadSettings, folder: str) -> int:
    """Copy everything to a new or empty folder while the service runs."""
    from storage.backups import backup as copy

    loaded = settings()
    book = Rules(loaded.campaign_file).book()
    files = [loaded.campaign_file, book.file.roster_file, book.file.catalogue_file]
    for trust in loaded.trust_folders:
        files += [one for one in sorted(trust.iterdir()) if one.is_file()] if trust.is_dir() else []
    with opened(loaded) as shelf:
        report = copy(
            shelf.ledger.database, Vault.at(loaded.vault.url), files, Path(folder), progress=progress("backup")
        )
    click.echo(f"{report.folder}: {report.blobs} tệp / blobs, {report.bytes} byte, log head {report.head_seq}")
    return 0


@click.command()
@click.argument("folder", type=click.Path(file_okay=False))
@office_command
def restore(settings: LoadSettings, folder: str) -> int:
    """Put a copy back into an empty database and vault, and prove it; exit status 1 if it does not prove true."""
    from storage.backups import restore as put_back
    from storage.ledger import Ledger

    loaded = settings()
    source = existing((folder,))[0]
    ledger = Ledger.open(loaded.database.connect_url())
    try:
        report = put_back(
            source,
            ledger.database,
            Vault.at(loaded.vault.url),
            loaded.campaign_file.parent,
            progress=progress("restore"),
        )
    finally:
        ledger.close()
    for one in report.findings:
        click.echo(f"  ! [{one.code}] {one.subject}: {one.detail}")
    click.echo(f"{report.deliveries} văn bản / deliveries, {report.blobs} tệp / blobs; log head {report.head_seq}")
    return 0 if report.holds else 1


@click.group()
def db() -> None:
    """The database schema."""


@db.command("upgrade")
@office_command
def upgrade(settings: LoadSettings) -> int:
    """Bring the schema to this program's version; doing it twice changes nothing."""
    ledger = open_ledger(settings())
    ledger.close()
    click.echo("Lược đồ cơ sở dữ liệu đã cập nhật / the schema is up to date", err=True)
    return 0
