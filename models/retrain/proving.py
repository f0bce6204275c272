"""The heart of a retraining: walk forward, train what would serve, and ask the gate about both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from models.data.dataset import Dataset, build
from models.data.labels import costs_of
from models.data.splits import retrained_at
from models.fit.recipe import known_at, parts_of
from models.fit.train import WARM_UP_DAYS, Training, history_days, train
from models.gate.types import Rival
from models.gate.words import PROVEN
from models.proof import Proof, prove
from models.proof import ProofRequest as Question
from models.retrain import rivals
from models.retrain.gathering import Learnable
from models.retrain.place import Tell
from models.walk_forward import Walked, empty_walk, shuffled_skills, walk_forward
from shared import model
from shared.core.calendar import DAY_MS
from shared.core.errors import BadBundle, UserError
from shared.core.settings import Settings
from shared.core.trials import History
from shared.core.types import Candles, FloatArray, Timeframe
from shared.model.bundle import Bundle
from shared.model.manifest import Check, Verdict
from shared.model.question import another
from shared.model.signing import public_of
from shared.risk import policy_of
from shared.stores.ports import Bucket


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTraining:
    """A training and the gate's verdict on it; without `walked` history is too short for one fold.

    `unrivalled`: nothing served, or only what no gate was asked about.
    """

    training: Training
    verdict: Verdict
    walked: Walked | None
    proof: Proof | None
    unrivalled: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Incumbent:
    """What the training is judged against: its files, and what it says of itself."""

    version: str
    files: Mapping[str, bytes]
    public_keys: tuple[str, ...]

    def bundle(self) -> Bundle:
        """As it serves. Raises `BadBundle`."""
        return model.load_bundle(self.files, public_keys=self.public_keys, version=self.version)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a training is made and judged from.

    Attributes:
        settings: With the days, the seed and the tuned sizes of this training.
        candles: 15m and 4h, nothing after `as_of`.
        rows: Worked out of them.
        as_of: The instant of the training.
        bucket: Where folds are kept.
        champion: What serves; None: nothing does.
        history: The trials that count.
        logged: How many things the whole log holds.
        remembered: The most that any bundle knows it to have held.
        recorded_at: When this try was made, for the trial log.
        commit: Of the code.
        signing_key: Ed25519, hex.
    """

    settings: Settings
    candles: Mapping[Timeframe, Candles]
    rows: Learnable
    as_of: int
    bucket: Bucket
    champion: Incumbent | None
    history: History
    logged: int
    remembered: int
    recorded_at: int
    commit: str
    signing_key: str = field(repr=False)


def judge_training(
    bench: Bench,
    *,
    known_shuffled: tuple[float, ...] | None,
    keep_shuffled: Callable[[tuple[float, ...]], None],
    part: Callable[[float, float], Tell],
) -> JudgedTraining:
    """Everything from the folds to the verdict.

    The same bench gives the same verdict and the same bytes.

    Args:
        bench: What it is made from.
        known_shuffled: Skills of refits on shuffled labels, where an earlier worker found them.
        keep_shuffled: Told them once they are found.
        part: Makes the teller of one step from its first and last share of the whole.
    """
    walked = _walk_history(bench, bench.settings, bench.rows.dataset, part(0.0, 0.6))
    shuffled = known_shuffled
    if shuffled is None and walked is not None:
        shuffled = tuple(_measure_shuffled(bench, walked, part(0.6, 0.75)).tolist())
        keep_shuffled(shuffled)
    training = _train_model(bench, part(0.75, 0.85))
    part(0.85, 1.0)("the champion, the replay and the gate", 0.0)
    champion, said = _judged_champion(bench)
    rival, notes = (
        (None, ())
        if champion is None
        else _rival(bench, champion, training, walked, part(0.85, 0.95))
    )
    checks = bundle_checks(training)
    if walked is None:
        verdict = _too_short(bench, checks, first=champion is None)
        return JudgedTraining(
            training=training,
            verdict=verdict,
            walked=None,
            proof=None,
            unrivalled=champion is None,
            notes=(*said, *notes),
        )
    proof = prove(
        Question(
            walked=walked,
            stages=bench.rows.stages,
            candles=bench.candles,
            settings=bench.settings,
            history=bench.history,
            logged=bench.logged,
            remembered=bench.remembered,
            recorded_at=bench.recorded_at,
            start_at=None if walked.folds else first_target(bench.candles),
            end_at=None if walked.folds else bench.as_of,
            serve=checks,
            rival=rival,
            shuffled=np.array(shuffled or ()),
        )
    )
    return JudgedTraining(
        training=training,
        verdict=proof.verdict,
        walked=walked,
        proof=proof,
        unrivalled=champion is None,
        notes=(*said, *notes),
    )


