"""Why something happened or did not: every refusal, exit and degradation is one of these, with
key=value context.
"""

from collections.abc import Mapping
from enum import StrEnum


class Reason(StrEnum):
    """`CATEGORY_CONDITION` codes. `Denied` by our own rules is not `Rejected` by the exchange.

    >>> Reason("no_consensus").name
    'NO_CONSENSUS'
    >>> str(DENIALS[Reason.SPREAD_CRITICAL])
    'transient'
    """

    # the decision
    OK = "ok"
    NO_CONSENSUS = "no_consensus"
    WARMING_UP = "warming_up"
    EDGE_BELOW_COST = "edge_below_cost"
    PROBABILITY_BELOW = "probability_below"
    VOTE_VETOED = "vote_vetoed"
    SIDE_NOT_ALLOWED = "side_not_allowed"
    SIDE_SUSPENDED = "side_suspended"
    POSITION_OPEN = "position_open"
    ENTRY_RESTING = "entry_resting"
    ATTEMPTS_USED = "attempts_used"
    DECISION_EXPIRED = "decision_expired"
    NOTHING_NEW = "nothing_new"
    ON_TARGET = "on_target"
    TARGET_UNKNOWN = "target_unknown"
    # size and limits
    SIZE_BELOW_MINIMUM = "size_below_minimum"
    SIZE_KELLY_ZERO = "size_kelly_zero"
    MARGIN_INSUFFICIENT = "margin_insufficient"
    LIMIT_DRAWDOWN = "limit_drawdown"
    LIMIT_DAILY_LOSS = "limit_daily_loss"
    LIMIT_COOLDOWN = "limit_cooldown"
    HALTED_BY_PERSON = "halted_by_person"
    # anomalies of the market (critical forbids entries; warning is reported)
    SPREAD_WARNING = "spread_warning"
    SPREAD_CRITICAL = "spread_critical"
    PRICE_JUMP = "price_jump"
    VOLUME_SPIKE = "volume_spike"
    LATENCY_HIGH = "latency_high"
    BOOK_CROSSED = "book_crossed"
    BOOK_FAR = "book_far"
    CIRCUIT_BREAK = "circuit_break"
    EXCHANGE_BUSY = "exchange_busy"
    EXCHANGE_HALTED = "exchange_halted"
    CLOCK_SKEW = "clock_skew"
    # candles
    DATA_STALE = "data_stale"
    DATA_MISSING = "data_missing"
    DATA_BROKEN = "data_broken"
    DATA_HOLE = "data_hole"
    DATA_SPIKE = "data_spike"
    # the rest of the market
    BOOK_MISSING = "book_missing"
    BOOK_STALE = "book_stale"
    RULES_UNKNOWN = "rules_unknown"
    STATUS_UNKNOWN = "status_unknown"
    MODE_UNKNOWN = "mode_unknown"
    # model
    MODEL_MISSING = "model_missing"
    MODEL_INVALID = "model_invalid"
    MODEL_MISMATCH = "model_mismatch"
    MODEL_NOT_PROVEN = "model_not_proven"
    MODEL_OVERRULED = "model_overruled"
    MODEL_DRIFTED = "model_drifted"
    MODEL_WORSE = "model_worse"
    MODEL_STILL = "model_still"
    MODEL_OLD = "model_old"
    RETRAIN_OVERDUE = "retrain_overdue"
    CHALLENGER_INVALID = "challenger_invalid"
    # exits
    EXIT_STOP = "exit_stop"
    EXIT_TARGET = "exit_target"
    EXIT_TIME = "exit_time"
    EXIT_OPPOSITE = "exit_opposite"
    EXIT_EXPOSURE = "exit_exposure"
    EXIT_UNPROTECTED = "exit_unprotected"
    EXIT_FLATTEN = "exit_flatten"
    EXIT_MANUAL = "exit_manual"
    EXIT_LOSSCUT = "exit_losscut"
    # orders
    REJECTED_BY_EXCHANGE = "rejected_by_exchange"
    OUTCOME_UNKNOWN = "outcome_unknown"
    POST_ONLY_WOULD_CROSS = "post_only_would_cross"
    ENTRY_EXPIRED = "entry_expired"
    STOP_PLACED = "stop_placed"
    ORPHAN_CANCELED = "orphan_canceled"
    CANCEL_REFUSED = "cancel_refused"
    QUANTITY_HELD = "quantity_held"
    # a real account
    FILLS_LATE = "fills_late"
    FILLS_BEYOND = "fills_beyond"
    CLOSE_BEYOND = "close_beyond"
    ORDER_MISSING = "order_missing"
    ACCOUNT_UNSETTLED = "account_unsettled"
    POSITION_UNEXPLAINED = "position_unexplained"
    POSITION_SHORT = "position_short"
    POSITION_BARE = "position_bare"
    ANOTHER_WRITER = "another_writer"
    MARGIN_CALLED = "margin_called"
    MONEY_MOVED = "money_moved"
    # going live
    LIVE_NOT_STARTED = "live_not_started"
    LIVE_DIFFERS = "live_differs"
    ACCOUNT_CLAIMED = "account_claimed"
    # what people and older versions have left in the store
    CONTROL_DAMAGED = "control_damaged"
    INTENT_DAMAGED = "intent_damaged"
    STATE_DAMAGED = "state_damaged"
    BOT_MOVED = "bot_moved"
    CAPITAL_CHANGED = "capital_changed"
    # the tick
    DEADLINE_NEAR = "deadline_near"
    STEP_FAILED = "step_failed"
    TICK_LATE = "tick_late"
    LEASE_HELD = "lease_held"
    TIME_IMPOSSIBLE = "time_impossible"


