"""How an agency's versions stand to each other: whose content counts, and since which moment the agency is in time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from config.campaign import Campaign
from intake.steps.decision import History, signing_moment
from intake.steps.timeliness import better_of, judge
from signatures.report import Verdict
from storage.records import Delivery, State, Timeliness
from storage.standing import Standing, StandingRule

# Which of the agency's own readings of time a person has not confirmed yet.
DOUBTFUL_TIME = frozenset({"TIME_UNCERTAIN", "CLOCKS_DISAGREE_ON_CUT_OFF"})
# A version with one of these was not signed by the agency, so it is no try of the agency's.
NOT_ITS_OWN = frozenset({"AGENCY_MISMATCH", "SIGNER_NOT_ON_ROSTER", "SIGNER_REVOKED", "FORM_OF_ANOTHER_AGENCY"})
# Of these nobody knows yet whether they are the form at all.
NOT_SEEN_TO_BE_THE_FORM = frozenset({"FORM_NOT_CERTAIN", "TEXT_UNREADABLE"})

# A version whose signature is intact fixes the moment of an agency's submission, whatever else was wrong with it.
INTACT = frozenset({Verdict.PASSED.value, Verdict.INDETERMINATE.value})


def standing_rule(campaign: Campaign, history: History) -> StandingRule:
    """
    Return the rule by which an agency's filed versions stand to each other.

    The content of the last version before `closes` counts (of those after it only where there is no other; what was
    signed before another takes its place only by a person), and the moment of the earliest version whose signature is
    intact, held ones included, or each version's own where the campaign says so (`resubmission_time`). The agency's
    reputation rests on its first honest try, not on our queue.
    """
    tries = [moment for one in history.versions if (moment := _moment_of_try(one)) is not None]

    def rule(filed: Sequence[Delivery]) -> Standing:
        if not filed:
            return Standing(None)
        in_time = [one for one in filed if one.timeliness is not Timeliness.AFTER_GRACE]
        operative = _last_of(in_time or filed)
        bearing = [operative]
        if campaign.resubmission_time == "first":
            bearing += [one for one in filed if one.campaign == campaign.id]
        moments = [one.counted_at or one.received_at for one in bearing]
        if campaign.resubmission_time == "first":
            moments += tries
        first = min(moments)
        # What was judged better once, by cut-offs that were moved back since, stays so.
        kept = [one.counted_timeliness for one in bearing if one.counted_at == first and one.counted_timeliness]
        return Standing(operative.id, first, better_of(judge(first, campaign), *kept))

    return rule


def _last_of(filed: Sequence[Delivery]) -> Delivery:
    """
    Return the version that was received last, passing over what the machine filed and was signed before another.

    Whoever has an older signed form can send it; two workers may file it before the newer one that came first.
    """
    in_order = sorted(filed, key=lambda one: (one.received_at, one.id))
    last = in_order[0]
    for one in in_order[1:]:
        ours, theirs = signing_moment(one), signing_moment(last)
        is_older = ours is not None and theirs is not None and ours < theirs
        if not (is_older and one.decided_by == "machine"):
            last = one
    return last


def is_own_form(one: Delivery) -> bool:
    """Whether a version that is not filed is nevertheless the agency's own signed form, as far as was seen."""
    codes = {why.code for why in one.reasons}
    return one.signature in INTACT and not codes & (NOT_ITS_OWN | NOT_SEEN_TO_BE_THE_FORM)


def _moment_of_try(one: Delivery) -> datetime | None:
    """
    Return the moment by which a version that is not filed speaks for its agency's later ones; None if it does not.

    Without this, anything signed and sent early would buy its agency time without a person: another's form, a
    document that is no form, or a Received line of the sender's own making. What a person returned was a form.
    """
    codes = {why.code for why in one.reasons}
    if one.state not in (State.HELD, State.RETURNED) or one.signature not in INTACT or codes & NOT_ITS_OWN:
        return None
    if "RECEIVED_BEFORE_SIGNED" in codes:  # Of its moment only this is known, that it is wrong.
        return None
    if one.state is State.HELD and codes & NOT_SEEN_TO_BE_THE_FORM:
        return None
    return one.received_at if codes & DOUBTFUL_TIME else one.counted_at or one.received_at
