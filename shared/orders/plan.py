"""From what is held and what was decided to what is sent: protection first, then entries and exits.

Pure.

An intent's id is `{tick}.{purpose}.{number}`, numbered within one call: give each call of a tick
its own `tick` prefix.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import count
from typing import TypeAlias

from shared.core.frozen import copy_with
from shared.core.money import rate, yen_beyond
from shared.core.reasons import Reason
from shared.core.settings import Settings
from shared.core.types import (
    Accepted,
    Action,
    Book,
    Decision,
    Holdings,
    Order,
    OrderIntent,
    OrderKind,
    OrderRecord,
    Outcome,
    PairRules,
    Position,
    PositionPlan,
    Purpose,
    Rejected,
    Side,
    Signal,
)
from shared.orders.closing import position_left
from shared.risk import policy_of

MOST_STOPS_BESIDE_AN_ENTRY = 4
"""The fifth stop beside an entry that still rests ends that: six orders of ours may be live, and
the target is one."""
MOST_STOPS = 3
"""So many stops of a spot position may stand side by side before they are merged; the exchange
allows six live orders."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Send this order; with `after` only where the order of that intent, earlier among the same
    steps, was taken, and with `instead_of` only where that one was refused.
    """

    intent: OrderIntent
    after: str | None = None
    instead_of: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Cancel this order, because of `reason`; `after` as in `Place`.

    >>> stop = OrderIntent(
    ...     id="t1~p1",
    ...     purpose=Purpose.STOP,
    ...     side=Side.LONG,
    ...     kind=OrderKind.STOP,
    ...     lots=12,
    ...     trigger_price=9_700_000,
    ... )
    >>> order = Order(order_id=7, intent=stop, placed_at=0, remaining_lots=12)
    >>> Cancel(order=order, reason=Reason.ORPHAN_CANCELED).order.order_id
    7
    """

    order: Order
    reason: Reason
    after: str | None = None


Step: TypeAlias = Place | Cancel


def build_order_record(what: str, intent: OrderIntent, outcome: Outcome) -> OrderRecord:
    """How a step came out, for the report."""
    if isinstance(outcome, Accepted):
        return OrderRecord(
            what=what, intent=intent, outcome="accepted", order_id=outcome.order.order_id
        )
    if isinstance(outcome, Rejected):
        return OrderRecord(
            what=what,
            intent=intent,
            outcome="rejected",
            reason=outcome.reason,
            context=outcome.context,
        )
    return OrderRecord(
        what=what,
        intent=intent,
        outcome="unknown",
        reason=Reason.OUTCOME_UNKNOWN,
        context=outcome.context,
    )