class Denial(StrEnum):
    """What a denial leaves of its candle.

    `transient`: it says nothing about the signal, so the following ticks may try again until
    `decision_valid_seconds` after the candle's close. `closing`: nothing more comes of the candle.
    """

    TRANSIENT = "transient"
    CLOSING = "closing"


DENIALS: Mapping[Reason, Denial] = {
    # about the market of this moment, or about our sight of it
    Reason.SPREAD_CRITICAL: Denial.TRANSIENT,
    Reason.LATENCY_HIGH: Denial.TRANSIENT,
    Reason.BOOK_CROSSED: Denial.TRANSIENT,
    Reason.BOOK_FAR: Denial.TRANSIENT,
    Reason.BOOK_MISSING: Denial.TRANSIENT,
    Reason.BOOK_STALE: Denial.TRANSIENT,
    Reason.RULES_UNKNOWN: Denial.TRANSIENT,
    Reason.STATUS_UNKNOWN: Denial.TRANSIENT,
    Reason.MODE_UNKNOWN: Denial.TRANSIENT,
    Reason.CIRCUIT_BREAK: Denial.TRANSIENT,
    Reason.EXCHANGE_BUSY: Denial.TRANSIENT,
    Reason.EXCHANGE_HALTED: Denial.TRANSIENT,
    Reason.SIDE_SUSPENDED: Denial.TRANSIENT,
    Reason.CLOCK_SKEW: Denial.TRANSIENT,
    Reason.DEADLINE_NEAR: Denial.TRANSIENT,
    Reason.STEP_FAILED: Denial.TRANSIENT,
    Reason.CONTROL_DAMAGED: Denial.TRANSIENT,
    Reason.INTENT_DAMAGED: Denial.TRANSIENT,
    # about our sight of a real account
    Reason.FILLS_LATE: Denial.TRANSIENT,
    Reason.FILLS_BEYOND: Denial.TRANSIENT,
    Reason.ORDER_MISSING: Denial.TRANSIENT,
    Reason.ACCOUNT_UNSETTLED: Denial.TRANSIENT,
    Reason.POSITION_UNEXPLAINED: Denial.TRANSIENT,
    Reason.POSITION_SHORT: Denial.TRANSIENT,
    Reason.POSITION_BARE: Denial.TRANSIENT,
    Reason.ANOTHER_WRITER: Denial.TRANSIENT,
    Reason.MARGIN_CALLED: Denial.TRANSIENT,
    # about what people have said of real money: they may say it at any moment
    Reason.LIVE_NOT_STARTED: Denial.TRANSIENT,
    Reason.LIVE_DIFFERS: Denial.TRANSIENT,
    Reason.ACCOUNT_CLAIMED: Denial.TRANSIENT,
    # about the candles that the signal was read from: a signal read beside stale ones rests on
    # them, also once newer ones come
    Reason.DATA_STALE: Denial.CLOSING,
    Reason.DATA_MISSING: Denial.CLOSING,
    Reason.DATA_BROKEN: Denial.CLOSING,
    Reason.DATA_HOLE: Denial.CLOSING,
    Reason.DATA_SPIKE: Denial.CLOSING,
    Reason.PRICE_JUMP: Denial.CLOSING,
    Reason.VOLUME_SPIKE: Denial.CLOSING,
    Reason.WARMING_UP: Denial.CLOSING,
    # about the signal and its worth
    Reason.NO_CONSENSUS: Denial.CLOSING,
    Reason.SIDE_NOT_ALLOWED: Denial.CLOSING,
    Reason.VOTE_VETOED: Denial.CLOSING,
    Reason.PROBABILITY_BELOW: Denial.CLOSING,
    Reason.EDGE_BELOW_COST: Denial.CLOSING,
    Reason.DECISION_EXPIRED: Denial.CLOSING,
    Reason.ATTEMPTS_USED: Denial.CLOSING,
    # about the account
    Reason.SIZE_KELLY_ZERO: Denial.CLOSING,
    Reason.SIZE_BELOW_MINIMUM: Denial.CLOSING,
    Reason.MARGIN_INSUFFICIENT: Denial.CLOSING,
    Reason.LIMIT_DRAWDOWN: Denial.CLOSING,
    Reason.LIMIT_DAILY_LOSS: Denial.CLOSING,
    Reason.LIMIT_COOLDOWN: Denial.CLOSING,
    Reason.HALTED_BY_PERSON: Denial.CLOSING,
    # about the model
    Reason.MODEL_MISSING: Denial.CLOSING,
    Reason.MODEL_INVALID: Denial.CLOSING,
    Reason.MODEL_MISMATCH: Denial.CLOSING,
    Reason.MODEL_NOT_PROVEN: Denial.CLOSING,
    Reason.MODEL_DRIFTED: Denial.CLOSING,
    Reason.MODEL_WORSE: Denial.CLOSING,
    Reason.MODEL_STILL: Denial.CLOSING,
    Reason.MODEL_OLD: Denial.CLOSING,
    Reason.RETRAIN_OVERDUE: Denial.CLOSING,
    Reason.CHALLENGER_INVALID: Denial.CLOSING,
}
"""Every reason that can keep an entry from being made, once. What is not here never denies.

Where several stand against an entry, one that closes the candle is the reason: see `risk.halts`.
"""

