"""Train the three learners on closed candles, judge them on the latest ones, and sign the bundle that a tick loads."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from functions import wiring
from models.dataset import DAY_MS
from models.keys import signing_key
from models.train import Training, history_days, train
from models.verdict import in_words
from scripts.console import emit, json_option, progress, utc
from shared.ensemble.manifest import Check, Interval, Manifest
from shared.errors import UserError
from shared.market.candles import aggregate, read_file
from shared.settings import Settings
from shared.stores.bundles import BundleRegistry
from shared.stores.candles import CandleArchive
from shared.stores.ports import Bucket
from shared.types import Candles, Timeframe

ROOT = Path(__file__).resolve().parents[2]
READ = (Timeframe.M15, Timeframe.H4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What to learn from: `days` before `as_of`, of which no candle closed later is looked at."""

    as_of: int | None
    days: int | None


@click.command()
@click.option("--candles", "path", type=click.Path(path_type=Path), help="A candle file (15m or 1m) in place of the archive.")
@click.option("--days", type=click.IntRange(1, 3_660), help="How many days to learn from.  [default: learning.days]")
@click.option("--from", "start", metavar="TIME", help="The first instant to learn from, in place of --days.")
@click.option("--to", "end", metavar="TIME", help="Leave out candles that closed after this.")
@click.option("--as-of", metavar="TIME", help="When the training takes place.  [default: --to, else the last candle or now]")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Of learners and intervals.  [default: learning.seed]")
@click.option("--no-promote", is_flag=True, help="Publish the bundle, and let the one before it go on serving.")
@json_option
def command(
    *,
    path: Path | None,
    days: int | None,
    start: str | None,
    end: str | None,
    as_of: str | None,
    seed: int | None,
    no_promote: bool,
    as_json: bool,
) -> None:
    """Train, calibrate, judge and sign a model bundle; it serves if it predicts sanely.

    Times are like 2026-02-01 or 2026-02-01T00:00:00Z; without an offset they are UTC. The same candles, settings, seed,
    --as-of and commit give the same bundle, byte for byte.
    """
    period = asked(days=days, start=start, end=end, as_of=as_of)
    settings = wiring.settings_from(os.environ, overrides={"learning": {"days": period.days}} if period.days else None)
    bucket = wiring.bucket_for(settings)
    registry = BundleRegistry(bucket)
    candles, at = _from_file(path, period) if path else _from_archive(bucket, settings, period)
    key = signing_key(settings, os.environ)
    champion = registry.current()
    with progress("training", 100) as bar:
        told = 0

        def tell(text: str, share: float) -> None:
            nonlocal told
            bar.describe(text)
            bar.advance(round(100 * share) - told)
            told = round(100 * share)

        training = train(
            candles,
            settings,
            as_of=at,
            seed=settings.learning.seed if seed is None else seed,
            commit=commit(os.environ),
            signing_key=key,
            parent=None if champion is None else champion.version,
            on_progress=tell,
        )
    registry.publish(training.version, training.files)
    promoted = training.manifest.verdict.may_serve and not no_promote
    if promoted:
        registry.promote(training.version)
    emit(_data(training, promoted=promoted), "\n".join(_lines(training, promoted=promoted)), as_json=as_json)


