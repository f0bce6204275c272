"""How a tick stays with its entry at a real exchange, until that has ended. Pure.

order ── look ── look ── look ── its time is nearly over: cancel ── look ── ended
          │ each fill gets its stop at once, and at the end its target
"""

from shared.core.errors import BotError, LeaseLost, Unavailable
from shared.core.reasons import Reason
from shared.core.types import Holdings, Market, Order
from shared.orders import plan as planning
from shared.orders.own_book import value_holdings
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


def attend(steps: Steps, turn: Turn, market: Market | None) -> Found:
    """Stay with the entry of this tick until it has ended.

    Where the account cannot be read it is asked again at every look until the entry's time is over,
    and where something is bare by then until the tick has to answer. An account on paper gives
    every fill its bracket by itself, and is not attended.

    A process that was asked to end has seconds: what is known of the entry is cancelled before
    anything is read.

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
    ...     is_shutting_down=False, has_unfound_entry=False, holdings=lambda _now: ended
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
    ends_at = turn.occasion.scheduled_at + int(
        steps.settings.tick.no_new_order_after_seconds * 1000
    )
    looks, failure, is_hurried = 0, None, False
    while True:
        try:
            if not is_hurried and hands.is_shutting_down:
                is_hurried = True
                _end_entry(steps, _own_entry(turn))
            if (
                failure is not None
                or not looks % LOOKS_A_READING
                or _is_due_to_end(steps, ends_at)
                or _is_bare(steps, turn)
                or hands.has_news()
            ):
                turn = yield from _look(steps, turn, market, part=f"a{looks}x")
                entry = _own_entry(turn)
                if entry is None and not hands.has_unfound_entry and not _is_bare(steps, turn):
                    return turn
                if _is_due_to_end(steps, ends_at):
                    _end_entry(steps, entry)
            failure = None
        except LeaseLost:
            raise
        except BotError as error:
            failure = error
        looks += 1
        if clock.now_ms() >= (
            _stays_until(steps, turn, ends_at) if _is_bare(steps, turn) else ends_at
        ):
            raise failure or Unavailable(
                "the entry could not be ended in its tick; the next one looks at it first"
            )
        pause_ms = SHUTDOWN_POLL_MS if hands.is_shutting_down else POLL_MS
        clock.sleep_until(clock.now_ms() + pause_ms)


def _look(steps: Steps, turn: Turn, market: Market | None, *, part: str) -> Found:
    """Read the account, and give what is bare its stop; `part` begins the ids."""
    holdings = steps.hands.holdings(steps.clock.now_ms())
    turn = yield from steps.book(turn, _at_book(steps, holdings, market))
    return (yield from steps.protect(turn, market, part=part))


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


def _stays_until(steps: Steps, turn: Turn, ends_at: int) -> int:
    answers_at = turn.occasion.scheduled_at + int(steps.settings.tick.answer_by_seconds * 1000)
    return max(ends_at, answers_at - SAVING_MS)
