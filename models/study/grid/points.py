"""Which runs a study has: combinations of setting values (all of them, a seeded sample, a list) on
one or more periods.
"""

import math
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from shared.core.errors import UserError
from shared.core.settings import Settings, load_settings
from shared.core.trials import NOT_TRIED, Scalar
from shared.core.types import PairRules, Timeframe

Point: TypeAlias = Mapping[str, Scalar]
"""One combination: values by the dotted names of settings (`risk.stop_atr`)."""

MAX_VALUES = 10_000
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_WORDS: Mapping[str, Scalar] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The instants [start_at, end_at), ms UTC.

    >>> Period(start_at=0, end_at=900_000).end_at
    900000
    """

    start_at: int
    end_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run: its number in the order of the study, what it changes, the whole settings, the
    costs, and its period.

    >>> from shared.core.settings import load_settings
    >>> todo = runs([{"risk.stop_atr": 3}], [Period(start_at=0, end_at=900_000)])
    >>> todo[0].settings.risk.stop_atr, todo[0].number
    (3.0, 0)
    """

    number: int
    changed: Point
    settings: Settings
    rules: PairRules
    period: Period


def parse_variation(text: str) -> tuple[str, tuple[Scalar, ...]]:
    """A setting and its values, from `risk.stop_atr=2,3,4` or `consensus.agreement=0.3:0.6:0.1`
    (both ends belong to it).

    >>> parse_variation("consensus.agreement=0.3:0.6:0.1")
    ('consensus.agreement', (0.3, 0.4, 0.5, 0.6))

    Raises:
        UserError: It is neither, a value comes twice, or no replay depends on that setting.
    """
    name, equals, told = text.partition("=")
    name = name.strip()
    if not equals or not _NAME.fullmatch(name) or not told.strip():
        raise UserError(
            f"--vary was {text!r}",
            remedy="write it like risk.stop_atr=2,3,4 or consensus.agreement=0.3:0.6:0.1",
        )
    section = name.partition(".")[0]
    if section in NOT_TRIED:
        raise UserError(
            f"--vary was {text!r}, and no backtest of a given model depends on {section}",
            remedy=_INSTEAD,
        )
    values = tuple(value for part in told.split(",") for value in _values(part.strip(), text))
    if len({(isinstance(value, bool), value) for value in values}) < len(
        values
    ):  # True == 1, and is another value
        raise UserError(
            f"--vary was {text!r}, which has a value twice", remedy="give each value once"
        )
    return name, values


_INSTEAD = (
    "vary a setting of risk, consensus, strategies, execution, paper, market, tick or replay, or"
    " sides, account, stage"
)


def grid_points(vary: Mapping[str, Sequence[Scalar]]) -> list[Point]:
    """Every combination; the last setting changes quickest.

    Without any setting: the one point that changes nothing.

    >>> grid_points({"risk.stop_atr": [2, 3], "risk.target_atr": [4, 5]})[:2]
    [{'risk.stop_atr': 2, 'risk.target_atr': 4}, {'risk.stop_atr': 2, 'risk.target_atr': 5}]
    """
    return [_combination(vary, number) for number in range(_combinations(vary))]


def sample(vary: Mapping[str, Sequence[Scalar]], count: int, *, seed: int) -> list[Point]:
    """`count` different combinations in the order of the grid: the same ones for the same seed;
    all, where there are fewer.

    >>> len(sample({"risk.stop_atr": [1, 2, 3], "risk.target_atr": [4, 5]}, 4, seed=7))
    4
    """
    if count < 1:
        raise UserError(
            f"a sample of {count} runs was asked for", remedy="ask for one at the least"
        )
    total = _combinations(vary)
    if count >= total:
        return grid_points(vary)
    # A seeded choice, not a secret.
    chosen = random.Random(seed).sample(range(total), count)  # noqa: S311
    return [_combination(vary, number) for number in sorted(chosen)]


