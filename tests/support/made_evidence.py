"""Evidence that passes everything, and the parts that it is made of, for tests of the gate."""

from dataclasses import replace

import numpy as np

from models.data.uniqueness import uniqueness
from models.gate.types import Evidence, MoneyRecord, PredictionRows, Rival, TrialCounts
from shared.core.types import Timeframe

STEP_MS = Timeframe.M15.ms
DAY_MS = 86_400_000
START_AT = 1_735_657_200_000  # 2025-01-01 in Japan
REACH = 8
EMBARGO_MS = REACH * STEP_MS


def said(*, touch, p_upper):
    """(n, 3) probabilities of lower, neither, upper."""
    return np.column_stack([touch * (1 - p_upper), 1 - touch, touch * p_upper])


def made_rows(count=6_400, *, lean=0.7, seed=1, said_lean=None) -> PredictionRows:
    """Rows whose labels overlap eight times.

    A model knows how wild it will be, and the side with probability `lean`.

    The model that sees only volatility knows the first and not the second.
    """
    random = np.random.default_rng(seed)
    stories = -(-count // REACH)
    wild = random.random(stories) < 0.5
    side = random.random(stories) < 0.5
    touch = np.where(wild, 0.85, 0.45)
    touched = random.random(stories) < touch
    right = random.random(stories) < lean
    label = np.where(touched, np.where(side == right, 2, 0), 1)
    shown = lean if said_lean is None else said_lean
    p_upper = np.where(side, shown, 1 - shown)
    at = START_AT + STEP_MS * np.arange(count, dtype=np.int64)
    told = [np.repeat(part, REACH)[:count] for part in (label, touch, p_upper)]
    return PredictionRows(
        as_of=at,
        end_at=at + EMBARGO_MS,
        label=told[0].astype(np.int8),
        weight=uniqueness(at, at + EMBARGO_MS, step_ms=STEP_MS),
        probabilities=said(touch=told[1], p_upper=told[2]),
        volatility_only=said(touch=told[1], p_upper=np.full(count, 0.5)),
        known_at=at - EMBARGO_MS,
    )


def made_money(years=2, *, annual_sharpe=3.0, trades=240, seed=1, random=100) -> MoneyRecord:
    """Normal days that show exactly this Sharpe, and trades that share them out."""
    draw = np.random.default_rng(seed)
    days = 365 * years
    shocks = draw.standard_normal(days)
    returns = 0.01 * ((shocks - shocks.mean()) / shocks.std(ddof=1) + annual_sharpe / np.sqrt(365))
    rates = 0.02 * draw.standard_normal(trades)
    rates += float(returns.sum()) / trades - rates.mean()
    at = START_AT + DAY_MS * np.arange(days, dtype=np.int64)
    return MoneyRecord(
        day_at=at,
        returns=returns,
        hold=0.02 * draw.standard_normal(days),
        closed_at=np.linspace(at[0], at[-1], trades).astype(np.int64),
        net_rates=rates,
        random=0.001 * draw.standard_normal(random) - 0.002,
    )


def made_rival(*, better=0.7, champion=0.6, count=6_400) -> Rival:
    """A champion that knows the side less well, on the same rows."""
    challenger = made_rows(count, lean=better)
    theirs = made_rows(count, lean=better, said_lean=champion)
    return Rival(version="champion-1", source="folds", challenger=challenger, champion=theirs)


def made_evidence(**changes) -> Evidence:
    """Everything is well."""
    whole = Evidence(
        rows=made_rows(),
        money=made_money(),
        trials=TrialCounts(count=1, sharpes=np.zeros(0)),
        rival=made_rival(),
        shuffled=np.array([-0.01, -0.02, 0.001]),
        embargo_ms=EMBARGO_MS,
    )
    return replace(whole, **changes)
