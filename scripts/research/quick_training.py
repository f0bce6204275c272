"""A quick training: from candles that are there, without the gate, and so without a proof."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from functions import wiring
from models.backtest.sources import ArchiveSource, CandleSource, FileSource
from models.fit.commit import code_commit
from models.fit.train import Training, history_days, train
from models.gate import in_words
from models.gate.words import PROVEN
from models.jobs.keys import signing_key
from scripts.output.console import progress
from shared.core.calendar import DAY_MS
from shared.core.errors import UserError
from shared.core.sentences.figures import utc_second
from shared.core.settings import Settings
from shared.core.types import Candles, Timeframe
from shared.model.manifest import MANIFEST, Interval, Manifest, decode_manifest
from shared.model.registry import BundleRegistry, ServingPointer


@contextmanager
def bar_of_shares() -> Iterator[Callable[[str, float], None]]:
    """A bar of 100 that a share of work done moves."""
    with progress("training", 100) as bar:
        told = 0

        def tell(text: str, share: float) -> None:
            nonlocal told
            bar.describe(text)
            bar.advance(max(0, round(100 * share) - told))
            told = max(told, round(100 * share))

        yield tell
        bar.advance(100 - told)


def load_known_candles(
    given: FileSource | None, settings: Settings, as_of: int | None
) -> tuple[Mapping[Timeframe, Candles], int]:
    """The candles that are there, from the file or the archive, and the instant of the training."""
    source: CandleSource
    if given is not None:
        at, source = int(given.candles.closed_at[-1]) if as_of is None else as_of, given
    else:
        at = wiring.clock_for(settings).now_ms() if as_of is None else as_of
        source = ArchiveSource(wiring.bucket_for(settings))
    begin = at - round(history_days(settings.learning) * DAY_MS)
    candles = {
        frame: source.read(frame, begin, at).closed_by(at)
        for frame in (Timeframe.M15, Timeframe.H4)
    }
    empty = [frame for frame, part in candles.items() if not len(part)]
    if empty:
        raise UserError(
            f"{source.name} holds no {' and no '.join(empty)} candles between {utc_second(begin)}"
            f" and {utc_second(at)}",
            remedy="run `scripts/bot collect` first, or give a file with --candles",
        )
    return candles, at


def quick(
    settings: Settings,
    candles: Mapping[Timeframe, Candles],
    at: int,
    *,
    seed: int | None,
    promote: bool,
    dry_run: bool,
) -> tuple[Training, bool]:
    """Train, publish, and let it serve where it may and nothing serves that the gate was asked
    about.
    """
    environ = wiring.environment()
    registry = BundleRegistry(wiring.bucket_for(settings))
    key, champion = signing_key(settings, environ), registry.current()
    with bar_of_shares() as tell:
        training = train(
            candles,
            settings,
            as_of=at,
            seed=settings.learning.seed if seed is None else seed,
            commit=code_commit(environ),
            signing_key=key,
            parent=None if champion is None else champion.version,
            on_progress=tell,
        )
    if dry_run:
        return training, False
    registry.publish(training.version, training.files)
    promoted = (
        promote
        and training.manifest.verdict.may_serve
        and not _is_champion_gated(registry, champion)
    )
    if promoted:
        now = wiring.clock_for(settings).now_ms()
        why = "trained quickly: the gate was not asked"
        registry.promote(
            training.version,
            at=now,
            why=why,
            by="train",
            expect=None if champion is None else champion.version,
        )
    return training, promoted


def _is_champion_gated(registry: BundleRegistry, champion: ServingPointer | None) -> bool:
    """Whether the gate was asked about what serves: nothing that it was not asked about takes such
    a place.
    """
    if champion is None:
        return False
    checks = decode_manifest(registry.files(champion.version)[MANIFEST]).verdict.checks
    return all(check.name != PROVEN for check in checks)


def training_summary(training: Training, *, promoted: bool) -> dict[str, Any]:
    """What `--json` answers."""
    manifest = training.manifest
    return {
        "version": training.version,
        "promoted": promoted,
        "gated": False,
        "verdict": manifest.verdict,
        "metrics": training.metrics,
        "training": manifest.training,
        "calibration": manifest.calibrating,
        "validation": manifest.validation,
        "barriers": manifest.barriers,
        "commit": manifest.commit,
        "seed": manifest.seed,
        "as_of": manifest.as_of,
        "parent": manifest.parent,
        "files": {name: len(data) for name, data in sorted(training.files.items())},
    }


def training_lines(training: Training, *, promoted: bool, dry_run: bool) -> list[str]:
    """The training in a few lines, the honest one among them."""
    manifest, vote = training.manifest, training.metrics["vote"]
    serves = (
        "nothing was written" if dry_run else "from now on" if promoted else "no: published only"
    )
    return [
        f"model       {training.version}",
        _part("trained", manifest.training),
        _part("calibrated", manifest.calibrating),
        _part("judged", manifest.validation),
        _skill("skill", vote, "skill") + ", against the best constant in hindsight",
        _skill("side alone", vote, "direction_skill") + ", on rows where a level was touched",
        (
            f"calibration off by {100 * vote['calibration_error']:.1f} points; slopes"
            f" {_slopes(manifest)}"
        ),
        f"verdict     {in_words(manifest.verdict)}",
        "proof       none: --quick asks no gate, so this model may not enter in live mode",
        f"serves      {serves}",
    ]


def _part(name: str, part: Interval) -> str:
    rows = f"{part.rows:,} candles, worth {part.effective_rows:.0f} independent ones"
    return f"{name:<11} {utc_second(part.from_at)} to {utc_second(part.to_at)}: {rows}"


def _skill(name: str, scores: Mapping[str, float], key: str) -> str:
    low, high = 100 * scores[f"{key}_lower"], 100 * scores[f"{key}_upper"]
    return f"{name:<11} {100 * scores[key]:+.2f} % (95 %: {low:+.2f} to {high:+.2f})"


def _slopes(manifest: Manifest) -> str:
    return ", ".join(f"{member.name} {member.calibration.slope:.2f}" for member in manifest.members)
