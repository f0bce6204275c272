"""MODEL_CARD.md: what a bundle is, what it was judged on, what the gate said, and what it must not
be used for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from models.gate import in_words
from shared.core.calendar import DAY_MS
from shared.core.types import Barriers
from shared.model.manifest import Calibration, Check, Interval, Manifest

_SKILLS = ("skill", "direction_skill")
_SCORES = ("brier", "calibration_error", "accuracy", "precision", "recall", "f1")
_PICTURES = {
    "gate.svg": "The gate's checks",
    "equity.svg": "What it did with money, beside buying and holding",
    "reliability.svg": "What it said and what happened",
    "skill_by_month.svg": "Skill by month",
    "scores.svg": "How often it said what",
}
_DECIDES = {"serve": "serve", "enter": "enter", "champion": "replace", "note": "-"}

_CARD = """# Model {version}

{verdict}

{pictures}Intended use: probabilities for BTC/JPY on closed 15-minute candles, read by crypto-bot's
risk rules. Nothing else.

## What it predicts

{question}

## What it has seen

| part | rows | independent labels | from | to | last label known |
|---|---|---|---|---|---|
{intervals}

The parts follow each other in time; labels of a part were known at least one horizon before the
next part begins. The learners were fitted on the first part, calibrated on the second, and judged
on the third, **once**. They were not fitted again afterwards: what serves is what was judged, and
it has not seen the last {unseen:.0f} days.

Features, in order: {features}.

## How it did on the validation rows

| | log loss | best constant | skill | 95 % interval | side alone | 95 % interval |
|---|---|---|---|---|---|---|
{skills}

| | Brier | calibration error | accuracy | precision | recall | F1 |
|---|---|---|---|---|---|---|
{scores}

Skill is 1 - log loss / log loss of the best constant probabilities in hindsight. Every row counts
the same here; the gate counts each by how independent its label is, and so its numbers differ. Side
alone asks only which level came first, on rows where one was touched: volatility is easy to
forecast and earns nothing. Intervals come from a moving-block bootstrap with blocks longer than the
labels overlap.

## Calibration

softmax(slope x scores + offsets); a slope of 0 means that nothing but the base rate was believed.

| | slope | lower | neither | upper |
|---|---|---|---|---|
{calibrations}

## Verdict

{gate}

| check | decides | value | interval | asked | passed |
|---|---|---|---|---|---|
{checks}

{folds}## Limits

{limits}

Seed {seed}, commit {commit}, recipe {recipe}, settings {settings_hash}, data {data_hash},
parent {parent}.
Libraries: {libraries}.
"""
_SERVES = {"trees": "its trees", "har": "the regression on past volatility (HAR)"}
_GATED = """\
Every number in the group *enter* is out of sample: from {folds} retrainings on the schedule that
live would have had, each deciding only candles after its own training, embargo included ({from_at}
to {to_at} UTC). {trials} configurations are on record in the append-only trial log, this one
included; the deflated Sharpe ratio pays for all of them. A model that may not enter stays flat in
live mode and trades on paper only; exits and protection always work. A person may overrule this by
naming the version in `risk.overrule_model`; every report then says so."""
_NOT_ASKED = """\
**This model was not asked by the gate.** It was trained quickly: the checks below say only that it
predicts sanely, and nothing was proven. So it may not enter in live mode, whatever its validation
rows say."""
_LIMITS = """\
One pair, one label, one period. Past skill is no promise. The checks above are all that was tested;
a market that changes after the last candle of this training has not been seen by any of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldLine:
    """One retraining of the walk-forward, without anything that depends on the machine."""

    number: int
    from_at: int
    to_at: int
    training: Interval
    trees: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gated:
    """What the card tells of the gate beyond the manifest."""

    folds: tuple[FoldLine, ...]
    trials: int
    pictures: tuple[str, ...] = ()


def card(manifest: Manifest, gated: Gated | None = None) -> bytes:
    """The card of a bundle.

    Says only what the manifest and the gate say; without `gated` that nothing was proven.

    >>> from models.fit.train import train
    >>> from shared.core.settings import load
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.model.manifest import MANIFEST, decode
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> small = {"days": 30, "rounds": 2, "forest_trees": 2}
    >>> training = train(
    ...     candles,
    ...     load({}, overrides={"learning": small}),
    ...     as_of=int(minutes.closed_at[-1]),
    ...     seed=1,
    ...     commit="0" * 40,
    ...     signing_key="0" * 64,
    ... )
    >>> card(decode(training.files[MANIFEST])).decode().splitlines()[0][:22]
    '# Model 20260210T0000Z'
    """
    parts = {
        "training": manifest.training,
        "calibration": manifest.calibrating,
        "validation": manifest.validation,
    }
    calibrations = {member.name: member.calibration for member in manifest.members} | {
        "vote": manifest.calibration
    }
    text = _CARD.format(
        version=manifest.version,
        verdict=in_words(manifest.verdict),
        pictures="" if gated is None else _images(gated.pictures),
        question="\n\n".join(_question(manifest)),
        intervals="\n".join(_interval(name, part) for name, part in parts.items()),
        unseen=(manifest.validation.to_at - manifest.calibrating.to_at) / DAY_MS,
        features=", ".join(manifest.features),
        skills="\n".join(_skill(name, manifest.metrics[name]) for name in calibrations),
        scores="\n".join(_scores(name, manifest.metrics[name]) for name in calibrations),
        calibrations="\n".join(
            _calibration(name, calibration) for name, calibration in calibrations.items()
        ),
        gate=_gate(gated),
        checks="\n".join(_check(check) for check in manifest.verdict.checks),
        folds="" if gated is None else _folds(gated.folds),
        limits="\n\n".join([_LIMITS, *manifest.notes]),
        seed=manifest.seed,
        commit=manifest.commit,
        recipe=manifest.recipe or "unnamed",
        settings_hash=manifest.settings_hash,
        data_hash=manifest.data_hash[:12],
        parent=manifest.parent or "none",
        libraries=", ".join(
            f"{name} {version}" for name, version in sorted(manifest.libraries.items())
        ),
    )
    return text.encode()


