"""What must agree before a bot enters with real money: rules over what was read. Pure.

Each rule is a sentence and, where it is not met, what mends it. Nothing of this keeps a tick from
protecting.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from shared.core.calendar import DAY_MS, jst_text
from shared.core.money import lots_from_btc
from shared.core.reasons import Reason
from shared.core.sentences import reason_now, say
from shared.core.sentences.figures import btc, number, yen
from shared.core.settings import Settings
from shared.core.types import Holdings, Issue, Position, Side
from shared.tick.live.raising import PreflightCheck, StageEvidence, raising_checks
from shared.tick.live.records import AlertsTest, KeyRights
from shared.tick.live.stages import is_live_stage
from shared.tick.live.standing import LiveStanding
from shared.turn.state import State

ALERTS_TESTED_DAYS = 30
"""So long a test of the channels counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreflightFacts:
    """What was read for it.

    Attributes:
        settings: As they are set.
        now_ms: When it was read.
        key: The fingerprint of the key's id; empty where none is set.
        missing_secrets: Names of variables of the key that are not set.
        is_capital_said: Whether somebody set `capital_jpy`; the default is of paper.
        rights: What the owner said of the key.
        standing: What people have written down of the bot.
        alerts_test: When channels were tried.
        channels: The channels that are set up.
        skew_ms: This machine's clock less the exchange's; None where that is not known.
        model: The model that serves.
        model_issues: What speaks against its entering, or for it by a person's word.
        state: What the last tick left.
        is_blocked: Whether an order's outcome is unknown.
        holdings: The account as it was read just now; None where it could not be.
        trouble: Why state or account could not be read.
        evidence: Of the stage so far, where the start would go up.
        confirmed_orders: Somebody else's orders of the bot's form that the owner names.
    """

    settings: Settings
    now_ms: int
    key: str = ""
    missing_secrets: Sequence[str] = ()
    is_capital_said: bool = False
    rights: KeyRights | None = None
    standing: LiveStanding = field(default_factory=LiveStanding)
    alerts_test: AlertsTest | None = None
    channels: Sequence[str] = ()
    skew_ms: float | None = None
    model: str | None = None
    model_issues: Sequence[Issue] = ()
    state: State | None = None
    is_blocked: bool = False
    holdings: Holdings | None = None
    trouble: str = ""
    evidence: StageEvidence | None = None
    confirmed_orders: Sequence[int] = ()


Rule = Callable[[PreflightFacts], Iterator[PreflightCheck]]


def preflight(facts: PreflightFacts) -> tuple[PreflightCheck, ...]:
    """All of it, in the order in which a person mends it."""
    return tuple(check for rule in RULES for check in rule(facts))


def is_passed(checks: Sequence[PreflightCheck]) -> bool:
    """Whether nothing is left to mend.

    >>> is_passed([PreflightCheck(name="mode", is_met=True, said="live")])
    True
    """
    return all(check.is_met for check in checks)


def _agreement(name: str, said: str) -> PreflightCheck:
    return PreflightCheck(name=name, is_met=True, said=said)


def _remark(name: str, said: str) -> PreflightCheck:
    return PreflightCheck(name=name, is_met=True, said=said, is_note=True)


def _lack(name: str, said: str, remedy: str) -> PreflightCheck:
    return PreflightCheck(name=name, is_met=False, said=said, remedy=say(f"going.remedy.{remedy}"))


def _check_mode(facts: PreflightFacts) -> Iterator[PreflightCheck]:
    mode = facts.settings.mode
    if mode == "live":
        yield _agreement("mode", say("going.mode", mode=mode))
    else:
        yield _lack("mode", say("going.mode", mode=mode), "mode")


def _check_stage(facts: PreflightFacts) -> Iterator[PreflightCheck]:
    stage = facts.settings.stage
    if is_live_stage(stage):
        yield from raising_checks(facts.standing, facts.settings, facts.evidence)
    else:
        yield _lack("stage", say("going.stage_of_paper", stage=stage), "stage")


