"""How a tick stays with its entry at a real exchange, until that has ended. Pure.

order ── look ── look ── look ── its time is nearly over: cancel ── look ── ended
          │ each fill gets its stop at once, and at the end its target
"""

from collections.abc import Sequence

from shared.core.errors import BotError, LeaseLost, Unavailable
from shared.core.money import btc_from_lots
from shared.core.reasons import Reason
from shared.core.types import (
    Holdings,
    Market,
    Order,
    OrderRecord,
    PairRules,
    Position,
)
from shared.orders import plan as planning
from shared.orders.own_book import value_holdings
from shared.turn.refusals import Refusals
from shared.turn.steps import Found, Steps
from shared.turn.turn import Turn

POLL_MS = 2_000
"""How long an attended entry is left alone between two looks."""
LOOKS_A_READING = 5
"""Every so many looks the whole account is read, also where what rests looks as before: a stop that
has fired need not be listed."""
SAVING_MS = 5_000
"""What a tick needs between its last look at what is bare and its answer."""
CANCEL_AHEAD_MS = 10_000
"""So long before an entry's time is over it is cancelled: until then it may still be filled."""
SHUTDOWN_POLL_MS = 500
"""How long it is left alone where the process is about to be killed."""


def attend(steps: Steps, turn: Turn, market: Market | None, *, part: str = "a") -> Found:
    """Stay with the entry of this tick until it has ended; `part` begins the ids.

    Where the account cannot be read it is asked again at every look until the entry's time is over,
    and where something is bare by then until the tick has to answer. An account on paper gives
    every fill its bracket by itself, and is not attended.

    What is bare is read at every look. Its stop is sent at the look that shows the position; until
    then the first is refused, and so it is sent again at growing distances only, in case what shows
    is older than what the exchange would take. Where what shows is refused again and again,
    something that nobody sees holds a part of it: an entry that grows it ends, and parts are tried.

    A process that was asked to end has seconds: what is known of the entry is cancelled before
    anything is read, and a stop is sent at once, whatever was refused before.

    >>> from decimal import Decimal
    >>> from types import SimpleNamespace
    >>> from shared.core.settings import load_settings
    >>> from shared.turn.sequence import run_unguarded
    >>> from shared.turn.state import State
    >>> from shared.turn.turn import Occasion
    >>> money = Decimal(1_000_000)
    >>> ended = Holdings(
    ...     as_of=0, cash_jpy=money, equity_jpy=money, available_jpy=money, mark_price=None
    ... )
    >>> hands = SimpleNamespace(
    ...     is_shutting_down=False,
    ...     has_unfound_entry=False,
    ...     lost_stop_lots={},
    ...     holdings=lambda _now: ended,
    ...     records=[],
    ... )
    >>> steps = Steps(
    ...     clock=SimpleNamespace(now_ms=lambda: 12_000),
    ...     hands=hands,
    ...     source=None,
    ...     settings=load_settings({}),
    ... )
    >>> turn = Turn(
    ...     occasion=Occasion(name="t1", scheduled_at=0), state=State(mode="paper", stage="paper")
    ... )
    >>> run_unguarded("attend", turn, attend(steps, turn, None)).holdings is ended
    True
    """
    hands, clock = steps.hands, steps.clock
    ends_at = _entry_ends_at(steps, turn)
    looks, failure, is_hurried, refusals = 0, None, False, Refusals()
    while True:
        try:
            if not is_hurried and hands.is_shutting_down:
                is_hurried, refusals = True, Refusals()
                _end_entry(steps, _own_entry(turn))
            if (
                failure is not None
                or not looks % LOOKS_A_READING
                or _is_due_to_end(steps, ends_at)
                or _is_bare(steps, turn)
                or hands.has_news()
            ):
                turn = yield from _look(steps, turn, market, refusals, part=f"{part}{looks}x")
                entry = _own_entry(turn)
                if entry is None and not hands.has_unfound_entry and not _is_bare(steps, turn):
                    return turn
                is_stuck = entry is not None and entry.intent.side in refusals.stuck
                if is_stuck or _is_due_to_end(steps, ends_at):
                    _end_entry(steps, entry)
            failure = None
        except LeaseLost:
            raise
        except BotError as error:
            failure = error
        looks += 1
        if clock.now_ms() >= (_stays_until(steps, turn) if _is_bare(steps, turn) else ends_at):
            raise failure or Unavailable(
                f"{_describe_what_is_left(steps, turn)}; the next tick looks at it first"
            )
        pause_ms = SHUTDOWN_POLL_MS if hands.is_shutting_down else POLL_MS
        clock.sleep_until(clock.now_ms() + pause_ms)


