"""MODEL_CARD.md: what a bundle is, what it was judged on, what the gate said, and what it must not
be used for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from models.gate import in_words
from shared.core.calendar import DAY_MS
from shared.core.sentences import say
from shared.core.sentences.figures import number
from shared.core.types import Barriers
from shared.model.manifest import Calibration, Check, Interval, Manifest

_SKILLS = ("skill", "direction_skill")
_SCORES = ("brier", "calibration_error", "accuracy", "precision", "recall", "f1")
_PICTURES = ("gate", "equity", "reliability", "skill_by_month", "scores")


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
    >>> from shared.core.settings import load_settings
    >>> from shared.core.types import Timeframe
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.model.manifest import MANIFEST, decode_manifest
    >>> minutes = generate(start_ms=1_767_225_600_000, days=40, seed=7)
    >>> candles = {frame: aggregate(minutes, frame) for frame in (Timeframe.M15, Timeframe.H4)}
    >>> small = {"days": 30, "rounds": 2, "forest_trees": 2}
    >>> training = train(
    ...     candles,
    ...     load_settings({}, overrides={"learning": small}),
    ...     as_of=int(minutes.closed_at[-1]),
    ...     seed=1,
    ...     commit="0" * 40,
    ...     signing_key="0" * 64,
    ... )
    >>> card(decode_manifest(training.files[MANIFEST])).decode().splitlines()[0][:22]
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
    text = say(
        "card.text",
        version=manifest.version,
        verdict=in_words(manifest.verdict),
        pictures="" if gated is None else _images(gated.pictures),
        question="\n\n".join(_question(manifest)),
        intervals="\n".join(_interval(name, part) for name, part in parts.items()),
        unseen=f"{(manifest.validation.to_at - manifest.calibrating.to_at) / DAY_MS:.0f}",
        features=", ".join(manifest.features),
        skills="\n".join(_skill(name, manifest.metrics[name]) for name in calibrations),
        scores="\n".join(_scores(name, manifest.metrics[name]) for name in calibrations),
        calibrations="\n".join(
            _calibration(name, calibration) for name, calibration in calibrations.items()
        ),
        gate=_gate(gated),
        checks="\n".join(_check(check) for check in manifest.verdict.checks),
        folds="" if gated is None else _folds(gated.folds),
        limits="\n\n".join([say("card.limits"), *manifest.notes]),
        seed=manifest.seed,
        commit=manifest.commit,
        recipe=manifest.recipe or say("card.unnamed"),
        settings_hash=manifest.settings_hash,
        data_hash=manifest.data_hash[:12],
        parent=manifest.parent or say("card.no_parent"),
        libraries=", ".join(
            f"{name} {version}" for name, version in sorted(manifest.libraries.items())
        ),
    )
    return text.encode()


def _question(manifest: Manifest) -> list[str]:
    said = [_label(manifest.barriers, manifest.metrics.get("data", {}).get("ambiguous_rows", 0.0))]
    if manifest.volatility is not None:
        model = say(f"card.serves.{manifest.volatility.serves}")
        said.append(say("card.volatility", model=model))
    if manifest.meta is not None:
        said.append(say("card.third_head"))
    return said


def _label(barriers: Barriers, ambiguous: float) -> str:
    if barriers.kind == "next_candle":
        return say("card.label.next_candle", share=number(100 * barriers.move_rate))
    return say(
        "card.label.barriers",
        multiple=number(barriers.atr_multiple),
        candles=barriers.horizon_candles,
        ambiguous=number(ambiguous),
    )


def _images(names: Sequence[str]) -> str:
    return "".join(
        f"![{say(f'card.image.{name}')}]({name}.svg)\n\n"
        for name in _PICTURES
        if f"{name}.svg" in names
    )


def _gate(gated: Gated | None) -> str:
    if gated is None:
        return say("card.not_asked")
    folds = gated.folds
    if not folds:
        return say("card.no_fold")
    return say(
        "card.gated",
        folds=len(folds),
        from_at=_instant(folds[0].from_at),
        to_at=_instant(folds[-1].to_at),
        trials=gated.trials,
    )


def _folds(folds: Sequence[FoldLine]) -> str:
    if not folds:
        return ""
    head = say("card.folds")
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
    value = say("figures.unknown") if check.value is None else f"{check.value:.6g}"
    ends = ("" if end is None else f"{end:.4g}" for end in (check.lower, check.upper))
    interval = "" if check.lower is None and check.upper is None else " .. ".join(ends)
    passed = "" if check.group == "note" else say("card.yes" if check.passed else "card.no")
    cells = (
        check.name,
        say(f"card.decides.{check.group}"),
        value,
        interval,
        f"{check.meaning} ({check.threshold:g})",
        passed,
    )
    return f"| {' | '.join(cells)} |"
