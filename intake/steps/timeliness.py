"""Whether a delivery came on time, by the clock that counts, and what the other clocks say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from config.campaign import Campaign
from intake.steps.unpacked import Unpacked
from storage.records import Channel, ClockReading, Delivery, Timeliness, Why

# What the sender's side says of the moment of sending: shown, and never counted.
SENDERS_CLOCKS = frozenset({"date_header", "manifest_sent_at", "edxml_trace"})

_BEST_FIRST = (Timeliness.ON_TIME, Timeliness.IN_GRACE, Timeliness.AFTER_GRACE)


def judge(received_at: datetime, campaign: Campaign) -> Timeliness:
    """
    Say whether a form that arrived at `received_at` is on time.

    A cut-off is the first instant outside: 24:00 of a day is 00:00 of the next. Both cut-offs were approved by a
    person, so no calendar is consulted here. Raises ValueError for a moment without a time zone, since a deadline
    that moves with the server's clock is no deadline.

    Source: Law 20/2023/QH15, art. 17(1): a message is received when it enters the system that the recipient named.
    So the moment is our mail server's INTERNALDATE (RFC 9051, 2.3.3) or the document system's stamp; never the Date
    header, which the sender writes, nor the hour at which we happened to look.
    """
    if received_at.tzinfo is None:
        raise ValueError(f"no time zone on {received_at!r}")
    if received_at < campaign.due:
        return Timeliness.ON_TIME
    if received_at < campaign.closes:
        return Timeliness.IN_GRACE
    return Timeliness.AFTER_GRACE


def better_of(*readings: Timeliness) -> Timeliness:
    """Return the reading that favours the agency most; at least one must be given."""
    return min(readings, key=_BEST_FIRST.index)


@dataclass(frozen=True, slots=True)
class Timing:
    """
    The moment that counts for one delivery and how it was found.

    `counted_at` is never later than the delivery's recorded `received_at`: doubt goes in the sender's favour.
    `uncertain` says that a person must decide, because the readings fall on two sides of a cut-off.
    """

    counted_at: datetime
    timeliness: Timeliness
    uncertain: bool
    clocks: tuple[ClockReading, ...]
    reasons: tuple[Why, ...]


def read_clocks(delivery: Delivery, unpacked: Unpacked) -> tuple[ClockReading, ...]:
    """
    Return every clock reading of a delivery: what the source kept, then what the content says of itself.

    Of the Received headers only the topmost is our own server's (RFC 5321, 4.4: each server prepends its own); the
    others, the Date header and a package's trace are the sender's side and are kept as evidence, never as witness.
    """
    readings = list(delivery.clocks)
    mail, edxml, bundle = unpacked.mail, unpacked.edxml, unpacked.bundle
    if mail is not None:
        if mail.received:
            # A mail that lies in the export folder came over no server of ours: its lines are whoever made the file's.
            own = "received_header" if delivery.channel is Channel.MAIL else "received_header_of_file"
            readings.append(ClockReading(own, mail.received[0].at, mail.received[0].raw[:300]))
        readings.append(ClockReading("date_header", mail.date))
    if edxml is not None:
        readings += [ClockReading("edxml_trace", stamp.at, stamp.organ_id) for stamp in edxml.trace[:20]]
    if bundle is not None and bundle.shape == "manifest":
        readings.append(ClockReading("manifest_sent_at", bundle.sent_at))
        readings.append(ClockReading("manifest_received_at", bundle.received_at))
    return tuple(readings)


def judge_delivery(delivery: Delivery, unpacked: Unpacked, campaign: Campaign, *, tolerance_seconds: int) -> Timing:
    """
    Judge a delivery by all its clocks.

    1. The recorded moment counts. 2. Where only an interval is known (a folder item) its start counts, and one that
    straddles a cut-off is uncertain; so is a late first sight of which no start is known, and then the campaign's own
    start counts. 3. Where our own server's top Received and INTERNALDATE differ by more than the tolerance (a message
    that was copied, restored, or put there by a client, which writes both) and lie on two sides of a cut-off, the
    earlier one counts until a person decides. 4. Sent before due but received after is shown, and changes nothing.
    """
    clocks = read_clocks(delivery, unpacked)
    reasons: list[Why] = []
    counted = delivery.received_at
    uncertain = False
    # 2. An interval, as the folder source found it.
    if delivery.received_at_earliest is not None and delivery.received_at_earliest < counted:
        early = judge(delivery.received_at_earliest, campaign)
        if early is not judge(counted, campaign):
            uncertain = True
            reasons.append(
                Why("TIME_UNCERTAIN", f"{delivery.received_at_earliest.isoformat()} … {counted.isoformat()}")
            )
        counted = delivery.received_at_earliest
    elif delivery.received_by == "first-listing" and judge(counted, campaign) is not Timeliness.ON_TIME:
        uncertain = True
        reasons.append(Why("TIME_UNCERTAIN", f"? … {counted.isoformat()}"))
        counted = min(counted, campaign.opens)
    # 3. Two clocks of our own that disagree.
    tolerance = timedelta(seconds=tolerance_seconds)
    own = next((one.at for one in clocks if one.name == "received_header"), None)
    if own is not None and abs(own - counted) > tolerance:
        detail = f"INTERNALDATE {counted.isoformat()}, Received {own.isoformat()}"
        if judge(own, campaign) is not judge(counted, campaign):
            uncertain = True
            counted = min(counted, own.astimezone(UTC))
            reasons.append(Why("CLOCKS_DISAGREE_ON_CUT_OFF", detail))
        else:
            reasons.append(Why("CLOCKS_DISAGREE", detail))
    # 4. The sender's own claim.
    timeliness = judge(counted, campaign)
    sent = next((one.at for one in clocks if one.name in SENDERS_CLOCKS and one.at), None)
    if timeliness is not Timeliness.ON_TIME and sent is not None and sent < campaign.due:
        reasons.append(Why("SENT_BEFORE_DUE", sent.isoformat()))
    return Timing(counted, timeliness, uncertain, clocks, tuple(reasons))