def protection(
    holdings: Holdings,
    *,
    plan: PositionPlan | None,
    signal: Signal | None,
    tick: str,
    now_ms: int,
    settings: Settings,
    book: Book | None = None,
    rules: PairRules | None = None,
    turn: str | None = None,
    is_blind: bool = False,
    unshown_lots: Mapping[Side, int] | None = None,
    parts: Mapping[Side, Sequence[int]] | None = None,
    held: Collection[Side] = (),
) -> tuple[Step, ...]:
    """What every tick does before anything else; needs neither candles nor model nor the public
    host.

    Each position gets a stop for what is not covered (from the plan; from the last signal's ATR
    where the plan is lost), or is closed where no stop is possible; then surplus stops go, a
    missing target comes back, orphans and entries of earlier ticks are cancelled. Call it again
    with `book` and `rules` once they are read if a stop was refused: then it knows that the trigger
    is passed or that the exchange forbids stops, and closes.

    Entries of `turn`, whose ids begin with it, are attended and stay (None: no entry is). At a real
    exchange what rests is not cancelled for a close before its rules are known: it may take no
    market order. Where they cannot be read at all the caller goes on `is_blind`.

    Where the exchange shows nothing of a side that still needs a stop, it would refuse one, unless
    what it shows is older than what it takes. So there a target follows a stop that was taken, and
    a stop is for no more than `unshown_lots` of its side, where that is given; none of 0.

    Where a stop of all that shows is refused, one of the first of its `parts` that is taken stands
    instead, and no target beside it. Of a side of which something unseen holds a part (`held`) no
    more is closed than stops of ours have held.

    >>> from shared.core.settings import load_settings
    >>> from decimal import Decimal
    >>> from shared.core.types import Entry
    >>> money = Decimal(1_000_000)
    >>> entry = Entry(at=0, price=9_800_000, lots=12, fee_jpy=Decimal(0))
    >>> holdings = Holdings(
    ...     as_of=60_000,
    ...     cash_jpy=money,
    ...     equity_jpy=money,
    ...     available_jpy=money,
    ...     mark_price=Decimal(9_801_000),
    ...     positions=(Position(side=Side.LONG, entries=(entry,)),),
    ... )
    >>> plan = PositionPlan(
    ...     side=Side.LONG,
    ...     stop_price=9_700_000,
    ...     target_price=10_000_000,
    ...     exit_by=43_200_000,
    ...     as_of=0,
    ...     entry_intent="t1~e1",
    ... )
    >>> stop, target = protection(
    ...     holdings, plan=plan, signal=None, tick="t2", now_ms=60_000, settings=load_settings({})
    ... )
    >>> stop.intent.trigger_price, target.intent.price
    (9700000, 10000000)
    """
    draft = _Draft(
        holdings=holdings, tick=tick, now_ms=now_ms, settings=settings, book=book, rules=rules
    )
    draft.must_know_rules, draft.held = draft.is_real and not is_blind, held
    steps: list[Step] = []
    for position in holdings.positions:
        mine = plan if plan is not None and plan.side is position.side else None
        most = (unshown_lots or {}).get(position.side, position.lots)
        mine_parts = (parts or {}).get(position.side, ())
        steps += _guard_position(draft, position, mine, signal, unshown_lots=most, parts=mine_parts)
    held = {position.side for position in holdings.positions}
    for order in holdings.orders:
        if order.intent.is_opening:
            if not is_of_turn(order.intent, turn or tick):
                steps.append(Cancel(order=order, reason=Reason.ENTRY_EXPIRED))
        elif order.intent.side not in held and not order.has_ended(now_ms):
            steps.append(Cancel(order=order, reason=Reason.ORPHAN_CANCELED))
    return tuple(steps)


def held_sides(records: Sequence[OrderRecord]) -> frozenset[Side]:
    """The sides of which a stop was refused in this tick because something holds the quantity, and
    none as large was taken since, or refused for another reason: that one was only early.
    """
    held: dict[Side, int] = {}
    for record in records:
        side, lots = record.intent.side, record.intent.lots
        if record.what != "place" or record.intent.purpose is not Purpose.STOP:
            continue
        if record.outcome == "rejected" and record.reason is Reason.QUANTITY_HELD:
            held[side] = max(lots, held.get(side, lots))
        elif record.outcome in {"accepted", "rejected"} and lots >= held.get(side, lots):
            held.pop(side, None)
    return frozenset(held)


def refused_stops(records: Sequence[OrderRecord]) -> tuple[OrderRecord, ...]:
    """The stops that the exchange did not take."""
    return tuple(
        record
        for record in records
        if record.what == "place"
        and record.outcome == "rejected"
        and record.intent.purpose is Purpose.STOP
    )


def after_refused_stops(
    holdings: Holdings,
    refused: Sequence[OrderRecord],
    *,
    tick: str,
    now_ms: int,
    settings: Settings,
    book: Book | None,
    rules: PairRules | None,
    is_blind: bool = False,
    held: Collection[Side] = (),
) -> tuple[Step, ...]:
    """What a real exchange refuses to protect is closed.

    Where other orders of ours hold the quantity, these go first, and the stop is sent again; where
    the position only does not show yet, it is waited for, and so it is where all that shows has its
    stop. Where one stop was to take the place of
    another, and there was no room for both, the old one goes first. A stop that an account on paper
    refused is left to the next look, which has a book. Of a side of which something unseen holds a
    part (`held`) the stops that stand are worth more than a close that is refused as well.
    """
    draft = _Draft(
        holdings=holdings, tick=tick, now_ms=now_ms, settings=settings, book=book, rules=rules
    )
    if not draft.is_real:
        return ()
    draft.must_know_rules, draft.held = not is_blind, held
    steps: list[Step] = []
    bare = uncovered_positions(holdings, now_ms=now_ms)
    for position in holdings.positions:
        mine = [record for record in refused if record.intent.side is position.side]
        closes = _closes(holdings, position.side, now_ms)
        if position not in bare:
            steps += _surplus(draft, position, closes) if mine and draft.has_to_make_room else []
            continue
        targets = [order for order in closes if order.intent.purpose is Purpose.TARGET]
        if any(record.reason is Reason.QUANTITY_HELD for record in mine):
            steps += [Cancel(order=order, reason=Reason.STOP_PLACED) for order in targets]
        elif position.side in held and _covered_lots(closes):
            continue
        elif mine and _shown_bare_lots(holdings, position, closes) > 0:
            steps += _close_position(draft, position, Reason.EXIT_UNPROTECTED)
    return tuple(steps)


