"""Retrain by hand: what the weekly function does, on this machine; or quickly, without the gate,
and then nothing is proven.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.fit.commit import code_commit
from scripts.output.console import emit, json_option, timezone_option
from scripts.research.writable import require_stores, the_only_training
from shared.core.calendar import DAY_MS
from shared.core.errors import BotError, UserError
from shared.core.sentences import say

if TYPE_CHECKING:
    from models.retrain import CandleHistory

__all__ = ["code_commit", "command"]

WHOLE = "give candles that are whole and reach far enough back: `scripts/bot collect`, or --candles"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPeriod:
    """What to learn from: `days` before `as_of`, of which no candle closed later is looked at."""

    as_of: int | None
    days: int | None


@click.command()
@click.option(
    "--candles",
    "path",
    type=click.Path(path_type=Path),
    help="A candle file (15m or 1m) in place of the archive.",
)
@timezone_option
@click.option(
    "--days",
    type=click.IntRange(1, 3_660),
    help="How many days to learn from.  [default: learning.days]",
)
@click.option(
    "--from", "start", metavar="TIME", help="The first instant to learn from, in place of --days."
)
@click.option("--to", "end", metavar="TIME", help="Leave out candles that closed after this.")
@click.option(
    "--as-of",
    metavar="TIME",
    help="When the training takes place.  [default: --to, else the last candle or now]",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    help="Of learners and intervals.  [default: learning.seed]",
)
@click.option(
    "--no-promote", is_flag=True, help="Publish the bundle, and let what serves go on serving."
)
@click.option(
    "--no-fetch",
    is_flag=True,
    help="Use the candles that are in the archive; ask the exchange for none.",
)
@click.option(
    "--quick", is_flag=True, help="Ask no gate: train from what is there. Nothing is proven."
)
@click.option(
    "--dry-run", is_flag=True, help="Work everything out, and write nothing but the trial."
)
@json_option
def command(
    *,
    path: Path | None,
    timezone: str | None,
    days: int | None,
    start: str | None,
    end: str | None,
    as_of: str | None,
    seed: int | None,
    no_promote: bool,
    no_fetch: bool,
    quick: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Train, walk forward, ask the gate, and let serve what may.

    Without options this is the retraining of the ISO week: claimed once, resumed where it was
    ended, exactly what the function does. With any of them it is one of its own. Times are like
    2026-02-01 or 2026-02-01T00:00:00Z; without an offset they are UTC. The same candles, settings,
    seed, --as-of, commit, champion and trial log give the same bundle, byte for byte.
    """
    from functions import wiring
    from models.backtest.sources import FileSource

    period = training_period(days=days, start=start, end=end, as_of=as_of)
    environ = wiring.environment()
    settings = wiring.settings_from(
        environ, overrides={"learning": {"days": period.days}} if period.days else None
    )
    require_stores(settings)
    if not dry_run:
        click.get_current_context().with_resource(the_only_training(settings))
    source = None if path is None else FileSource.load_file(path, timezone=timezone)
    for note in () if source is None else source.notes:
        click.echo(note, err=True)
    if quick:
        from scripts.research import quick_training

        candles, at = quick_training.load_known_candles(source, settings, period.as_of)
        training, promoted = quick_training.quick(
            settings, candles, at, seed=seed, promote=not no_promote, dry_run=dry_run
        )
        told = quick_training.training_summary(training, promoted=promoted)
        emit(
            told,
            "\n".join(quick_training.training_lines(training, promoted=promoted, dry_run=dry_run)),
            as_json=as_json,
        )
        return
    from models.retrain import FileHistory, RetrainRequest, Retrains
    from scripts.research.quick_training import bar_of_shares

    history: CandleHistory | None = None
    instant = period.as_of
    if source is not None:
        history = FileHistory(source=source)
        instant = int(source.candles.closed_at[-1]) if instant is None else instant
    own = (
        instant is not None
        or source is not None
        or days is not None
        or start is not None
        or seed is not None
        or no_promote
    )
    place = wiring.retrain_place(
        settings, environ, history=history, fetch=not no_fetch, dry_run=dry_run
    )
    with bar_of_shares() as tell:
        stands = Retrains(place).run(
            RetrainRequest(
                days=period.days, seed=seed, as_of=instant, by_hand=own, promote=not no_promote
            ),
            on_progress=tell,
        )
        _refuse(stands)
    result = stands["result"]
    promoted = result["outcome"] == "promoted"
    emit(
        {**result, "promoted": promoted, "retraining": stands["retraining"]},
        _report(stands, dry_run=dry_run),
        as_json=as_json,
    )


def training_period(
    *, days: int | None, start: str | None, end: str | None, as_of: str | None
) -> TrainingPeriod:
    """Turn the options into a period. Raises `UserError` where they contradict each other."""
    if days is not None and start is not None:
        raise UserError("--days and --from were both given", remedy="give one of them")
    to_at, at, from_at = (
        _instant("--to", end),
        _instant("--as-of", as_of),
        _instant("--from", start),
    )
    until = min((instant for instant in (to_at, at) if instant is not None), default=None)
    if from_at is None:
        return TrainingPeriod(as_of=until, days=days)
    if until is None:
        raise UserError(
            "--from was given without --to", remedy="say with --to where the period ends"
        )
    if until - from_at < DAY_MS:
        raise UserError(
            "the period from --from to --to is shorter than a day", remedy="give a longer one"
        )
    return TrainingPeriod(as_of=until, days=-(-(until - from_at) // DAY_MS))


def _instant(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(
            f"{option} was {text!r}, which is not a time",
            remedy="write it like 2026-02-01T00:00:00Z",
        ) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _refuse(stands: Mapping[str, Any]) -> None:
    """Raise what kept the training from its end."""
    wrong = stands["error"]
    if wrong is not None:
        if wrong["ours"]:
            raise BotError(wrong["error"])
        raise UserError(wrong["error"], remedy=wrong["remedy"] or WHOLE)
    if stands.get("busy"):
        raise BotError(
            f"another process works on {stands['retraining']} ({stands['doing']},"
            f" {100 * stands['share']:.0f} %); wait for it, or, if it was killed, try again in two"
            " minutes and this goes on from what was saved"
        )
    if stands["more"]:
        raise BotError(
            f"it is not done yet: {stands['doing']}; the same command goes on from what was saved"
        )


def _report(stands: Mapping[str, Any], *, dry_run: bool) -> str:
    """The gate's table, and the summary under it."""
    import msgspec

    from models.gate import table_lines
    from models.retrain.telling import retraining_lines
    from shared.model.manifest import Verdict

    checks = table_lines(msgspec.convert(stands["result"]["verdict"], Verdict))
    lines = retraining_lines(stands["result"])
    if dry_run:
        lines.append(say("retrain.dry_run"))
    if stands.get("already"):
        lines.append(say("retrain.already", retraining=stands["retraining"]))
    return "\n".join([*checks, "", *lines])
