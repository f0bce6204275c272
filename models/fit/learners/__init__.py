"""The learners: each a file here, called like its weight in `learning.weights` of `bot.yaml`.

Deterministic: the same rows and seed give the same trees. A file has `fit(part, learning, seed) ->
Learner`, which fits and lays its trees flat; the `TITLE` that people read; and its `PACKAGES`, how
they are called and how they are installed. Nothing else knows one of them by name but what is a
booster itself, see `models.fit.heads`.
"""

from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

from models.data.dataset import Dataset
from models.fit.learners.learner import Learner
from shared.core.errors import UserError
from shared.core.masking import quote_value
from shared.core.settings import LearningSettings

__all__ = ["Learner", "Progress", "fit_all", "packages_of", "weights_of"]

Progress: TypeAlias = Callable[[str, float], None]
_FROM_SHARE, _SPAN, _TO_SHARE = 0.05, 0.75, 0.65
"""Of a whole training: where fitting begins, how it is spread, and where it has ended."""


def fit_all(part: Dataset, learning: LearningSettings, seed: int, tell: Progress) -> list[Learner]:
    """Fit the learners in the order of their weights, which is that of the vote; `tell` hears which
    is next and the share that is done.

    >>> from models.data.dataset import build
    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> small = {"learning": {"days": 30, "rounds": 2, "forest_trees": 2}}
    >>> learning = load_settings({}, overrides=small).learning
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> fitted = fit_all(build(candles, learning), learning, 7, lambda _text, _share: None)
    >>> [learner.name for learner in fitted]
    ['lightgbm', 'xgboost', 'random_forest']
    """
    fitted = []
    for number, name in enumerate(learning.weights):
        learner = module_of(name)
        share = _FROM_SHARE + _SPAN * number / len(learning.weights)
        tell(learner.TITLE, min(round(share, 2), _TO_SHARE))
        fitted.append(learner.fit(part, learning, seed))
    return fitted


def weights_of(learning: LearningSettings) -> dict[str, float]:
    """Each learner's share of the vote by the settings, summing to 1.

    Raises `UserError` where all are 0.

    >>> from shared.core.settings import load_settings
    >>> round(sum(weights_of(load_settings({}).learning).values()), 9)
    1.0
    """
    total = sum(learning.weights.values())
    if total <= 0:
        raise UserError(
            "all learners have the weight 0", remedy="set learning.weights to shares above 0"
        )
    return {name: weight / total for name, weight in learning.weights.items()}


def packages_of(names: Iterable[str]) -> dict[str, str]:
    """The packages that these learners fit with: what each is called, and how it is installed.

    >>> packages_of(["lightgbm"])
    {'lightgbm': 'lightgbm'}
    """
    return {
        package: distribution
        for name in names
        for package, distribution in module_of(name).PACKAGES.items()
    }


def module_of(name: str) -> Any:
    """The learner's own file. Raises `UserError` where there is none."""
    if not name.isidentifier() or find_spec(f"{__name__}.{name}") is None:
        raise UserError(
            f"learning.weights names the learner {quote_value(name)}, and there is no file of it",
            remedy=f"write models/fit/learners/{name}.py, or take its weight out",
        )
    return import_module(f"{__name__}.{name}")