def is_of_turn(intent: OrderIntent, turn: str) -> bool:
    """Whether an intent's id begins with the name of a tick, and not with that of another one which
    begins alike.

    >>> from shared.core.types import OrderKind
    >>> entry = OrderIntent(
    ...     id="default~180.12d.entry.1",
    ...     purpose=Purpose.ENTRY,
    ...     side=Side.LONG,
    ...     kind=OrderKind.LIMIT,
    ...     lots=12,
    ...     price=9_800_000,
    ... )
    >>> is_of_turn(entry, "default~180.12"), is_of_turn(entry, "default~180.1")
    (True, False)
    """
    return intent.id.startswith(turn) and not intent.id[len(turn) : len(turn) + 1].isdigit()


def uncovered_positions(holdings: Holdings, *, now_ms: int) -> tuple[Position, ...]:
    """The positions that no stop, or too small a stop, protects.

    >>> from decimal import Decimal
    >>> from shared.core.types import Entry
    >>> money = Decimal(1_000_000)
    >>> entry = Entry(at=0, price=9_800_000, lots=12, fee_jpy=Decimal(0))
    >>> holdings = Holdings(
    ...     as_of=60_000,
    ...     cash_jpy=money,
    ...     equity_jpy=money,
    ...     available_jpy=money,
    ...     mark_price=Decimal(9_801_000),
    ...     positions=(Position(side=Side.LONG, entries=(entry,)),),
    ... )
    >>> [position.lots for position in uncovered_positions(holdings, now_ms=60_000)]
    [12]
    """
    return tuple(
        held
        for held in holdings.positions
        if _covered_lots(_closes(holdings, held.side, now_ms)) < held.lots
    )


def shown_bare_lots(holdings: Holdings, *, now_ms: int) -> dict[Side, int]:
    """How much of each position the exchange shows, and no stop protects.

    >>> from decimal import Decimal
    >>> from shared.core.types import Entry
    >>> money = Decimal(1_000_000)
    >>> entry = Entry(at=0, price=9_800_000, lots=12, fee_jpy=Decimal(0))
    >>> holdings = Holdings(
    ...     as_of=60_000,
    ...     cash_jpy=money,
    ...     equity_jpy=money,
    ...     available_jpy=money,
    ...     mark_price=Decimal(9_801_000),
    ...     positions=(Position(side=Side.LONG, entries=(entry,)),),
    ...     there_lots={Side.LONG: 7},
    ... )
    >>> shown_bare_lots(holdings, now_ms=60_000)
    {<Side.LONG: 'long'>: 7}
    """
    return {
        held.side: _shown_bare_lots(holdings, held, _closes(holdings, held.side, now_ms))
        for held in holdings.positions
    }


def _shown_bare_lots(holdings: Holdings, position: Position, closes: list[Order]) -> int:
    """0 and less where no more shows than is covered."""
    return _closable_lots(holdings, position) - _covered_lots(closes)


def has_bare_position(holdings: Holdings, *, now_ms: int) -> bool:
    """Whether a position is uncovered and no order that closes it rests either."""
    return any(
        all(
            order.intent.purpose is not Purpose.CLOSE
            for order in _closes(holdings, held.side, now_ms)
        )
        for held in uncovered_positions(holdings, now_ms=now_ms)
    )


