"""What the gate is shown.

Every array is in the order of time; nothing in it was seen by the model that it is about.
"""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from shared.core.types import FloatArray, Int8Array, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictionRows:
    """Out-of-sample predictions of one recipe or model, (n,) rows.

    >>> at = np.arange(4) * 900_000
    >>> rows = PredictionRows(
    ...     as_of=at,
    ...     end_at=at + 1_800_000,
    ...     label=np.array([0, 1, 2, 2], dtype=np.int8),
    ...     weight=np.full(4, 0.5),
    ...     probabilities=np.full((4, 3), 1 / 3),
    ...     volatility_only=np.full((4, 3), 1 / 3),
    ...     known_at=at - 900_000,
    ... )
    >>> len(rows), rows.effective
    (4, 2.0)

    Attributes:
        as_of: Instant of each decision.
        end_at: When its label was known.
        label: 0 lower, 1 neither, 2 upper.
        weight: Uniqueness of the label among these rows; the sum is the number of independent ones.
        probabilities: (n, 3) what the model said.
        volatility_only: (n, 3) what a model said that was trained on the same rows and sees nothing
            but past volatility.
        known_at: When the last label was known that the predicting model had learned from or was
            calibrated on.
    """

    as_of: IntArray
    end_at: IntArray
    label: Int8Array
    weight: FloatArray
    probabilities: FloatArray
    volatility_only: FloatArray
    known_at: IntArray

    def __len__(self) -> int:
        """How many rows."""
        return len(self.as_of)

    @property
    def effective(self) -> float:
        """How many independent labels they are worth."""
        return float(self.weight.sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyRecord:
    """What the out-of-sample predictions did after costs, by the rules of the tick.

    >>> days = np.arange(730) * 86_400_000
    >>> record = MoneyRecord(
    ...     day_at=days,
    ...     returns=np.zeros(730),
    ...     hold=np.zeros(730),
    ...     closed_at=np.zeros(0, dtype=np.int64),
    ...     net_rates=np.zeros(0),
    ...     random=np.zeros(100),
    ... )
    >>> record.years
    2.0

    Attributes:
        day_at: (d,) begin of each JST day.
        returns: (d,) net return of the equity on each day.
        hold: (d,) what buying and holding returned.
        closed_at: (t,) when each position was closed.
        net_rates: (t,) what it brought after all costs, as a share of what was put in.
        random: (r,) mean of `net_rates` of as many random entries with the same barriers, one value
            a draw.
        own: What `random` is compared with; None: the mean of `net_rates`. For a policy that holds
            a target exposure both are mean daily returns: of its exposure, and of the same exposure
            moved in time.
    """

    day_at: IntArray
    returns: FloatArray
    hold: FloatArray
    closed_at: IntArray
    net_rates: FloatArray
    random: FloatArray
    own: float | None = None

    @property
    def years(self) -> float:
        """How long it is."""
        return len(self.day_at) / 365.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCounts:
    """What was tried before on such data, from the append-only log: this very try included.

    `count` holds those that were tried before this log began, too. `sharpes` (k,) are Sharpe ratios
    per day of the tries that had one. `matrix` (d, c): daily returns of the configurations tried
    side by side on the same days, for the probability of overfitting; None where there was only
    one. `logged` is what the log itself holds, and `remembered` the most that any bundle knows it
    to have held: a log that holds less has lost some.

    >>> TrialCounts(count=397, sharpes=np.array([0.07])).logged is None
    True
    """

    count: int
    sharpes: FloatArray
    matrix: FloatArray | None = None
    logged: int | None = None
    remembered: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """The champion on rows that neither's training, label ends and embargo have touched: the same
    rows for both.

    >>> at = np.arange(2) * 900_000
    >>> rows = PredictionRows(
    ...     as_of=at,
    ...     end_at=at + 1_800_000,
    ...     label=np.array([0, 2], dtype=np.int8),
    ...     weight=np.full(2, 0.5),
    ...     probabilities=np.full((2, 3), 1 / 3),
    ...     volatility_only=np.full((2, 3), 1 / 3),
    ...     known_at=at - 900_000,
    ... )
    >>> rival = Rival(version="v1", source="folds", challenger=rows, champion=rows)
    >>> len(rival.champion) == len(rival.challenger)
    True
    """

    version: str
    source: Literal["folds", "shadow", "bundles"]
    challenger: PredictionRows
    champion: PredictionRows


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the gate looks at.

    Attributes:
        rows: Out-of-sample predictions; None for a policy that asks no model for direction.
        money: The replay of them; None where there was none.
        trials: From the trial log.
        rival: The champion beside it; None where nothing serves.
        shuffled: Skills of refits on shuffled labels, judged on the true ones.
        cheapened: Costs that are below those of this project and of the exchange, in words.
        embargo_ms: What must lie between the last label known and a decision.
        step_ms: Length of a row.
        seed: Of all resampling.
    """

    rows: PredictionRows | None
    money: MoneyRecord | None
    trials: TrialCounts
    rival: Rival | None = None
    shuffled: FloatArray = field(default_factory=lambda: np.zeros(0))
    cheapened: tuple[str, ...] = ()
    embargo_ms: int = 0
    step_ms: int = 900_000
    seed: int = 7
