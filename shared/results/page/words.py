"""Numbers, instants and reasons for people: plain English, yen with separators, Japan's time."""

import math
from datetime import UTC, datetime
from decimal import Decimal

from shared.core.calendar import HOUR_MS, JST, MINUTE_MS, jst_day
from shared.core.reasons import Reason

__all__ = [
    "DASH",
    "decimals",
    "fall_percent",
    "jst",
    "jst_day",
    "length",
    "number",
    "percent",
    "reason_words",
    "utc",
    "yen",
]

DASH = "–"
"""What stands where a number is undefined."""

_MANY_HOURS = 48
_REASONS = {
    Reason.OK: "went through",
    Reason.NO_CONSENSUS: "the strategies did not agree on a side",
    Reason.WARMING_UP: "too few closed candles for the indicators",
    Reason.EDGE_BELOW_COST: (
        "the model's expected profit did not cover fees, spread and slippage plus the required edge"
    ),
    Reason.PROBABILITY_BELOW: "the model was not sure enough of the side",
    Reason.VOTE_VETOED: "the model did not believe that the strategies' trade would pay",
    Reason.SIDE_NOT_ALLOWED: "the strategies agreed on a side that the settings do not allow",
    Reason.POSITION_OPEN: "a position was already open",
    Reason.ENTRY_RESTING: "an entry was already resting",
    Reason.ATTEMPTS_USED: "all attempts at this candle's entry were used",
    Reason.DECISION_EXPIRED: "the candle's decision was too old to act on",
    Reason.NOTHING_NEW: "no new candle had closed since the last decision",
    Reason.ON_TARGET: "what was held was what was wanted",
    Reason.TARGET_UNKNOWN: "too few closed 4h candles for a target exposure",
    Reason.SIZE_BELOW_MINIMUM: "the size that risk allows is below the exchange's minimum",
    Reason.SIZE_KELLY_ZERO: "the Kelly share was zero",
    Reason.MARGIN_INSUFFICIENT: "too little margin was free",
    Reason.LIMIT_DRAWDOWN: "the drawdown limit was reached: halted until a person resumes",
    Reason.LIMIT_DAILY_LOSS: "the daily loss limit was reached",
    Reason.LIMIT_COOLDOWN: "cooling down after a losing streak",
    Reason.HALTED_BY_PERSON: "a person halted the bot",
    Reason.SPREAD_WARNING: "the spread was wide",
    Reason.SPREAD_CRITICAL: "the spread was too wide",
    Reason.PRICE_JUMP: "the last candle was an abnormal price jump",
    Reason.VOLUME_SPIKE: "the last candle's volume was abnormal",
    Reason.LATENCY_HIGH: "the exchange answered too slowly",
    Reason.BOOK_CROSSED: "the order book was crossed",
    Reason.CIRCUIT_BREAK: "the exchange was in circuit-break mode",
    Reason.EXCHANGE_BUSY: "the exchange was busy",
    Reason.EXCHANGE_HALTED: "the exchange had halted trading",
    Reason.CLOCK_SKEW: "the clock differed too much from the exchange's",
    Reason.DATA_STALE: "the newest candle was too old",
    Reason.DATA_MISSING: "candles were missing",
    Reason.DATA_BROKEN: "the exchange's data broke its own rules",
    Reason.DATA_HOLE: "a hole in the candles was too near",
    Reason.DATA_SPIKE: "a candle lay far beyond its neighbours",
    Reason.BOOK_MISSING: "the order book could not be read",
    Reason.BOOK_STALE: "the order book was not of that minute",
    Reason.BOOK_FAR: "the order book lay far from the last candle",
    Reason.RULES_UNKNOWN: "the pair's rules of that minute were not known",
    Reason.STATUS_UNKNOWN: "the exchange's status was not known",
    Reason.MODE_UNKNOWN: "the circuit-break mode was not known",
    Reason.SIDE_SUSPENDED: "the exchange had suspended opening that side",
    Reason.MODEL_MISSING: "there was no trained model",
    Reason.MODEL_INVALID: "the model failed its checks and was not used",
    Reason.MODEL_MISMATCH: "the model did not fit the settings",
    Reason.MODEL_NOT_PROVEN: (
        "the model's edge was not proven, and without proof nothing is entered in live mode"
    ),
    Reason.MODEL_OVERRULED: "a person let the model enter without proof",
    Reason.MODEL_DRIFTED: "what the model saw or said had drifted away from what it was judged on",
    Reason.MODEL_WORSE: "the model did worse than it had promised",
    Reason.MODEL_STILL: "the model said the same of every candle",
    Reason.MODEL_OLD: "the model was too old",
    Reason.RETRAIN_OVERDUE: "no retraining had ended for too long",
    Reason.CHALLENGER_INVALID: "the challenger failed its checks and was not heard",
    Reason.EXIT_STOP: "stopped",
    Reason.EXIT_TARGET: "target reached",
    Reason.EXIT_TIME: "time ran out",
    Reason.EXIT_OPPOSITE: "the strategies turned to the other side",
    Reason.EXIT_EXPOSURE: "less of it was wanted",
    Reason.EXIT_UNPROTECTED: "closed because its stop could not be placed",
    Reason.EXIT_FLATTEN: "closed by a person",
    Reason.REJECTED_BY_EXCHANGE: "the exchange refused the order",
    Reason.OUTCOME_UNKNOWN: "an order's outcome was unknown",
    Reason.CONTROL_DAMAGED: "what people have ordered could not be read",
    Reason.INTENT_DAMAGED: "an order that was written down could not be read",
    Reason.STATE_DAMAGED: "the bot's state could not be read",
    Reason.CAPITAL_CHANGED: "the capital was changed after the first trade",
    Reason.POST_ONLY_WOULD_CROSS: "the post-only order would have crossed the book",
    Reason.ENTRY_EXPIRED: "the resting entry was not filled in its tick",
    Reason.STOP_PLACED: "a missing stop was placed",
    Reason.ORPHAN_CANCELED: "an order without a position was canceled",
    Reason.DEADLINE_NEAR: "the tick's time was nearly over",
    Reason.STEP_FAILED: "a step of the tick failed",
    Reason.TICK_LATE: "the tick came late and only protected",
    Reason.LEASE_HELD: "another tick was at work",
}