def has_surplus_stop(holdings: Holdings, *, now_ms: int) -> bool:
    """Whether the stops of a side at a real exchange are for more than is held of it.

    An account on paper shrinks the stops of what it sells by itself.

    >>> from decimal import Decimal
    >>> from shared.core.types import Entry
    >>> from shared.orders.own_book import open_ledger
    >>> money = Decimal(1_000_000)
    >>> entry = Entry(at=0, price=9_800_000, lots=8, fee_jpy=Decimal(0))
    >>> stop = OrderIntent(
    ...     id="t1~p1",
    ...     purpose=Purpose.STOP,
    ...     side=Side.LONG,
    ...     kind=OrderKind.STOP,
    ...     lots=12,
    ...     trigger_price=9_700_000,
    ... )
    >>> holdings = Holdings(
    ...     as_of=60_000,
    ...     cash_jpy=money,
    ...     equity_jpy=money,
    ...     available_jpy=money,
    ...     mark_price=Decimal(9_801_000),
    ...     positions=(Position(side=Side.LONG, entries=(entry,)),),
    ...     orders=(Order(order_id=7, intent=stop, placed_at=0, remaining_lots=12),),
    ...     ledger=open_ledger(1_000_000, 0),
    ... )
    >>> has_surplus_stop(holdings, now_ms=60_000)
    True
    """
    if holdings.ledger is None:
        return False
    return any(
        _covered_lots(_closes(holdings, side, now_ms))
        > sum(held.lots for held in holdings.positions if held.side is side)
        for side in Side
    )


def orders(
    decision: Decision,
    holdings: Holdings,
    *,
    book: Book | None,
    rules: PairRules | None,
    tick: str,
    now_ms: int,
    deadline_at: int,
    settings: Settings,
    held: Collection[Side] = (),
) -> tuple[Step, ...]:
    """What a decision asks for.

    ENTER: a post-only limit at the touch, in the market until `deadline_at`, carrying its stop and
    target; nothing where the deadline has passed, no book is known, or something is held or rests
    already. With a goal it also grows what is held on its side; one that crosses is a limit beyond
    the other touch. REDUCE: close a part at market, the rest keeps a stop. EXIT: cancel what holds
    the position's quantity, then close at market, or by a crossing limit while market orders are
    forbidden. HOLD and DENY: nothing.

    Of a side of which something unseen holds a part (`held`) nothing is reduced, and no more closed
    than stops of ours have held.
    """
    draft = _Draft(
        holdings=holdings,
        tick=tick,
        now_ms=now_ms,
        settings=settings,
        book=book,
        rules=rules,
        held=held,
    )
    if decision.action is Action.EXIT:
        return tuple(
            step
            for position in holdings.positions
            if decision.side in {None, position.side}
            for step in _close_position(draft, position, decision.reason)
        )
    if decision.action is Action.REDUCE:
        mine = [
            position
            for position in holdings.positions
            if position.side is decision.side and position.side not in held
        ]
        return tuple(
            step for position in mine for step in _reduce_position(draft, position, decision)
        )
    if decision.action is not Action.ENTER or decision.side is None or decision.lots <= 0:
        return ()
    others = [
        held
        for held in holdings.positions
        if decision.goal is None or held.side is not decision.side
    ]
    busy = others or any(order.intent.is_opening for order in holdings.orders)
    if busy or book is None or now_ms >= deadline_at:
        return ()
    entry = OrderIntent(
        id=draft.next_id(Purpose.ENTRY),
        purpose=Purpose.ENTRY,
        side=decision.side,
        kind=OrderKind.LIMIT,
        lots=decision.lots,
        price=_entry_price(decision.side, book, settings, crosses=decision.crosses),
        post_only=not decision.crosses,
        expires_at=deadline_at,
        stop_price=decision.stop_price,
        target_price=decision.target_price or None,
    )
    return (Place(intent=entry),)


def _entry_price(side: Side, book: Book, settings: Settings, *, crosses: bool) -> int:
    """The own touch; for an order that takes liquidity well beyond the other one, so that it is
    filled and still bounded.
    """
    if not crosses:
        return book.bid if side is Side.LONG else book.ask
    share = rate(settings.execution.crossing_rate)
    return yen_beyond(
        Decimal(book.ask if side is Side.LONG else book.bid), share, above=side is Side.LONG
    )