def is_left_bare(steps: Steps, turn: Turn) -> bool:
    """Whether something is bare at a real exchange, nothing that rests closes it, and there is time
    to look again before the tick has to answer.

    >>> from types import SimpleNamespace
    >>> from shared.core.settings import load_settings
    >>> from shared.turn.state import State
    >>> from shared.turn.turn import Occasion
    >>> turn = Turn(
    ...     occasion=Occasion(name="t1", scheduled_at=0), state=State(mode="paper", stage="paper")
    ... )
    >>> steps = Steps(clock=None, hands=None, source=None, settings=load_settings({}))
    >>> is_left_bare(steps, turn)  # nothing is known to be held
    False
    """
    held = turn.holdings
    if held is None:
        return False
    now_ms = steps.clock.now_ms()
    is_bare = planning.has_bare_position(held, now_ms=now_ms)
    return is_bare and steps.hands.is_attended and now_ms < _stays_until(steps, turn)


def _look(
    steps: Steps, turn: Turn, market: Market | None, refusals: Refusals, *, part: str
) -> Found:
    """Read the account, and give what is bare its stop; `part` begins the ids."""
    hands, clock = steps.hands, steps.clock
    holdings = hands.holdings(clock.now_ms())
    turn = yield from steps.book(turn, _at_book(steps, holdings, market))
    now_ms, sent, orders = clock.now_ms(), len(hands.records), len(holdings.orders)
    rules = (None if market is None else market.rules) or PairRules()
    shown = planning.shown_bare_lots(holdings, now_ms=now_ms)
    parts = refusals.parts_to_try(
        shown, lost=hands.lost_stop_lots, least=rules.min_lots, orders=orders
    )
    unshown = refusals.unshown_lots(now_ms)
    try:
        return (
            yield from steps.protect(turn, market, part=part, unshown_lots=unshown, parts=parts)
        )
    finally:
        refusals.note(hands.records[sent:], shown, least=rules.min_lots, now_ms=clock.now_ms())


def _at_book(steps: Steps, holdings: Holdings, market: Market | None) -> Holdings:
    if market is None or market.book is None:
        return holdings
    kind = steps.settings.account
    return value_holdings(holdings, market.book.mid, steps.clock.now_ms(), kind=kind)


def _own_entry(turn: Turn) -> Order | None:
    """The entry of this tick that is in the market."""
    orders = () if turn.holdings is None else turn.holdings.orders
    mine = (
        order
        for order in orders
        if order.intent.is_opening and planning.is_of_turn(order.intent, turn.occasion.name)
    )
    return next(mine, None)


def _end_entry(steps: Steps, entry: Order | None) -> None:
    if entry is None:
        return
    ending = planning.Cancel(order=entry, reason=Reason.ENTRY_EXPIRED)
    steps.hands.send(ending, book=None, rules=None, plan=None)


def _is_due_to_end(steps: Steps, ends_at: int) -> bool:
    return steps.hands.is_shutting_down or steps.clock.now_ms() >= ends_at - CANCEL_AHEAD_MS


def _is_bare(steps: Steps, turn: Turn) -> bool:
    return turn.holdings is not None and steps.is_bare(turn.holdings)


def _describe_what_is_left(steps: Steps, turn: Turn) -> str:
    """What of the entry and of what it opened is not as it should be, in words."""
    found = []
    if _own_entry(turn) is not None:
        found.append("the entry could not be ended in its tick")
    elif steps.hands.has_unfound_entry:
        found.append("nobody could say in its tick whether the entry is in the market")
    held = turn.holdings
    if held is not None:
        bare = planning.uncovered_positions(held, now_ms=steps.clock.now_ms())
        found += [_bare_sentence(position, held, steps.hands.records) for position in bare]
    return ", and ".join(found)


def _bare_sentence(position: Position, held: Holdings, records: Sequence[OrderRecord]) -> str:
    side = position.side
    said = f"the {side} position of {btc_from_lots(position.lots):f} BTC has no stop of its size"
    if held.there_lots is not None:
        said += f" (the exchange shows {btc_from_lots(held.there_lots.get(side, 0)):f} BTC of it)"
    refused = [one for one in planning.refused_stops(records) if one.intent.side is side]
    return f"{said}, and the last was refused: {refused[-1].reason}" if refused else said


def _entry_ends_at(steps: Steps, turn: Turn) -> int:
    seconds = steps.settings.tick.no_new_order_after_seconds
    return turn.occasion.scheduled_at + int(seconds * 1000)


def _stays_until(steps: Steps, turn: Turn) -> int:
    answers_at = turn.occasion.scheduled_at + int(steps.settings.tick.answer_by_seconds * 1000)
    return max(_entry_ends_at(steps, turn), answers_at - SAVING_MS)
