"""Numbers, instants and reasons as people read them."""

import re
from collections.abc import Mapping
from decimal import Decimal

from shared.core.calendar import MINUTE_MS, jst_text, utc_text
from shared.core.money import btc_from_lots
from shared.core.reasons import Reason

_UNSAFE = re.compile(r"[^A-Za-z0-9_.+-]+")
_MOST_FACTS = 6
_LONGEST_FACT = 200


def key(*parts: object) -> str:
    """An alert's key: parts joined by colons, safe as a document's name."""
    joined = ":".join(_UNSAFE.sub("-", str(part)) or "-" for part in parts)
    return f"-{joined}" if joined.startswith("__") else joined  # __names__ are Firestore's own


def when(at: int) -> str:
    """`2026-01-31 23:59:00 JST (14:59:00 UTC)`."""
    return f"{jst_text(at)} ({utc_text(at)[11:19]} UTC)"


def yen(amount: Decimal | int) -> str:
    """`1,234 yen`; cents of a yen are told where the amount is small."""
    exact = Decimal(amount)
    # Below 100 yen a hundredth matters.
    whole = abs(exact) >= 100 or exact == int(exact)  # noqa: PLR2004
    return f"{exact:,.0f} yen" if whole else f"{exact:,.2f} yen"


def btc(lots: int) -> str:
    """`0.0123 BTC`."""
    return f"{btc_from_lots(lots):f} BTC"


def lasted(milliseconds: int) -> str:
    """`2 h 05 min`."""
    minutes = milliseconds // MINUTE_MS
    # An hour.
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"  # noqa: PLR2004


def facts(context: Mapping[str, str]) -> dict[str, str]:
    """The first few facts of a context, each shortened; an instant as people write it."""
    told = list(context.items())[:_MOST_FACTS]
    return {name.replace("_", " "): _fact(name, text) for name, text in told}


def _fact(name: str, text: str) -> str:
    if name.endswith("_at") and text.isdecimal():
        return when(int(text))
    return text if len(text) <= _LONGEST_FACT else text[: _LONGEST_FACT - 1] + "…"


def sentence(reason: Reason, context: Mapping[str, str]) -> str:
    """A reason with its facts, in one line: `the newest candle is too old (timeframe 15m, missing
    3)`.

    >>> sentence(Reason.DATA_STALE, {"timeframe": "15m", "missing": "3"})
    'the newest candle is too old (timeframe 15m, missing 3)'
    """
    told = ", ".join(f"{name} {text}" for name, text in facts(context).items())
    return f"{reason_text(reason)} ({told})" if told else reason_text(reason)


def reason_text(reason: Reason) -> str:
    """Why, as the end of a sentence."""
    return _REASONS.get(reason, reason.value.replace("_", " "))


_REASONS: Mapping[Reason, str] = {
    Reason.EXIT_STOP: "the stop was reached",
    Reason.EXIT_TARGET: "the target was reached",
    Reason.EXIT_TIME: "its time was over",
    Reason.EXIT_OPPOSITE: "the signal turned to the other side",
    Reason.EXIT_EXPOSURE: "less of it is wanted",
    Reason.EXIT_UNPROTECTED: "its stop could not be placed",
    Reason.EXIT_FLATTEN: "a person asked for it",
    Reason.DATA_STALE: "the newest candle is too old",
    Reason.DATA_MISSING: "candles are missing",
    Reason.DATA_BROKEN: "candles break their own rules",
    Reason.DATA_HOLE: "there is a hole near the last candle",
    Reason.DATA_SPIKE: "a candle lies far beyond its neighbours",
    Reason.BOOK_MISSING: "the order book could not be read",
    Reason.BOOK_STALE: "the order book is not of this minute",
    Reason.BOOK_FAR: "the order book lies far from the last candle",
    Reason.RULES_UNKNOWN: "the pair's rules of this minute are not known",
    Reason.STATUS_UNKNOWN: "the exchange's status is not known",
    Reason.MODE_UNKNOWN: "the circuit-break mode is not known",
    Reason.SIDE_SUSPENDED: "the exchange has suspended opening this side",
    Reason.MODEL_MISSING: "there is no model",
    Reason.MODEL_INVALID: "the model failed its checks",
    Reason.MODEL_MISMATCH: "the model does not fit these settings",
    Reason.MODEL_NOT_PROVEN: "the model's edge is not proven",
    Reason.MODEL_OVERRULED: "a person lets the model enter without proof",
    Reason.MODEL_DRIFTED: "what the model sees or says has drifted",
    Reason.MODEL_WORSE: "the model does worse than it promised",
    Reason.MODEL_STILL: "the model stands still",
    Reason.MODEL_OLD: "the model is too old",
    Reason.RETRAIN_OVERDUE: "no retraining has ended for too long",
    Reason.CHALLENGER_INVALID: "the challenger failed its checks",
    Reason.EXCHANGE_BUSY: "the exchange is busy",
    Reason.EXCHANGE_HALTED: "the exchange has halted trading",
    Reason.CIRCUIT_BREAK: "the exchange's circuit breaker is on",
    Reason.CLOCK_SKEW: "this machine's clock differs from the exchange's",
    Reason.SPREAD_CRITICAL: "the spread is too wide",
    Reason.PRICE_JUMP: "the price jumped",
    Reason.VOLUME_SPIKE: "the volume is extraordinary",
    Reason.LATENCY_HIGH: "the exchange answers slowly",
    Reason.BOOK_CROSSED: "the order book is crossed",
    Reason.STEP_FAILED: "a step failed",
    Reason.CONTROL_DAMAGED: "what people have ordered cannot be read",
    Reason.INTENT_DAMAGED: "an order that was written down cannot be read",
    Reason.STATE_DAMAGED: "the bot's state cannot be read",
    Reason.CAPITAL_CHANGED: "the capital was changed after the first trade",
    Reason.REJECTED_BY_EXCHANGE: "the exchange said no",
    Reason.MARGIN_INSUFFICIENT: "the margin does not suffice",
}