def watched_target(
    holdings: Holdings,
    *,
    plan: PositionPlan | None,
    book: Book | None,
    tick: str,
    settings: Settings,
    now_ms: int,
    rules: PairRules | None = None,
    held: Collection[Side] = (),
) -> tuple[Step, ...]:
    """Take the profit of a position whose target cannot rest (spot: the stop locks the coins;
    margin: it was refused).

    Where the touch has reached the target: cancel the stop and sell. Should the sale fail, the next
    protection restores the stop.
    """
    if plan is None or book is None:
        return ()
    draft = _Draft(
        holdings=holdings,
        tick=tick,
        now_ms=now_ms,
        settings=settings,
        book=book,
        rules=rules,
        held=held,
    )
    for position in holdings.positions:
        rests = any(
            order.intent.purpose is Purpose.TARGET
            for order in _closes(holdings, position.side, now_ms)
        )
        touch = book.bid if position.side is Side.LONG else book.ask
        if (
            position.side is plan.side
            and not rests
            and (touch - plan.target_price) * position.side.sign >= 0
        ):
            return _close_position(draft, position, Reason.EXIT_TARGET)
    return ()


def is_target_watched(holdings: Holdings, *, plan: PositionPlan | None, now_ms: int) -> bool:
    """Whether a position is held whose target does not rest, so that the tick looks for it
    (`watched_target`).
    """
    return plan is not None and any(
        position.side is plan.side
        and all(
            order.intent.purpose is not Purpose.TARGET
            for order in _closes(holdings, position.side, now_ms)
        )
        for position in holdings.positions
    )


class _Draft:
    """What all steps of one call share."""

    __slots__ = (
        *("_numbers", "_tick", "book", "held", "holdings", "must_know_rules", "now_ms", "rules"),
        "settings",
    )

    def __init__(
        self,
        *,
        holdings: Holdings,
        tick: str,
        now_ms: int,
        settings: Settings,
        book: Book | None,
        rules: PairRules | None,
        held: Collection[Side] = (),
    ) -> None:
        self.holdings = holdings
        self.now_ms = now_ms
        self.settings = settings
        self.book = book
        self.rules = rules
        self.must_know_rules, self.held = False, held
        self._tick = tick
        self._numbers: Iterator[int] = count(1)

    def next_id(self, purpose: Purpose) -> str:
        return f"{self._tick}.{purpose}.{next(self._numbers)}"

    @property
    def is_stop_allowed(self) -> bool:
        return self.rules is None or (
            self.rules.stop_orders and self.rules.circuit_break_mode == "NONE"
        )

    @property
    def is_market_allowed(self) -> bool:
        return self.rules is None or (
            self.rules.market_orders and self.rules.circuit_break_mode == "NONE"
        )

    @property
    def is_suspended(self) -> bool:
        return self.rules is not None and self.rules.is_suspended

    @property
    def is_real(self) -> bool:
        """Whether a real exchange holds it, with the bot's own book beside it."""
        return self.holdings.ledger is not None

    @property
    def has_to_make_room(self) -> bool:
        """Whether a stop is taken only where none of the same quantity rests: coins are locked, or
        the exchange has shown that closes share the position.
        """
        ledger = self.holdings.ledger
        return self.settings.account.has_locks or bool(ledger and ledger.has_shared_closes)

    @property
    def mark(self) -> Decimal | None:
        return self.book.mid if self.book is not None else self.holdings.mark_price


def _closes(holdings: Holdings, side: Side, now_ms: int) -> list[Order]:
    """The live orders that close a side, oldest first."""
    mine = [
        order
        for order in holdings.orders
        if order.intent.side is side and not order.intent.is_opening
    ]
    return sorted(
        (order for order in mine if not order.has_ended(now_ms)), key=lambda order: order.order_id
    )


def _covered_lots(closes: list[Order]) -> int:
    return _sum_lots([order for order in closes if order.intent.purpose is Purpose.STOP])