def reason_words(reason: Reason) -> str:
    """A reason as part of a sentence."""
    return _REASONS.get(reason, reason.value.replace("_", " "))


def jst(at_ms: int, *, seconds: bool = False) -> str:
    """An instant as `2026-01-31 09:03` in JST, the time of the people who read it."""
    return datetime.fromtimestamp(at_ms / 1000, JST).strftime(
        "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    )


def utc(at_ms: int) -> str:
    """An instant for machines: `2026-01-31T00:03:00Z`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def yen(amount: Decimal | float | None, *, sign: bool = False) -> str:
    """An amount rounded to whole yen, with separators; `sign` also shows a plus.

    A dash where it is undefined.
    """
    if amount is None or not math.isfinite(amount):
        return DASH
    rounded = round(amount)
    return f"{rounded:+,d}" if sign and rounded else f"{rounded:,d}"


def percent(fraction: Decimal | float | None, *, sign: bool = False, places: int = 2) -> str:
    """A fraction in per cent; `sign` also shows a plus. A dash where it is undefined."""
    if fraction is None or not math.isfinite(fraction):
        return DASH
    shown = round(float(fraction) * 100, places)
    return f"{shown:+,.{places}f} %" if sign and shown else f"{shown or 0.0:,.{places}f} %"


def fall_percent(share: float | None) -> str:
    """A drawdown in per cent, which stands below zero wherever one is shown."""
    return percent(None if share is None else -share or 0.0)


def number(value: float) -> str:
    """A number without needless digits."""
    return f"{value:g}"


def decimals(value: float | None, *, places: int = 2, sign: bool = False) -> str:
    """A plain ratio such as Sharpe's; a dash where it is undefined, infinity as its sign."""
    if value is None or math.isnan(value):
        return DASH
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    shown = round(value, places) or 0.0
    return f"{shown:+,.{places}f}" if sign and shown else f"{shown:,.{places}f}"


def length(ms: float | None) -> str:
    """A span of time for people: `45 min`, `7.5 h`, `12 days`."""
    if ms is None or not math.isfinite(ms):
        return DASH
    hours = ms / HOUR_MS
    if hours < 1:
        return f"{ms / MINUTE_MS:.0f} min"
    return f"{hours:.1f} h" if hours < _MANY_HOURS else f"{hours / 24:,.0f} days"
