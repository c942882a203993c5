"""A form that its agency truly sealed, forged afterwards in every way we know, mailed in: none is ever accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import pytest

from config.errors import OfficeError
from intake.clerk import OfficeClerk
from intake.console.desk import Request
from intake.once import run_once
from storage.accounts import Accounts
from storage.audit import audit
from storage.records import Action, Role, State
from tests.makers import IN_TIME
from tests.makers_pdf_mutations import BY_UPDATE, ON_BYTES, DoesNotApply, Target
from tests.offices import SmallOffice, a_mail, a_signed_form

SEED = 697
TWO_CLERKS = ("lan", "minh")


@pytest.mark.timeout(600)
def test_no_forgery_of_a_sealed_form_is_filed_and_no_two_persons_can_accept_a_failed_one(
    small_office: SmallOffice, tell: Callable[[str], None]
) -> None:
    """The seal is the agency's own, its chain is trusted and unrevoked; only what was done to the file speaks."""
    form = a_signed_form()
    kinds = []
    for attack, do in {**ON_BYTES, **BY_UPDATE}.items():
        try:
            forged = do(Target.of(form), Random(f"{SEED}{attack}"))
        except DoesNotApply:
            continue
        kinds.append(attack)
        small_office.mailbox.put(a_mail(forged, message_id=f"<{len(kinds)}@forged.example>"))
    assert len(kinds) > 100

    run_once(small_office.office)

    found = {one.source_key: one for one in small_office.deliveries().values()}
    states = {kind: found[f"INBOX/1/{number}"].state for number, kind in enumerate(kinds, 1)}
    assert [kind for kind, state in states.items() if state is State.FILED] == []
    # Whoever sends what only looks like his form hears of it: nothing vanishes among other correspondence.
    assert [kind for kind, state in states.items() if state is State.SET_ASIDE] == []
    for name in TWO_CLERKS:
        accounts = Accounts(small_office.office.database)
        accounts.create(name, name, Role.CLERK, "mot-mat-khau-dai-12", by="quan", at=IN_TIME)
    failed = [one for one in found.values() if one.signature == "failed"]
    assert len(failed) > 30
    refused = 0
    for one in failed:
        for name in TWO_CLERKS:
            with pytest.raises(OfficeError):
                OfficeClerk(small_office.office).act(Request(one.id, Action.ACCEPT, name, "CLERK_CHECKED_IN_PERSON"))
            refused += 1
    assert State.FILED not in {one.state for one in small_office.deliveries().values()}
    assert audit(small_office.office.database, small_office.office.vault).findings == ()
    verdicts = Counter(one.signature for one in found.values())
    told = ", ".join(f"{verdict} {count}" for verdict, count in sorted(verdicts.items(), key=str))
    tell(f"forgeries mailed: {len(kinds)}, filed: 0 ({told}); acceptances refused: {refused}")


def test_the_form_itself_is_filed(small_office: SmallOffice) -> None:
    """What was forged above is accepted as its agency made it."""
    small_office.mailbox.put(a_mail(a_signed_form()))

    run_once(small_office.office)

    assert [one.state for one in small_office.deliveries().values()] == [State.FILED]