def _guard_position(
    draft: _Draft,
    position: Position,
    plan: PositionPlan | None,
    signal: Signal | None,
    *,
    unshown_lots: int,
    parts: Sequence[int],
) -> list[Step]:
    closes = _closes(draft.holdings, position.side, draft.now_ms)
    missing = position.lots - _covered_lots(closes)
    policy = policy_of(draft.settings)
    if policy.has_goal:
        plan = None
    if missing <= 0 and policy.has_goal:
        return [*_merge_stops(draft, position, closes), *_targets_of_a_barrier(closes)]
    if missing <= 0:
        surplus = _surplus(draft, position, closes)
        target = [] if surplus else _target(draft, position, plan, closes)
        return [*surplus, *target]
    trigger = policy.stop_price(position, plan=plan, signal=signal, settings=draft.settings)
    if trigger is None or trigger <= 0 or not draft.is_stop_allowed:
        return list(_close_position(draft, position, Reason.EXIT_UNPROTECTED))
    shown = _shown_bare_lots(draft.holdings, position, closes)
    # where fills go on, a stop of all would be refused again and again for the newest of them
    lots = shown if shown > 0 else min(missing, unshown_lots)
    stop = _stop(draft, position, lots, trigger)
    if draft.mark is not None and stop.is_reached(int(draft.mark)):
        return list(_close_position(draft, position, Reason.EXIT_UNPROTECTED))
    if not lots:
        return []
    target = [] if parts else _target(draft, position, plan, closes)
    return [
        *_unlock_coins(draft, closes),
        Place(intent=stop),
        *_smaller_stops(draft, stop, parts),
        *_end_of_entries(draft, position, closes),
        *(target if shown > 0 else (copy_with(step, after=stop.id) for step in target)),
    ]


def _smaller_stops(draft: _Draft, stop: OrderIntent, parts: Sequence[int]) -> Iterator[Step]:
    """Stops of a part, each only where the one before was refused."""
    before = stop
    for lots in parts:
        smaller = copy_with(stop, id=draft.next_id(Purpose.STOP), lots=lots)
        yield Place(intent=smaller, instead_of=before.id)
        before = smaller


def _end_of_entries(draft: _Draft, position: Position, closes: list[Order]) -> list[Step]:
    """With one stop more than there is room for, what is left of the entry goes."""
    stops = sum(order.intent.purpose is Purpose.STOP for order in closes)
    if stops < MOST_STOPS_BESIDE_AN_ENTRY:
        return []
    return [
        Cancel(order=order, reason=Reason.ENTRY_EXPIRED)
        for order in draft.holdings.orders
        if order.intent.is_opening and order.intent.side is position.side
    ]


def _stop(draft: _Draft, position: Position, lots: int, trigger: int) -> OrderIntent:
    return OrderIntent(
        id=draft.next_id(Purpose.STOP),
        purpose=Purpose.STOP,
        side=position.side,
        kind=OrderKind.STOP,
        lots=lots,
        trigger_price=trigger,
        reason=Reason.STOP_PLACED,
    )


def _own_price(draft: _Draft, position: Position) -> int:
    """Where the stop belongs by the position alone, as every policy with a goal knows it."""
    price = policy_of(draft.settings).stop_price(
        position, plan=None, signal=None, settings=draft.settings
    )
    if price is None:
        raise AssertionError("only a policy with a goal merges stops and reduces a position")
    return price


def _merge_stops(draft: _Draft, position: Position, closes: list[Order]) -> list[Step]:
    """Under the target policy one stop for all, where a growth has brought another: the new one
    first, then the old ones go.

    Where the new one is not taken the old ones stay. Where it needs their room, merging them leaves
    a gap: there `MOST_STOPS` may stand.
    """
    stops = [order for order in closes if order.intent.purpose is Purpose.STOP]
    most = MOST_STOPS if draft.has_to_make_room else 1
    rests = any(order.intent.is_opening for order in draft.holdings.orders)
    if rests or len(stops) <= most or not draft.is_stop_allowed or draft.is_suspended:
        return _surplus(draft, position, closes)
    stop = _stop(draft, position, position.lots, _own_price(draft, position))
    if draft.mark is not None and stop.is_reached(int(draft.mark)):
        return []
    return _replace_stops(draft, stops, stop)


def _replace_stops(draft: _Draft, stops: Sequence[Order], stop: OrderIntent) -> list[Step]:
    """One stop in the place of others: first, where it needs no room of theirs."""
    if draft.has_to_make_room:
        gone = [Cancel(order=order, reason=Reason.ORPHAN_CANCELED) for order in stops]
        return [*gone, Place(intent=stop)]
    return [
        Place(intent=stop),
        *(Cancel(order=order, reason=Reason.ORPHAN_CANCELED, after=stop.id) for order in stops),
    ]


