"""The pictures of a model card, drawn from what the gate was shown.

The same evidence gives the same bytes: they are signed.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from models.card.drawing import Picture, frame
from models.data.labels import LOWER, UPPER
from models.gate.types import MoneyRecord, PredictionRows
from models.statistics.evaluate import bootstrap_skill, constant, log_losses
from shared.core.calendar import DAY_MS, JST_MS
from shared.core.sentences import say
from shared.core.types import FloatArray, IntArray
from shared.model.manifest import Check
from shared.results.page.svg import Axis, draw_label

BINS = 10
HISTOGRAM_BINS = 40
LEAST_INDEPENDENT = 2.0
LEAST_OF_A_MONTH = 8.0
"""A point of the reliability curve, and a month, that rests on fewer independent labels than these
is not drawn."""
SIDES = ((UPPER, "upper"), (LOWER, "lower"))
_Z = 1.959963984540054
_GROUPS = ("serve", "enter", "champion", "note")
_ROW, _TABLE_WIDTH = 26, 980


def pictures(
    *,
    rows: PredictionRows | None,
    money: MoneyRecord | None,
    checks: Sequence[Check],
    block: int,
    seed: int,
) -> dict[str, bytes]:
    """Every picture that the evidence allows, by file name.

    Args:
        rows: Out-of-sample predictions; without any there is no curve of them.
        money: What they did after costs.
        checks: The gate's table.
        block: Rows in a block of the bootstrap, longer than labels overlap.
        seed: Of the bootstrap.
    """
    made = {}
    if rows is not None and len(rows):
        made["reliability.svg"] = reliability_picture(rows)
        made["skill_by_month.svg"] = monthly_skill_picture(rows, block=block, seed=seed)
        made["scores.svg"] = scores_picture(rows)
    if money is not None and len(money.day_at) > 1:
        made["equity.svg"] = equity_picture(money)
    if checks:
        made["gate.svg"] = gate_picture(checks)
    return made


def reliability_picture(rows: PredictionRows) -> bytes:
    """How often a barrier came first, by how probable it had been said to be; 95 % by independent
    labels (Wilson 1927).
    """
    curves = [(look, _points(rows, side)) for side, look in SIDES]
    known = [value for _, points in curves for point in points for value in point]
    x = Axis.of(
        [point[0] for _, points in curves for point in points],
        title=say("card.axis.said"),
        around=(0.0,),
    )
    plot = Picture(
        title=say("card.picture.reliability"),
        note=say("card.note.reliability"),
        x=x,
        y=Axis.of(known, title="", around=(0.0,)),
        keys=_side_keys(),
    )
    end = min(x.high, plot.y.high)
    plot.line([0.0, end], [0.0, end], look="even")
    for look, points in curves:
        for said, _, low, high in points:
            plot.whisker(said, low, high, look=look)
        middle = [point[0] for point in points], [point[1] for point in points]
        plot.line(*middle, look=look)
        plot.dots(*middle, look=look)
    return plot.svg()


def _side_keys() -> tuple[tuple[str, str], ...]:
    return tuple((say(f"card.key.{look}"), look) for _, look in SIDES)


def _points(rows: PredictionRows, side: int) -> list[tuple[float, float, float, float]]:
    """(said, happened, lower, upper) of every tenth of the rows, by what was said."""
    said, happened = rows.probabilities[:, side], rows.label == side
    points = []
    for part in np.array_split(np.argsort(said, kind="stable"), BINS):
        count = float(rows.weight[part].sum())
        if count >= LEAST_INDEPENDENT:
            weight = rows.weight[part] / count
            share = float((weight * happened[part]).sum())
            points.append((float((weight * said[part]).sum()), share, *_wilson(share, count)))
    return points


def _wilson(share: float, count: float) -> tuple[float, float]:
    """95 % interval of a share seen in `count` independent trials."""
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    reach = (
        _Z
        / (1 + _Z**2 / count)
        * float(np.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2)))
    )
    return max(0.0, middle - reach), min(1.0, middle + reach)


def monthly_skill_picture(rows: PredictionRows, *, block: int, seed: int) -> bytes:
    """Log-loss skill of each JST month over the best constant of all months, with a block bootstrap
    interval.

    Rows count by their uniqueness, as in the gate's `skill`, of which the months are parts.
    """
    months = _months(rows.as_of)
    base = rows.weight * log_losses(constant(rows.label, rows.weight), rows.label)
    gain = base - rows.weight * log_losses(rows.probabilities, rows.label)
    found = []
    for month in np.unique(months):
        mine = months == month
        if float(rows.weight[mine].sum()) >= LEAST_OF_A_MONTH:
            found.append(
                (int(month), bootstrap_skill(gain[mine], base[mine], block=block, seed=seed))
            )
    shown = [100 * value for _, skill in found for value in (skill.value, skill.lower, skill.upper)]
    places = range(len(found))
    every = max(1, len(found) // 12)
    ticks = tuple(
        (float(place), _month_name(found[place][0])) for place in places if place % every == 0
    )
    plot = Picture(
        title=say("card.picture.months"),
        note=say("card.note.months"),
        x=Axis(low=-0.5, high=max(1.0, len(found) - 0.5), ticks=ticks),
        y=Axis.of(shown, unit=" %", around=(0.0,)),
    )
    plot.level(0.0)
    for place, (_, skill) in zip(places, found, strict=True):
        plot.whisker(float(place), 100 * skill.lower, 100 * skill.upper, look="upper")
    plot.dots(
        [float(place) for place in places], [100 * skill.value for _, skill in found], look="upper"
    )
    return plot.svg()


def _months(at: IntArray) -> IntArray:
    months: IntArray = (
        (at + JST_MS).astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    )
    return months


def _month_name(month: int) -> str:
    return f"{1970 + month // 12}-{month % 12 + 1:02d}"


def scores_picture(rows: PredictionRows) -> bytes:
    """How often which probability was said: a model that says nothing stands on one spot."""
    said = rows.probabilities[:, [UPPER, LOWER]]
    x = Axis.of([float(said.min()), float(said.max())], title=say("card.axis.probability"))
    edges = np.linspace(x.low, x.high, HISTOGRAM_BINS + 1)
    shares = [
        (np.histogram(said[:, column], bins=edges)[0] / len(rows) * 100).tolist()
        for column in (0, 1)
    ]
    plot = Picture(
        title=say("card.picture.scores"),
        note=say("card.note.scores"),
        x=x,
        y=Axis.of([*shares[0], *shares[1]], unit=" %", around=(0.0,)),
        keys=_side_keys(),
    )
    for (_, look), heights in zip(SIDES, shares, strict=True):
        plot.bars(edges.tolist(), heights, look=f"{look} bar")
    return plot.svg()


def equity_picture(money: MoneyRecord) -> bytes:
    """What one yen became: by the predictions after all costs, and by holding."""
    own, held = _growth_percent(money.returns), _growth_percent(money.hold)
    days = np.append(money.day_at, money.day_at[-1] + DAY_MS)
    places = np.unique(np.linspace(0, len(days) - 1, 6).round().astype(np.int64))
    ticks = tuple(
        (float(days[place]), f"{datetime.fromtimestamp(int(days[place]) / 1000, UTC):%Y-%m-%d}")
        for place in places
    )
    plot = Picture(
        title=say("card.picture.equity"),
        note=say("card.note.equity"),
        x=Axis(low=float(days[0]), high=float(days[-1]), ticks=ticks),
        y=Axis.of([*own, *held]),
        keys=((say("card.key.hold"), "hold"), (say("card.key.own"), "upper")),
    )
    plot.line(days.tolist(), held, look="hold")
    plot.line(days.tolist(), own, look="upper")
    return plot.svg()


def _growth_percent(returns: FloatArray) -> list[float]:
    grown: list[float] = (100 * np.concatenate([[1.0], np.cumprod(1.0 + returns)])).tolist()
    return grown


def gate_picture(checks: Sequence[Check]) -> bytes:
    """The gate's checks with their values, intervals and thresholds, by what they decide."""
    parts, y = [draw_label(16, 28, say("card.picture.gate"), look="title")], 44
    for group in _GROUPS:
        of_group = [check for check in checks if check.group == group]
        if not of_group:
            continue
        y += 24
        parts.append(draw_label(16, y, say(f"card.group.{group}"), look="group"))
        y += 8
        for check in of_group:
            parts += _line(check, y)
            y += _ROW
    return frame(_TABLE_WIDTH, y + 16, parts)


def _line(check: Check, y: int) -> list[str]:
    look = "" if check.group == "note" else "passed" if check.passed else "failed"
    outcome = say(f"card.outcome.{look}") if look else ""
    value = say("figures.unknown") if check.value is None else f"{check.value:.4g}"
    interval = (
        ""
        if check.lower is None and check.upper is None
        else f"[{_end(check.lower)}, {_end(check.upper)}]"
    )
    base = y + 18
    return [
        f'<path class="grid" d="M16 {y}H{_TABLE_WIDTH - 16}"/>',
        draw_label(16, base, check.name, look="word"),
        draw_label(400, base, value, anchor="end", look="word"),
        draw_label(412, base, interval, look="note"),
        draw_label(600, base, _threshold_text(check), look="word"),
        draw_label(_TABLE_WIDTH - 24, base, outcome, anchor="end", look=look or "word"),
    ]


def _threshold_text(check: Check) -> str:
    kind, _, _ = check.meaning.partition(": ")
    return "" if check.group == "note" else f"{kind} {check.threshold:.4g}"


def _end(value: float | None) -> str:
    return "…" if value is None else f"{value:.4g}"