def _check_capital(facts: PreflightFacts) -> Iterator[PreflightCheck]:
    settings, before = facts.settings, facts.standing.record
    capital = yen(settings.capital_jpy)
    if not facts.is_capital_said:
        yield _lack("capital", say("going.capital_unsaid", capital=capital), "capital")
    elif before is not None and settings.capital_jpy > before.capital_jpy:
        said = say("going.capital_more", capital=capital, before=yen(before.capital_jpy))
        yield _remark("capital", said)
    else:
        yield _agreement("capital", say("going.capital", capital=capital))


def _check_key(facts: PreflightFacts) -> Iterator[PreflightCheck]:
    if facts.missing_secrets:
        names = ", ".join(facts.missing_secrets)
        yield _lack("key", say("going.key_missing", names=names), "key")
        return
    said = say("going.key" if facts.holdings is not None else "going.key_set", key=facts.key)
    yield _agreement("key", said)
    rights = facts.rights
    if rights is None or rights.key != facts.key:
        remedy = say("going.named.rights", key=facts.key)
        said = say("going.rights_unsaid", key=facts.key)
        yield PreflightCheck(name="rights", is_met=False, said=said, remedy=remedy)
    else:
        said = say("going.rights", who=rights.who, at=jst_text(rights.at), key=rights.key)
        yield _agreement("rights", said)


def _check_claim(facts: PreflightFacts) -> Iterator[PreflightCheck]:
    if facts.standing.damage:
        yield _lack("claim", facts.standing.damage, "damage")
        return
    others = facts.standing.claims.others(facts.settings)
    for side, bot in others.items():
        remedy = say("going.named.claim", bot=bot)
        said = say("going.claimed", side=side, bot=bot)
        yield PreflightCheck(name="claim", is_met=False, said=said, remedy=remedy)
    if not others:
        yield _agreement("claim", say("going.claim_free"))


def _check_model(facts: PreflightFacts) -> Iterator[PreflightCheck]:
    against = [issue for issue in facts.model_issues if issue.forbids_entry]
    found = "; ".join(issue.context.get("found", str(issue.reason)) for issue in facts.model_issues)
    if facts.model is None or against:
        said = say("going.model_not", model=facts.model or say("going.none"), found=found)
        yield _lack("model", said, "model")
    elif found:
        yield _remark("model", say("going.model_but", model=facts.model, found=found))
    else:
        yield _agreement("model", say("going.model", model=facts.model))


def _check_clock(facts: PreflightFacts) -> Iterator[PreflightCheck]:
    allowed = facts.settings.market.max_clock_skew_ms
    if facts.skew_ms is None:
        yield _lack("clock", say("going.clock_unknown"), "network")
        return
    seconds = f"{facts.skew_ms / 1000:+.1f}"
    said = say("going.clock", seconds=seconds, allowed=number(allowed / 1000))
    if abs(facts.skew_ms) > allowed:
        yield _lack("clock", said, "clock")
    else:
        yield _agreement("clock", said)


def _check_alerts(facts: PreflightFacts) -> Iterator[PreflightCheck]:
    if not facts.channels:
        yield _lack("alerts", say("going.alerts_none"), "channels")
        return
    test = facts.alerts_test
    tried = set() if test is None else set(test.channels)
    untried = [name for name in facts.channels if name not in tried]
    if test is None or untried:
        said = say("going.alerts_untried", names=", ".join(untried or facts.channels))
        yield _lack("alerts", said, "alerts")
    elif facts.now_ms - test.at > ALERTS_TESTED_DAYS * DAY_MS:
        said = say("going.alerts_old", at=jst_text(test.at), days=ALERTS_TESTED_DAYS)
        yield _lack("alerts", said, "alerts")
    else:
        names = ", ".join(facts.channels)
        yield _agreement("alerts", say("going.alerts", at=jst_text(test.at), names=names))


