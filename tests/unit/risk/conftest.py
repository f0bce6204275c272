"""A case that enters, to be spoiled one thing at a time."""

import json
from dataclasses import replace
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from shared.core import settings as configuration
from shared.core.types import Account, Barriers, Book, Market, PairRules, Side, Signal
from shared.risk import Case, decide
from tests.support.signals import changed_signal, signal_of

CLOSED_AT = 1_700_000_100_000


@cache
def _settings(overrides: str):
    return configuration.load_settings({}, overrides=json.loads(overrides))


class Desk:
    """Everything `decide` needs, such that it says ENTER."""

    closed_at = CLOSED_AT
    now = CLOSED_AT + 15_000
    rules = PairRules()
    book = Book(as_of=CLOSED_AT, bid=9_999_500, ask=10_000_500)
    signal = signal_of(
        as_of=CLOSED_AT,
        close=10_000_000,
        atr_jpy=30_000.0,
        side=Side.LONG,
        strength=0.8,
        p_lower=0.2,
        p_neither=0.2,
        p_upper=0.6,
        barriers=Barriers(atr_multiple=4.0, horizon_candles=48),
        model="m",
    )
    account = Account(
        equity_jpy=Decimal(1_000_000),
        capital_jpy=Decimal(1_000_000),
        available_jpy=Decimal(2_000_000),
        equity_peak_jpy=Decimal(1_000_000),
        day_start_equity_jpy=Decimal(1_000_000),
    )

    def settings(self, **overrides: Any):
        return _settings(json.dumps(overrides))

    def market(self, **more: Any) -> Market:
        return replace(Market(as_of=self.now, candles={}, book=self.book, rules=self.rules), **more)

    def short(self) -> Signal:
        return changed_signal(self.signal, side=Side.SHORT, p_lower=0.6, p_upper=0.2)

    def decide(self, **more: Any):
        given = {
            "signal": self.signal,
            "account": self.account,
            "issues": (),
            "rules": self.rules,
            "book": self.book,
            "now_ms": self.now,
            "settings": self.settings(),
        }
        return decide(Case(**{**given, **more}))


@pytest.fixture
def desk() -> Desk:
    return Desk()