TRANSIENT = frozenset(reason for reason, kind in DENIALS.items() if kind is Denial.TRANSIENT)
"""Of `DENIALS`, those that the following ticks may try again."""

UNREAD = frozenset(
    {
        Reason.DATA_STALE,
        Reason.DATA_MISSING,
        Reason.DATA_BROKEN,
        Reason.BOOK_MISSING,
        Reason.BOOK_STALE,
        Reason.RULES_UNKNOWN,
        Reason.STATUS_UNKNOWN,
        Reason.MODE_UNKNOWN,
    },
)
"""A part of the market was not read, or not in time: where one of them forbids entries, the tick is
degraded.

So it is where the exchange refused to say a part (its issue names `what`): busy, or under
maintenance.
"""

OF_THE_WATCH = frozenset(
    {
        Reason.MODEL_OVERRULED,
        Reason.MODEL_DRIFTED,
        Reason.MODEL_WORSE,
        Reason.MODEL_STILL,
        Reason.MODEL_OLD,
        Reason.RETRAIN_OVERDUE,
        Reason.CHALLENGER_INVALID,
    },
)
"""What a tick says of the model that serves and of the one beside it; a replay does not ask.

Where one of them forbids an entry (`watch.forbid_entries`), that is a difference between the two.
"""

OF_A_REAL_ACCOUNT = frozenset(
    {
        Reason.FILLS_LATE,
        Reason.FILLS_BEYOND,
        Reason.CLOSE_BEYOND,
        Reason.ORDER_MISSING,
        Reason.ACCOUNT_UNSETTLED,
        Reason.POSITION_UNEXPLAINED,
        Reason.POSITION_SHORT,
        Reason.POSITION_BARE,
        Reason.ANOTHER_WRITER,
        Reason.MARGIN_CALLED,
        Reason.MONEY_MOVED,
        Reason.LIVE_NOT_STARTED,
        Reason.LIVE_DIFFERS,
        Reason.ACCOUNT_CLAIMED,
    },
)
"""What only an exchange that is not ours can bring about."""

UNASKED = OF_THE_WATCH | OF_A_REAL_ACCOUNT | {Reason.CAPITAL_CHANGED}
"""What only a tick can know: a replay says none of these."""