def periods(start_at: int, end_at: int, count: int = 1) -> list[Period]:
    """[start_at, end_at) in `count` parts that follow each other, cut at whole 15m candles, as
    equal as that allows.

    >>> [(span.start_at, span.end_at) for span in periods(0, 4 * 900_000, 2)]
    [(0, 1800000), (1800000, 3600000)]
    """
    whole = (end_at - start_at) // Timeframe.M15.ms
    if count < 1 or whole < count:
        raise UserError(
            f"a period of {max(0, whole)} candles of 15m cannot be cut into {count} parts",
            remedy="give a longer period, or fewer parts",
        )
    cuts = [start_at + whole * part // count * Timeframe.M15.ms for part in range(count)]
    return [
        Period(start_at=cut, end_at=end) for cut, end in zip(cuts, [*cuts[1:], end_at], strict=True)
    ]


def runs(
    points: Sequence[Point],
    spans: Sequence[Period],
    *,
    load: Callable[..., Settings] | None = None,
    profile: str | None = None,
    rules: Callable[[Settings], PairRules] | None = None,
) -> list[Run]:
    """Every point on every period, all periods of a point together, with the settings read and
    checked.

    >>> todo = runs([{"risk.stop_atr": 2}, {"risk.stop_atr": 3}], periods(0, 1_800_000, 2))
    >>> [(run.number, run.settings.risk.stop_atr, run.period.start_at) for run in todo]
    [(0, 2.0, 0), (1, 2.0, 900000), (2, 3.0, 0), (3, 3.0, 900000)]

    Args:
        points: From `grid`, `sample`, or any list.
        spans: From `periods`, or any list.
        load: `settings.load_settings` with its environment; without it the defaults alone count.
        profile: A named overlay of the settings, under what the points change.
        rules: The pair's rules under given settings; without it what the exchange states.

    Raises:
        BadSettings: A name or a value is wrong; nothing has run then.
        UserError: Two points are the same.
    """
    told = [tuple(sorted((name, repr(value)) for name, value in point.items())) for point in points]
    if len(set(told)) < len(told):
        raise UserError("a study has the same settings twice", remedy="give each combination once")
    found: list[Run] = []
    for point in points:
        settings = (load or _defaults)(profile=profile, overrides=nest_point(point))
        costs = PairRules() if rules is None else rules(settings)
        for span in spans:
            found.append(
                Run(
                    number=len(found),
                    changed=dict(point),
                    settings=settings,
                    rules=costs,
                    period=span,
                )
            )
    return found


def _defaults(*, profile: str | None, overrides: Mapping[str, Any]) -> Settings:
    return load_settings({}, profile=profile, overrides=overrides)


def nest_point(point: Point) -> dict[str, Any]:
    """The point as nested mappings, as `settings.load_settings` takes overrides."""
    whole: dict[str, Any] = {}
    for name, value in point.items():
        *path, last = name.split(".")
        level = whole
        for part in path:
            level = level.setdefault(part, {})
        level[last] = value
    return whole


def _combinations(vary: Mapping[str, Sequence[Scalar]]) -> int:
    return math.prod(len(values) for values in vary.values())


def _combination(vary: Mapping[str, Sequence[Scalar]], number: int) -> Point:
    """The combination at a place of the grid, worked out alone: a sample of a vast grid does not
    make the grid.
    """
    point: dict[str, Scalar] = {}
    for name in reversed(list(vary)):
        number, index = divmod(number, len(vary[name]))
        point[name] = vary[name][index]
    return {name: point[name] for name in vary}


def _values(part: str, text: str) -> Iterator[Scalar]:
    if ":" not in part:
        yield _scalar(part)
        return
    try:
        first, last, step = (Decimal(word) for word in part.split(":"))
        steps = (last - first) / step
    except (ValueError, ArithmeticError, InvalidOperation) as error:
        raise UserError(
            f"--vary was {text!r}", remedy="write a range as first:last:step, like 0.3:0.6:0.1"
        ) from error
    if not steps.is_finite() or not 0 <= steps < MAX_VALUES:
        raise UserError(
            f"--vary was {text!r}, a range without a value or with more than {MAX_VALUES:,}",
            remedy="write a range as first:last:step, like 0.3:0.6:0.1",
        )
    # In decimals, so that the third step from 0.3 by 0.1 is 0.6 and not 0.6000000000000001.
    for index in range(int(steps) + 1):
        yield _scalar(str(first + index * step))


def _scalar(word: str) -> Scalar:
    """What a word means: a whole number, a number, true, false, null, or itself.

    The settings check its type.
    """
    if word in _WORDS:
        return _WORDS[word]
    try:
        return int(word)
    except ValueError:
        pass
    try:
        number = float(word)
    except ValueError:
        return word
    return number if math.isfinite(number) else word