def _check_account(facts: PreflightFacts) -> Iterator[PreflightCheck]:
    """A live tick has begun the book, and a reading of now agrees with it."""
    state, held = facts.state, facts.holdings
    if facts.trouble:
        yield _lack("account", facts.trouble, "account")
    if state is None or state.ledger is None:
        yield _lack("account", say("going.no_book"), "tick")
    if facts.is_blocked:
        yield _lack("account", say("going.unknown_outcome"), "outcome")
    if held is None:
        return
    apart = {
        issue.reason: issue
        for issue in held.issues
        if issue.forbids_entry and issue.reason not in BY_ITSELF
    }
    for reason, issue in apart.items():
        facts_of = ", ".join(f"{name} {text}" for name, text in issue.context.items())
        said = say("going.account_apart", why=reason_now(reason), facts=facts_of)
        yield _lack("account", said, "account_apart")
    if not apart and not facts.trouble and not facts.is_blocked and state and state.ledger:
        yield _agreement("account", say("going.account"))


def _check_sides(facts: PreflightFacts) -> Iterator[PreflightCheck]:
    """Live does not begin on a side that the book does not explain. On spot the owner's coins may
    lie there; they are named.
    """
    held = facts.holdings
    if held is None or held.there_lots is None:
        return
    unexplained = False
    for side in Side:
        booked, there = _lots_of(held.positions, side), held.there_lots.get(side, 0)
        if booked != there:
            unexplained = True
            said = say("going.side_unexplained", side=side, there=btc(there), booked=btc(booked))
            yield _lack("side", said, "side")
    coins = _others_coins(facts)
    if coins > 0:
        said = say("going.coins_beside", amount=f"{coins:f}", lots=btc(lots_from_btc(coins)))
        yield _remark("side", said)
    if not unexplained:
        yield _agreement("side", say("going.side"))


def _check_balances(facts: PreflightFacts) -> Iterator[PreflightCheck]:
    """What the book counts on must lie there."""
    held = facts.holdings
    traces = None if held is None or held.ledger is None else held.ledger.traces
    if held is None or held.ledger is None or traces is None:
        return
    there, booked = traces.jpy + held.ledger.cash_jpy, held.ledger.cash_jpy
    if traces.jpy < 0:
        said = say("going.yen_short", there=yen(there), booked=yen(booked))
        yield _lack("balances", said, "balances")
    else:
        yield _agreement("balances", say("going.yen", there=yen(there), booked=yen(booked)))


def _check_orders(facts: PreflightFacts) -> Iterator[PreflightCheck]:
    """Orders of the bot's own form that are not its own: another writer, or the owner's by name."""
    held = facts.holdings
    if held is None:
        return
    confirmed = set(facts.confirmed_orders)
    like = [one.order_id for one in held.strangers if one.is_like_ours]
    strange = [number for number in like if number not in confirmed]
    if strange:
        orders = ", ".join(map(str, strange))
        options = " ".join(f"--theirs {number}" for number in strange)
        yield PreflightCheck(
            name="orders",
            is_met=False,
            said=say("going.strange_orders", orders=orders),
            remedy=say("going.named.orders", options=options),
        )
    others = [one.order_id for one in held.strangers if one.order_id not in strange]
    if others:
        orders = ", ".join(map(str, others))
        yield _remark("orders", say("going.orders_beside", orders=orders))
    elif not strange:
        yield _agreement("orders", say("going.orders"))


def _lots_of(positions: Sequence[Position], side: Side) -> int:
    return sum(position.lots for position in positions if position.side is side)


def _others_coins(facts: PreflightFacts) -> Decimal:
    """Coins on spot that the book does not explain; on margin coins are collateral."""
    held = facts.holdings
    traces = None if held is None or held.ledger is None else held.ledger.traces
    if traces is None or facts.settings.account.has_debt:
        return Decimal(0)
    return traces.btc


BY_ITSELF = frozenset(
    {
        Reason.ANOTHER_WRITER,
        Reason.ACCOUNT_UNSETTLED,
        Reason.POSITION_UNEXPLAINED,
        Reason.POSITION_SHORT,
    }
)
"""What orders and sides are asked about one by one."""

RULES: tuple[Rule, ...] = (
    _check_mode,
    _check_stage,
    _check_capital,
    _check_key,
    _check_claim,
    _check_model,
    _check_clock,
    _check_alerts,
    _check_account,
    _check_sides,
    _check_balances,
    _check_orders,
)