def bundle_checks(training: Training) -> tuple[Check, ...]:
    """The checks on the bundle itself."""
    return tuple(check for check in training.manifest.verdict.checks if check.group == "serve")


def first_decision(settings: Settings, dataset: Dataset, *, as_of: int) -> int | None:
    """From when on there was enough to learn from, at most `gate.history_days` back; None: not even
    one retraining ago.
    """
    if not len(dataset):
        return None
    every_ms = settings.retrain.every_days * DAY_MS
    warm_at = int(dataset.as_of[0]) + settings.learning.days * DAY_MS
    first_at = max(warm_at, as_of - settings.gate.history_days * DAY_MS)
    for at in range(first_at, as_of - every_ms + 1, every_ms):
        if _has_enough_to_learn(
            settings, dataset, retrained_at(at, every_days=settings.retrain.every_days)
        ):
            return at
    return None


def first_target(candles: Mapping[Timeframe, Candles]) -> int:
    """From when on a policy that asks no model knows what it wants: once every signal is warm, at
    the begin of a day.
    """
    first_at = int(candles[Timeframe.M15].opened_at[0]) + WARM_UP_DAYS * DAY_MS
    return -(-first_at // DAY_MS) * DAY_MS


def _has_enough_to_learn(settings: Settings, dataset: Dataset, at: int) -> bool:
    try:
        parts_of(known_at(dataset, settings, closed_at=at), settings)
    except UserError:
        return False
    return True


def _walk_history(bench: Bench, settings: Settings, dataset: Dataset, tell: Tell) -> Walked | None:
    """Every retraining that live would have had; folds that the bucket holds are not
    fitted again.
    """
    if not policy_of(settings).is_model_based:
        long_enough = bench.as_of - first_target(bench.candles) >= DAY_MS
        return empty_walk(bench.rows.stages.features, settings) if long_enough else None
    first_at = first_decision(settings, dataset, as_of=bench.as_of)
    if first_at is None:
        return None
    return walk_forward(
        dataset,
        bench.rows.stages.features,
        settings,
        first_at=first_at,
        end_at=bench.as_of,
        seed=settings.learning.seed,
        jobs=settings.retrain.jobs,
        cache=bench.bucket,
        on_progress=tell,
    )


def _measure_shuffled(bench: Bench, walked: Walked, tell: Tell) -> FloatArray:
    settings = bench.settings
    if not walked.folds:
        return np.zeros(0)
    return shuffled_skills(
        bench.rows.dataset,
        bench.rows.stages.features,
        settings,
        first_at=walked.start_at,
        end_at=bench.as_of,
        seed=settings.learning.seed,
        jobs=settings.retrain.jobs,
        on_progress=tell,
    )


def _train_model(bench: Bench, tell: Tell) -> Training:
    """The model that would serve. It sees no more candles than it learns from and warms up with."""
    from_at = bench.as_of - round(history_days(bench.settings.learning) * DAY_MS)
    return train(
        {
            frame: part.rows(int(np.searchsorted(part.opened_at, from_at)), None)
            for frame, part in bench.candles.items()
        },
        bench.settings,
        as_of=bench.as_of,
        seed=bench.settings.learning.seed,
        commit=bench.commit,
        signing_key=bench.signing_key,
        parent=None if bench.champion is None else bench.champion.version,
        on_progress=tell,
        purpose="retraining",
    )


def _judged_champion(bench: Bench) -> tuple[Bundle | None, tuple[str, ...]]:
    """What serves, where the gate was asked about it and it loads; else why it is no rival."""
    if bench.champion is None:
        return None, ()
    version = bench.champion.version
    if not policy_of(bench.settings).is_model_based:
        return None, (
            (
                f"The policy {bench.settings.risk.policy} asks no model: {version}, which serves,"
                " was no rival."
            ),
        )
    try:
        champion = bench.champion.bundle()
    except BadBundle as error:
        return None, (f"{version}, which serves, does not load ({error}): it was no rival.",)
    if any(check.name == PROVEN for check in champion.manifest.verdict.checks):
        return None, (f"No gate was asked about {version}, which serves: it was no rival.",)
    other = another(champion.manifest, bench.settings.learning)
    if other is not None:
        return None, (
            f"{version}, which serves, is no model of these settings ({other}): it was no rival.",
        )
    return champion, ()


def _rival(
    bench: Bench, champion: Bundle, training: Training, walked: Walked | None, tell: Tell
) -> tuple[Rival, tuple[str, ...]]:
    """The champion beside this training, and how they were compared.

    Another recipe is walked forward over the same candles. The same one, and one that this code
    cannot make any more, is compared as it serves, on the rows that neither bundle has touched:
    few, and too few keep the champion.
    """
    mine = model.load_bundle(
        training.files, public_keys=(public_of(bench.signing_key),), version=training.version
    )
    theirs = None
    if walked is not None and champion.manifest.recipe != walked.recipe:
        theirs = _other_recipe(bench, champion, tell)
    if walked is not None and theirs is not None and theirs.barriers == walked.barriers:
        said = f"The champion's recipe {theirs.recipe} was walked forward over the same candles."
        return rivals.by_folds(champion.version, walked.rows, theirs.rows), (said,)
    notes: tuple[str, ...] = ()
    if champion.manifest.barriers != mine.manifest.barriers:
        notes = (_OTHER_QUESTION,)
    elif champion.manifest.recipe != mine.manifest.recipe:
        notes = (_GONE,)
    return rivals.by_bundles(champion, mine, bench.rows.dataset, bench.settings), notes


_GONE = (
    "The champion's recipe cannot be walked by this code any more: both bundles were asked about"
    " rows new to both."
)
_OTHER_QUESTION = (
    "The champion answers another question (its label differs), so the two cannot be compared row"
    " by row."
)


def _other_recipe(bench: Bench, champion: Bundle, tell: Tell) -> Walked | None:
    files = {} if bench.champion is None else bench.champion.files
    settings = rivals.champions_settings(files, champion.manifest.recipe, bench.settings)
    if settings is None:
        return None
    computed = bench.rows.stages.features
    dataset = build(
        bench.candles, settings.learning, days=None, computed=computed, costs=costs_of(settings)
    )
    return _walk_history(bench, settings, dataset, tell)


def _too_short(bench: Bench, checks: tuple[Check, ...], *, first: bool) -> Verdict:
    """What may serve serves, where nothing else does; nothing is proven."""
    quarters = bench.candles[Timeframe.M15]
    days = (int(quarters.closed_at[-1]) - int(quarters.opened_at[0])) / DAY_MS
    missing = Check(
        name="enough_history",
        value=days,
        threshold=history_days(bench.settings.learning) + bench.settings.retrain.every_days,
        passed=False,
        meaning=(
            "at least: days of candles, so that one retraining can be judged by what came after it"
        ),
        group="enter",
    )
    may_serve = all(check.passed for check in checks)
    return Verdict(
        may_serve=may_serve,
        may_enter=False,
        checks=(*checks, missing),
        takes_over=may_serve and first,
    )