def asked(*, days: int | None, start: str | None, end: str | None, as_of: str | None) -> Period:
    """Turn the options into a period. Raises `UserError` where they contradict each other."""
    if days is not None and start is not None:
        raise UserError("--days and --from were both given", remedy="give one of them")
    to_at, at, from_at = _instant("--to", end), _instant("--as-of", as_of), _instant("--from", start)
    until = min((instant for instant in (to_at, at) if instant is not None), default=None)
    if from_at is None:
        return Period(as_of=until, days=days)
    if until is None:
        raise UserError("--from was given without --to", remedy="say with --to where the period ends")
    if until - from_at < DAY_MS:
        raise UserError("the period from --from to --to is shorter than a day", remedy="give a longer one")
    return Period(as_of=until, days=-(-(until - from_at) // DAY_MS))


def _instant(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"{option} was {text!r}, which is not a time", remedy="write it like 2026-02-01T00:00:00Z") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _from_file(path: Path, period: Period) -> tuple[Mapping[Timeframe, Candles], int]:
    given = read_file(path)
    if given.timeframe not in {Timeframe.M1, Timeframe.M15}:
        raise UserError(f"{path} holds {given.timeframe} candles", remedy="give 15m or 1m candles; 4h ones are made of them")
    at = int(given.closed_at[-1]) if period.as_of is None else period.as_of
    quarters = given if given.timeframe is Timeframe.M15 else aggregate(given, Timeframe.M15)
    return {Timeframe.M15: quarters, Timeframe.H4: aggregate(quarters, Timeframe.H4)}, at


def _from_archive(bucket: Bucket, settings: Settings, period: Period) -> tuple[Mapping[Timeframe, Candles], int]:
    at = wiring.clock_for(settings).now_ms() if period.as_of is None else period.as_of
    archive = CandleArchive(bucket)
    start = at - round(history_days(settings.learning) * DAY_MS)
    candles = {timeframe: archive.read(timeframe, start, at).closed_by(at) for timeframe in READ}
    empty = [timeframe for timeframe, part in candles.items() if not len(part)]
    if empty:
        raise UserError(
            f"the archive holds no {' and no '.join(empty)} candles between {utc(start)} and {utc(at)}",
            remedy="run `scripts/bot collect` first, or give a file with --candles",
        )
    return candles, at


def commit(environ: Mapping[str, str], root: Path = ROOT) -> str:
    """The commit of the code: from git, with `-changed` where the tree differs from it; else COMMIT_SHA; else `unknown`."""
    git = shutil.which("git")
    if git is not None and (root / ".git").exists():
        head = subprocess.run([git, "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False)
        if head.returncode == 0:
            same = subprocess.run([git, "diff", "--quiet", "HEAD"], cwd=root, capture_output=True, check=False)
            return head.stdout.strip() + ("-changed" if same.returncode else "")
    return environ.get("COMMIT_SHA", "") or "unknown"


def _data(training: Training, *, promoted: bool) -> dict[str, Any]:
    manifest = training.manifest
    return {
        "version": training.version,
        "promoted": promoted,
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


def _lines(training: Training, *, promoted: bool) -> list[str]:
    manifest, vote = training.manifest, training.metrics["vote"]
    barriers = manifest.barriers
    return [
        f"model       {training.version}",
        f"question    which level, {barriers.atr_multiple:g} x ATR up or down, first within {barriers.horizon_candles} candles",
        _part("trained", manifest.training),
        _part("calibrated", manifest.calibrating),
        _part("judged", manifest.validation),
        _skill("skill", vote, "skill") + ", against the best constant in hindsight",
        _skill("side alone", vote, "direction_skill") + ", on rows where a level was touched",
        f"calibration off by {100 * vote['calibration_error']:.1f} points; slopes {_slopes(manifest)}",
        *(
            f"check       {'ok' if check.passed else 'NO':<3} {check.name} {check.value:.3g}"
            for check in manifest.verdict.checks
        ),
        f"verdict     {in_words(manifest.verdict)}",
        "serves      from now on" if promoted else "serves      no: published only",
    ]


def _part(name: str, part: Interval) -> str:
    rows = f"{part.rows:,} candles, worth {part.effective_rows:.0f} independent ones"
    return f"{name:<11} {utc(part.from_at)} to {utc(part.to_at)}: {rows}"


def _skill(name: str, scores: Mapping[str, float], key: str) -> str:
    low, high = 100 * scores[f"{key}_lower"], 100 * scores[f"{key}_upper"]
    return f"{name:<11} {100 * scores[key]:+.2f} % (95 %: {low:+.2f} to {high:+.2f})"


def _check(check: Check) -> str:
    return f"check       {'ok' if check.passed else 'NO':<3} {check.name} {check.value:.3g}"


def _slopes(manifest: Manifest) -> str:
    return ", ".join(f"{member.name} {member.calibration.slope:.2f}" for member in manifest.members)