def _targets_of_a_barrier(closes: list[Order]) -> list[Step]:
    """A position that was opened under the barriers keeps its stop under the target policy, and
    loses its target.
    """
    return [
        Cancel(order=order, reason=Reason.ORPHAN_CANCELED)
        for order in closes
        if order.intent.purpose is Purpose.TARGET
    ]


def _reduce_position(draft: _Draft, position: Position, decision: Decision) -> tuple[Step, ...]:
    """Close a part at market.

    Margin: the rest gets its stop before the old ones go, so that it is never without one.

    Where that is not taken nothing else happens. Where closes share the position the old ones make
    room first, for the stop of the rest and then for the close. On spot the stops lock the coins:
    they go, the part is sold, and the rest gets its stop, within one tick. What would be left below
    the exchange's minimum is closed with it. Nothing while stops or market orders are forbidden:
    all keeps its stop.
    """
    left = position.lots - decision.lots
    if left < (1 if draft.rules is None else max(1, draft.rules.min_lots)):
        return _close_position(draft, position, decision.reason)
    if draft.is_suspended or not (draft.is_market_allowed and draft.is_stop_allowed):
        return ()
    rest = position_left(position, decision.lots, kind=draft.settings.account)
    stop = _stop(draft, position, left, _own_price(draft, rest))
    if draft.mark is not None and stop.is_reached(int(draft.mark)):
        return _close_position(draft, position, Reason.EXIT_UNPROTECTED)
    mine = [order for order in draft.holdings.orders if order.intent.side is position.side]
    first = None if draft.has_to_make_room else stop.id
    cancels = [
        Cancel(order=order, reason=decision.reason, after=first)
        for order in mine
        if not order.has_ended(draft.now_ms)
    ]
    close = OrderIntent(
        id=draft.next_id(Purpose.CLOSE),
        purpose=Purpose.CLOSE,
        side=position.side,
        kind=OrderKind.MARKET,
        lots=decision.lots,
        reason=decision.reason,
    )
    if draft.settings.account.has_locks:
        return (*cancels, Place(intent=close), Place(intent=stop))
    if first is None:
        return (*cancels, Place(intent=stop), Place(intent=close, after=stop.id))
    return (Place(intent=stop), *cancels, Place(intent=close, after=first))


def _unlock_coins(draft: _Draft, closes: list[Order]) -> list[Step]:
    """On spot a resting sale locks the coins that a stop needs: it goes first."""
    if not draft.settings.account.has_locks:
        return []
    return [
        Cancel(order=order, reason=Reason.STOP_PLACED)
        for order in closes
        if order.intent.kind is OrderKind.LIMIT
    ]


def _surplus(draft: _Draft, position: Position, closes: list[Order]) -> list[Step]:
    """The stops that can go while the position stays covered: the youngest, or the largest where
    less is left over then.

    Where what is left is still larger than what it protects, another of the right size takes the
    place of the largest: a real exchange need not take a close of more than there is.
    """
    stops = [order for order in closes if order.intent.purpose is Purpose.STOP]
    excess = _covered_lots(closes) - position.lots
    youngest = _removable(stops[::-1], excess)
    by_size = sorted(stops, key=lambda order: (order.remaining_lots, order.order_id), reverse=True)
    largest = _removable(by_size, excess)
    gone = largest if _sum_lots(largest) > _sum_lots(youngest) else youngest
    steps: list[Step] = [Cancel(order=order, reason=Reason.ORPHAN_CANCELED) for order in gone]
    excess -= _sum_lots(gone)
    if not excess or not draft.is_real:
        return steps
    kept = [order for order in stops if order not in gone]
    large = max(kept, key=lambda order: order.remaining_lots)
    return [*steps, *_shrink_stop(draft, position, large, excess)]


def _removable(stops: Sequence[Order], excess: int) -> list[Order]:
    """In this order those that are no more than what is too much."""
    gone: list[Order] = []
    for order in stops:
        if order.remaining_lots <= excess:
            excess -= order.remaining_lots
            gone.append(order)
    return gone


def _sum_lots(orders: Sequence[Order]) -> int:
    return sum(order.remaining_lots for order in orders)


