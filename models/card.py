"""MODEL_CARD.md: what a bundle is, what it was judged on, and what it must not be used for."""

from datetime import UTC, datetime

from models.verdict import in_words
from shared.ensemble.manifest import Calibration, Check, Interval, Manifest

_SKILLS = ("skill", "direction_skill")
_SCORES = ("brier", "calibration_error", "accuracy", "precision", "recall", "f1")
_CARD = """# Model {version}

{verdict}

Intended use: probabilities for BTC/JPY on closed 15-minute candles, read by crypto-bot's risk rules. Nothing else.

## What it predicts

Which of two levels, {atr:g} x ATR(14) above and below a candle's close, is touched first within {horizon} candles
(lower, neither, upper). Entry is the close of the candle; costs are not in the label, the risk rules subtract them.
Where one candle touches both levels the row counts as neither ({ambiguous:g} such rows).

## What it has seen

| part | rows | independent labels | from | to | last label known |
|---|---|---|---|---|---|
{intervals}

The parts follow each other in time; labels of a part were known at least one horizon before the next part begins. The
learners were fitted on the first part, calibrated on the second, and judged on the third, **once**. They were not fitted
again afterwards: what serves is what was judged, and it has not seen the last {unseen:.0f} days.

Features, in order: {features}.

## How it did on the validation rows

| | log loss | best constant | skill | 95 % interval | side alone | 95 % interval |
|---|---|---|---|---|---|---|
{skills}

| | Brier | calibration error | accuracy | precision | recall | F1 |
|---|---|---|---|---|---|---|
{scores}

Skill is 1 - log loss / log loss of the best constant probabilities in hindsight. Side alone asks only which level came
first, on rows where one was touched: volatility is easy to forecast and earns nothing. Intervals come from a moving-block
bootstrap with blocks longer than the labels overlap. Configurations tried in this run: {trials}.

## Calibration

softmax(slope x scores + offsets); a slope of 0 means that nothing but the base rate was believed.

| | slope | lower | neither | upper |
|---|---|---|---|---|
{calibrations}

## Verdict

| check | value | asked | passed |
|---|---|---|---|
{checks}

## Limits

One pair, one label, one period. Past skill is no promise. Only what the checks above say has been tested; leakage tests,
performance after costs and multiple testing are not part of this verdict.

Seed {seed}, commit {commit}, settings {settings_hash}, data {data_hash}, parent {parent}. Libraries: {libraries}.
"""


def card(manifest: Manifest) -> bytes:
    """The card of a bundle. Says only what the manifest says."""
    parts = {"training": manifest.training, "calibration": manifest.calibrating, "validation": manifest.validation}
    calibrations = {member.name: member.calibration for member in manifest.members} | {"vote": manifest.calibration}
    unseen = (manifest.validation.to_at - manifest.calibrating.to_at) / 86_400_000
    text = _CARD.format(
        version=manifest.version,
        verdict=in_words(manifest.verdict),
        atr=manifest.barriers.atr_multiple,
        horizon=manifest.barriers.horizon_candles,
        ambiguous=manifest.metrics["data"]["ambiguous_rows"],
        intervals="\n".join(_interval(name, part) for name, part in parts.items()),
        unseen=unseen,
        features=", ".join(manifest.features),
        skills="\n".join(_skill(name, manifest.metrics[name]) for name in calibrations),
        scores="\n".join(_scores(name, manifest.metrics[name]) for name in calibrations),
        trials=manifest.trials["configurations"],
        calibrations="\n".join(_calibration(name, calibration) for name, calibration in calibrations.items()),
        checks="\n".join(_check(check) for check in manifest.verdict.checks),
        seed=manifest.seed,
        commit=manifest.commit,
        settings_hash=manifest.settings_hash,
        data_hash=manifest.data_hash[:12],
        parent=manifest.parent or "none",
        libraries=", ".join(f"{name} {version}" for name, version in sorted(manifest.libraries.items())),
    )
    return text.encode()


def _instant(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _interval(name: str, part: Interval) -> str:
    instants = " | ".join(_instant(at) for at in (part.from_at, part.to_at, part.label_end_at))
    return f"| {name} | {part.rows} | {part.effective_rows:.0f} | {instants} |"


def _skill(name: str, scores: dict[str, float]) -> str:
    losses = f"{scores['log_loss']:.4f} | {scores['log_loss_constant']:.4f}"
    skills = (f"{scores[key]:+.4f} | {scores[f'{key}_lower']:+.4f} .. {scores[f'{key}_upper']:+.4f}" for key in _SKILLS)
    return f"| {name} | {losses} | {' | '.join(skills)} |"


def _scores(name: str, scores: dict[str, float]) -> str:
    return f"| {name} | {' | '.join(f'{scores[key]:.4f}' for key in _SCORES)} |"


def _calibration(name: str, calibration: Calibration) -> str:
    return f"| {name} | {calibration.slope:.3f} | {' | '.join(f'{offset:+.3f}' for offset in calibration.offsets)} |"


def _check(check: Check) -> str:
    return f"| {check.name} | {check.value:.6g} | {check.meaning} ({check.threshold:g}) | {'yes' if check.passed else 'no'} |"
