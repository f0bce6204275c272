"""Why something happened or did not: every refusal, exit and degradation is one of these, with key=value context."""

from enum import StrEnum


class Reason(StrEnum):
    """`CATEGORY_CONDITION` codes. `Denied` by our own rules is not `Rejected` by the exchange."""

    # the decision
    OK = "ok"
    NO_CONSENSUS = "no_consensus"
    WARMING_UP = "warming_up"
    EDGE_BELOW_COST = "edge_below_cost"
    PROBABILITY_BELOW = "probability_below"
    VOTE_VETOED = "vote_vetoed"
    SIDE_NOT_ALLOWED = "side_not_allowed"
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
    CIRCUIT_BREAK = "circuit_break"
    EXCHANGE_BUSY = "exchange_busy"
    EXCHANGE_HALTED = "exchange_halted"
    CLOCK_SKEW = "clock_skew"
    # data
    DATA_STALE = "data_stale"
    DATA_MISSING = "data_missing"
    DATA_BROKEN = "data_broken"
    DATA_HOLE = "data_hole"
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
    # orders
    REJECTED_BY_EXCHANGE = "rejected_by_exchange"
    OUTCOME_UNKNOWN = "outcome_unknown"
    POST_ONLY_WOULD_CROSS = "post_only_would_cross"
    ENTRY_EXPIRED = "entry_expired"
    STOP_PLACED = "stop_placed"
    ORPHAN_CANCELED = "orphan_canceled"
    # the tick
    DEADLINE_NEAR = "deadline_near"
    STEP_FAILED = "step_failed"
    TICK_LATE = "tick_late"
    LEASE_HELD = "lease_held"


TRANSIENT = frozenset(
    {
        Reason.SPREAD_CRITICAL,
        Reason.LATENCY_HIGH,
        Reason.BOOK_CROSSED,
        Reason.EXCHANGE_BUSY,
        Reason.EXCHANGE_HALTED,
        Reason.CIRCUIT_BREAK,
        Reason.CLOCK_SKEW,
        Reason.DEADLINE_NEAR,
        Reason.STEP_FAILED,
    },
)
"""Denials that the following ticks may try again until `decision_valid_seconds` after the candle's close.

Stale data is none of them: the signal that was read beside it rests on the old 4h candle, also once the new one is there.
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