def _shrink_stop(draft: _Draft, position: Position, old: Order, excess: int) -> list[Step]:
    trigger = old.intent.trigger_price
    if trigger is None:
        raise AssertionError("a stop has a trigger")
    stop = _stop(draft, position, old.remaining_lots - excess, trigger)
    is_passed = draft.mark is not None and stop.is_reached(int(draft.mark))
    rests = any(order.intent.is_opening for order in draft.holdings.orders)
    if rests or is_passed or draft.is_suspended or not draft.is_stop_allowed:
        return []
    return _replace_stops(draft, [old], stop)


def _target(
    draft: _Draft, position: Position, plan: PositionPlan | None, closes: list[Order]
) -> list[Step]:
    """The target as a post-only limit, where it can rest and does not."""
    if plan is None or draft.settings.account.has_locks:
        return []
    limits = [order for order in closes if order.intent.kind is OrderKind.LIMIT]
    if limits and not _is_target_too_small(draft, position, limits):
        return []
    if draft.is_real and any(order.intent.is_opening for order in draft.holdings.orders):
        return []  # once it has ended the target is as large as all of it
    if draft.mark is None or (draft.mark - plan.target_price) * position.side.sign >= 0:
        return []
    target = OrderIntent(
        id=draft.next_id(Purpose.TARGET),
        purpose=Purpose.TARGET,
        side=position.side,
        kind=OrderKind.LIMIT,
        lots=position.lots,
        price=plan.target_price,
        post_only=True,
    )
    smaller = [Cancel(order=order, reason=Reason.ORPHAN_CANCELED) for order in limits]
    return [*smaller, Place(intent=target)]


def _is_target_too_small(draft: _Draft, position: Position, limits: list[Order]) -> bool:
    """Whether what rests is the target of a part of the position. On paper a target grows with its
    entry.
    """
    is_target = all(order.intent.purpose is Purpose.TARGET for order in limits)
    rests = sum(order.remaining_lots for order in limits)
    return draft.is_real and is_target and rests < position.lots


def _close_position(draft: _Draft, position: Position, reason: Reason) -> tuple[Step, ...]:
    """Cancel all that holds the position's quantity or would grow it, then close all of it.

    Nothing where no order is taken at all, or no price is known: what rests stays, it is better
    than nothing.
    """
    lots = _closable_lots(draft.holdings, position)
    covered = _covered_lots(_closes(draft.holdings, position.side, draft.now_ms))
    if position.side in draft.held and covered:
        lots = min(lots, covered)
    if draft.is_suspended or not lots:
        return ()
    mine = [order for order in draft.holdings.orders if order.intent.side is position.side]
    cancels = [
        Cancel(order=order, reason=reason) for order in mine if not order.has_ended(draft.now_ms)
    ]
    if cancels and draft.must_know_rules and draft.rules is None:
        return ()
    if draft.is_market_allowed:
        kind, price = OrderKind.MARKET, None
    else:
        kind, price = OrderKind.LIMIT, _crossing_limit(draft, position.side)
        if price is None:
            return ()
    close = OrderIntent(
        id=draft.next_id(Purpose.CLOSE),
        purpose=Purpose.CLOSE,
        side=position.side,
        kind=kind,
        lots=lots,
        price=price,
        reason=reason,
    )
    return (*cancels, Place(intent=close))


def _closable_lots(holdings: Holdings, position: Position) -> int:
    """No more than the exchange shows: it would refuse a close of more."""
    if holdings.there_lots is None:
        return position.lots
    return min(position.lots, holdings.there_lots.get(position.side, 0))


def _crossing_limit(draft: _Draft, side: Side) -> int | None:
    """A limit well beyond the touch and inside the exchange's band; None where no price
    is known.
    """
    share = rate(draft.settings.execution.crossing_rate)
    book, mark = draft.book, draft.mark
    if mark is None:
        return None
    if side is Side.LONG:
        touch = Decimal(book.bid) if book is not None else mark
        return int((touch * (1 - share)).to_integral_value(rounding=ROUND_FLOOR))
    touch = Decimal(book.ask) if book is not None else mark
    return int((touch * (1 + share)).to_integral_value(rounding=ROUND_CEILING))
