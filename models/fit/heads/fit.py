"""Both heads of one training, or of one fold of a walk-forward."""

from dataclasses import dataclass, field

from models.data.dataset import Dataset, Split
from models.fit.export import Tree
from models.fit.heads.meta import fit_meta
from models.fit.heads.volatility import fit_volatility
from shared.core.settings import Settings
from shared.model.manifest import MetaHead, VolatilityHead

VOLATILITY_FILE, META_FILE = "volatility.txt", "meta.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heads:
    """What was fitted.

    `trees` follow those of the members in the bundle's arrays: the volatility head's, then the meta
    head's.

    `audit` are the native files; `metrics` by head, with the validation rows' scores. A head that
    the settings do not ask for is None, and so is one that has too few rows: its metrics then count
    these.

    >>> Heads().volatility is None, Heads().trees
    (True, [])
    """

    volatility: VolatilityHead | None = None
    meta: MetaHead | None = None
    trees: list[Tree] = field(default_factory=list)
    audit: dict[str, bytes] = field(default_factory=dict)
    metrics: dict[str, dict[str, float]] = field(default_factory=dict)


def fit_heads(parts: Split, dataset: Dataset, settings: Settings, *, seed: int) -> Heads:
    """Fit the heads that `settings.learning` asks for, on training and calibration rows; see the
    modules of the two.

    >>> from models.data.dataset import build
    >>> from models.fit.recipe import parts_of
    >>> from shared.core.types import Timeframe
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> small = {"learning": {"days": 30, "rounds": 2}}
    >>> settings = load_settings({}, overrides=small)
    >>> dataset = build(candles, settings.learning)
    >>> heads = fit_heads(parts_of(dataset, settings), dataset, settings, seed=7)
    >>> heads.volatility.serves in {"trees", "har"}, heads.meta
    (True, None)

    Args:
        parts: The parts of the members' own training.
        dataset: What they were cut from: votes are rare, so the meta head learns from every
            training row, also where `learning.row_step` thins them out. Without votes
            (`Dataset.with_votes`) there is no meta head.
        settings: `learning` decides.
        seed: Of the draws of rows and columns.

    Raises:
        BadBundle: An exported tree differs from the native library on a held-out row.
        UserError: LightGBM is missing.
    """
    learning, training = settings.learning, parts.training
    volatility = meta = None
    trees: list[Tree] = []
    audit: dict[str, bytes] = {}
    metrics: dict[str, dict[str, float]] = {}
    if learning.volatility_head:
        volatility, grown, metrics["volatility"] = fit_volatility(parts, learning, seed=seed)
        if grown is not None:
            trees, audit[VOLATILITY_FILE] = [*trees, *grown.trees], grown.audit
    if learning.meta_head:
        every = dataset.between(
            int(training.as_of[0]), int(training.as_of[-1]) + 1, known_by=int(training.end_at.max())
        )
        meta, grown, metrics["meta"] = fit_meta(parts, every, learning, seed=seed)
        if grown is not None:
            trees, audit[META_FILE] = [*trees, *grown.trees], grown.audit
    return Heads(volatility=volatility, meta=meta, trees=trees, audit=audit, metrics=metrics)
