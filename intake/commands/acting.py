"""Commands by which a named clerk decides; what needs two persons is completed when a second one repeats it."""

from __future__ import annotations

from collections.abc import Callable

import click

from config.settings import Settings
from intake.clerk import OfficeClerk
from intake.commands.frame import office_command, print_json
from intake.console.desk import Request
from intake.wiring import open_office
from storage.records import Action

LoadSettings = Callable[[], Settings]


def _command(action: Action, name: str, help_text: str) -> click.Command:
    """Return the command for one act; they differ only in what they name besides."""

    @click.command(name, help=help_text)
    @click.argument("ref")
    @click.option("--by", required=True, help="The account that decides.")
    @click.option("--reason", required=True, help="A reason code; the console lists them.")
    @click.option("--note", default="", help="The clerk's own words.")
    @click.option("--agency", default="", help="accept: the agency, where the machine found none.")
    @click.option("--to", "target", default="", help="link: the receipt number or id it is a copy of.")
    @click.option("--json", "as_json", is_flag=True)
    @office_command
    def act(
        settings: LoadSettings, ref: str, by: str, reason: str, note: str, agency: str, target: str, as_json: bool
    ) -> int:
        office = open_office(settings())
        try:
            delivery = office.ledger.delivery(ref)
            done = OfficeClerk(office).act(
                Request(delivery.id, action, by, reason, note, agency if action is Action.ACCEPT else target)
            )
            after = office.ledger.delivery(delivery.id)
        finally:
            office.close()
        if as_json:
            print_json(
                {
                    "schema": "intake-act/1",
                    "id": after.id,
                    "receipt_no": after.receipt_no,
                    "state": after.state.value,
                    "waits_for_second": done.waits_for_second,
                }
            )
        elif done.waits_for_second:
            click.echo(f"{ref}: đã ghi nhận; chờ người thứ hai xác nhận / recorded, a second person must repeat it")
        else:
            click.echo(f"{after.receipt_no or after.id}: {after.state.value}")
        return 1 if done.waits_for_second else 0

    return act


accept = _command(Action.ACCEPT, "accept", "Accept a held delivery.")
return_ = _command(Action.RETURN, "return", "Return a delivery to its sender, with the reason.")
link = _command(Action.LINK, "link", "Link a delivery as a copy of another (--to REF).")
dismiss = _command(Action.DISMISS, "dismiss", "Say that a delivery is no submission.")
retry = _command(Action.RETRY, "retry", "Have a delivery examined again.")
release = _command(Action.RELEASE, "release", "Bring back what was shelved or set aside, to be examined again.")