def _question(manifest: Manifest) -> list[str]:
    said = [_label(manifest.barriers, manifest.metrics.get("data", {}).get("ambiguous_rows", 0.0))]
    if manifest.volatility is not None:
        said.append(
            "Beside the vote it forecasts the realised volatility of the next 4 hours; what serves"
            f" is {_SERVES[manifest.volatility.serves]},"
            " the better of the two out of sample. It moves size and distances, never the side."
        )
    if manifest.meta is not None:
        said.append(
            "A third head says how probably the strategies' own trade pays: it may veto or shrink,"
            " never enter."
        )
    return said


def _label(barriers: Barriers, ambiguous: float) -> str:
    if barriers.kind == "next_candle":
        return (
            f"Whether the next close lies more than {100 * barriers.move_rate:g} % below or above"
            " this one (lower, neither,\nupper). This label is a forecast of volatility in"
            " disguise, and no expected value follows from it."
        )
    return (
        f"Which of two levels, {barriers.atr_multiple:g} x ATR(14) above and below a candle's"
        f" close, is touched first within\n{barriers.horizon_candles} candles (lower, neither,"
        " upper). Entry is the close of the candle; costs are not in the label, the risk"
        f" rules\nsubtract them. For {ambiguous:g} rows one candle touched both levels, and nobody"
        " knows which came first."
    )


def _images(names: Sequence[str]) -> str:
    return "".join(f"![{told}]({name})\n\n" for name, told in _PICTURES.items() if name in names)


def _gate(gated: Gated | None) -> str:
    if gated is None:
        return _NOT_ASKED
    folds = gated.folds
    if not folds:
        return (
            "There is too little history for a single fold of a walk-forward, so nothing could be"
            " proven."
        )
    return _GATED.format(
        folds=len(folds),
        from_at=_instant(folds[0].from_at),
        to_at=_instant(folds[-1].to_at),
        trials=gated.trials,
    )


def _folds(folds: Sequence[FoldLine]) -> str:
    if not folds:
        return ""
    head = (
        "## Folds of the walk-forward\n\n| | decides from | to | learned from | rows | independent"
        " | last label | trees |\n"
    )
    lines = "\n".join(
        f"| {fold.number} | {_instant(fold.from_at)} | {_instant(fold.to_at)} |"
        f" {_instant(fold.training.from_at)} | {fold.training.rows} |"
        f" {fold.training.effective_rows:.0f} | {_instant(fold.training.label_end_at)} |"
        f" {fold.trees} |"
        for fold in folds
    )
    return f"{head}|---|---|---|---|---|---|---|---|\n{lines}\n\n"


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _interval(name: str, part: Interval) -> str:
    instants = " | ".join(_instant(at) for at in (part.from_at, part.to_at, part.label_end_at))
    return f"| {name} | {part.rows} | {part.effective_rows:.0f} | {instants} |"


def _skill(name: str, scores: Mapping[str, float]) -> str:
    losses = f"{scores['log_loss']:.4f} | {scores['log_loss_constant']:.4f}"
    skills = (
        f"{scores[key]:+z.4f} | {scores[f'{key}_lower']:+z.4f} .. {scores[f'{key}_upper']:+z.4f}"
        for key in _SKILLS
    )
    return f"| {name} | {losses} | {' | '.join(skills)} |"


def _scores(name: str, scores: Mapping[str, float]) -> str:
    return f"| {name} | {' | '.join(f'{scores[key]:.4f}' for key in _SCORES)} |"


def _calibration(name: str, calibration: Calibration) -> str:
    return (
        f"| {name} | {calibration.slope:.3f} |"
        f" {' | '.join(f'{offset:+z.3f}' for offset in calibration.offsets)} |"
    )


def _check(check: Check) -> str:
    value = "unknown" if check.value is None else f"{check.value:.6g}"
    ends = ("" if end is None else f"{end:.4g}" for end in (check.lower, check.upper))
    interval = "" if check.lower is None and check.upper is None else " .. ".join(ends)
    passed = "" if check.group == "note" else "yes" if check.passed else "**no**"
    return (
        f"| {check.name} | {_DECIDES[check.group]} | {value} | {interval} | {check.meaning}"
        f" ({check.threshold:g}) | {passed} |"
    )
