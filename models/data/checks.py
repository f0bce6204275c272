"""Whether candles are fit to be learned from: there, up to date, whole, moving, and in
one voice.
"""

from collections.abc import Mapping

import numpy as np

from models.data.dataset import CALIBRATION_PART, LEAST_ROWS
from models.data.findings import Finding
from shared.core.calendar import DAY_MS, HOUR_MS
from shared.core.settings import LearningSettings
from shared.core.types import BoolArray, Candles, Timeframe
from shared.market.spikes import spikes, spikes_text

MOST_AGE_MS = DAY_MS
MOST_HOLE_MS = 2 * DAY_MS
"""Maintenance takes hours; the longest outage of a large exchange took 32."""
MOST_MISSING_SHARE = 0.03
"""A weekly maintenance of two hours is a hundredth."""
MOST_FLAT_MS = 8 * HOUR_MS
"""A price that stands still for longer was not traded, or not recorded."""
MOST_DISAGREEING_SHARE = 0.01


def check_candles(
    candles: Mapping[Timeframe, Candles],
    learning: LearningSettings,
    *,
    as_of: int,
    days: float | None = None,
) -> tuple[Finding, ...]:
    """Look at the candles of the last `days` (None: those of the settings) before `as_of`; nothing
    where they are fit.

    The findings' names: `missing_timeframe`, `stale_end`, `too_few_rows`, `gaps`, `flat_stretch`,
    `timeframes_disagree`, `spikes`.
    """
    since = as_of - round((learning.days if days is None else days) * DAY_MS)
    parts = {}
    for timeframe in (Timeframe.M15, Timeframe.H4):
        known = candles[timeframe].closed_by(as_of) if timeframe in candles else None
        if known is None or not len(known):
            return (_missing(timeframe),)
        parts[timeframe] = known.rows(int(np.searchsorted(known.opened_at, since)), None)
    quarters, slow = parts[Timeframe.M15], parts[Timeframe.H4]
    last = {
        timeframe: int(candles[timeframe].closed_by(as_of).closed_at[-1]) for timeframe in parts
    }
    return (
        *(found for timeframe, at in last.items() for found in _stale(timeframe, at, as_of)),
        *_too_few(len(quarters), learning),
        *(found for part in parts.values() for found in (*_gaps(part), *_flat(part))),
        *_disagreement(quarters, slow),
        *spike_findings(candles, as_of=as_of),
    )


def spike_findings(candles: Mapping[Timeframe, Candles], *, as_of: int) -> tuple[Finding, ...]:
    """The prices that cannot be, in all that features and labels see."""
    found = [spike for part in candles.values() for spike in spikes(part.closed_by(as_of))]
    if not found:
        return ()
    return (
        Finding(
            name="spikes",
            found=spikes_text(found),
            right="candles as the market was: collect them again, or take these out of the file",
            facts={
                "candles": len(found),
                "at": found[0].opened_at,
                "field": found[0].field,
                "factor": found[0].factor,
            },
        ),
    )


def _missing(timeframe: Timeframe) -> Finding:
    return Finding(
        name="missing_timeframe",
        found=f"there are no {timeframe} candles",
        right="candles of 15m and of 4h",
    )


def _stale(timeframe: Timeframe, last_at: int, as_of: int) -> tuple[Finding, ...]:
    age = as_of - last_at
    if age <= MOST_AGE_MS:
        return ()
    return (
        Finding(
            name="stale_end",
            found=(
                f"the last {timeframe} candle closed {age / HOUR_MS:.1f} hours before the training"
            ),
            right=f"at most {MOST_AGE_MS / HOUR_MS:g} hours",
            facts={"timeframe": timeframe.value, "last_at": last_at, "age_ms": age},
        ),
    )


def _too_few(rows: int, learning: LearningSettings) -> tuple[Finding, ...]:
    share = learning.validation_share
    parts = {
        "training": 1.0 - share,
        "calibration": share * CALIBRATION_PART,
        "validation": share * (1.0 - CALIBRATION_PART),
    }
    horizons = len(parts) * learning.horizon_candles
    needs = [LEAST_ROWS[name] / part if part > 0.0 else np.inf for name, part in parts.items()]
    needed = float(np.ceil(max(needs))) + horizons
    if rows >= needed:
        return ()
    return (
        Finding(
            name="too_few_rows",
            found=f"{rows} 15m candles are there to learn and judge from",
            right=f"at least {needed:g}",
            facts={"rows": rows, "needed": needed},
        ),
    )


def _gaps(part: Candles) -> tuple[Finding, ...]:
    if len(part) <= 1:
        return ()
    steps = np.diff(part.opened_at)
    at = int(np.argmax(steps))
    longest = int(steps[at]) - part.timeframe.ms
    span = int(part.opened_at[-1] - part.opened_at[0]) // part.timeframe.ms + 1
    share = 1.0 - len(part) / span
    if longest <= MOST_HOLE_MS and share <= MOST_MISSING_SHARE:
        return ()
    return (
        Finding(
            name="gaps",
            found=(
                f"{share:.1%} of the {part.timeframe} candles are missing, {longest / HOUR_MS:.1f}"
                f" hours in one piece from {int(part.closed_at[at])} on"
            ),
            right=(
                f"at most {MOST_MISSING_SHARE:.0%}, and {MOST_HOLE_MS / HOUR_MS:g} hours in one"
                " piece"
            ),
            facts={
                "timeframe": part.timeframe.value,
                "share": share,
                "longest_ms": longest,
                "from_at": int(part.closed_at[at]),
            },
        ),
    )


def _flat(part: Candles) -> tuple[Finding, ...]:
    still = (
        np.append(False, (part.high == part.low)[1:] & (np.diff(part.close) == 0.0))
        if len(part)
        else np.zeros(0, bool)
    )
    rows, at = _longest_run(still)
    if rows * part.timeframe.ms <= MOST_FLAT_MS:
        return ()
    return (
        Finding(
            name="flat_stretch",
            found=(
                f"the price of the {part.timeframe} candles stands still for"
                f" {rows * part.timeframe.ms / HOUR_MS:.1f} hours from {int(part.opened_at[at])} on"
            ),
            right=f"at most {MOST_FLAT_MS / HOUR_MS:g} hours",
            facts={
                "timeframe": part.timeframe.value,
                "candles": rows,
                "from_at": int(part.opened_at[at]),
            },
        ),
    )


def _longest_run(told: BoolArray) -> tuple[int, int]:
    """How long the longest run of True is, and where it begins."""
    ends = np.flatnonzero(np.diff(np.concatenate([[False], told, [False]]).astype(np.int8)))
    starts, lengths = ends[::2], ends[1::2] - ends[::2]
    if not len(lengths):
        return 0, 0
    longest = int(np.argmax(lengths))
    return int(lengths[longest]), int(starts[longest])


def _disagreement(quarters: Candles, slow: Candles) -> tuple[Finding, ...]:
    """4h candles must close where the 15m candle that closes with them does."""
    _, fast_rows, slow_rows = np.intersect1d(
        quarters.closed_at, slow.closed_at, return_indices=True
    )
    if not len(fast_rows):
        return ()
    different = quarters.close[fast_rows] != slow.close[slow_rows]
    share = float(different.mean())
    if share <= MOST_DISAGREEING_SHARE:
        return ()
    return (
        Finding(
            name="timeframes_disagree",
            found=(
                f"{share:.1%} of {len(fast_rows)} 4h candles close elsewhere than the 15m candle"
                " that ends with them"
            ),
            right=f"at most {MOST_DISAGREEING_SHARE:.0%}",
            facts={"compared": len(fast_rows), "share": share},
        ),
    )
