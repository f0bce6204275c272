"""The models there are: which one serves, which one challenges it, and how both have come out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import click

from functions import wiring
from scripts.operation.bot import Here, open_bot
from scripts.operation.registry import RegistryEntry, look, registry_of
from scripts.output.console import emit, json_option
from shared import features
from shared.core.calendar import jst_day, jst_text
from shared.core.sentences import say
from shared.core.sentences.figures import duration
from shared.core.types import Timeframe
from shared.market.archive import CandleWindows
from shared.model.registry import ServingPointer
from shared.turn.watch import shadow
from shared.turn.watch.scores import Score

MOST_MOVES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One bundle as it is told. `age_seconds` is that of its data."""

    version: str
    role: str
    verdict: str
    purpose: str | None
    policy: str | None
    data_end_at: int | None
    age_seconds: float | None
    wrong: str


@click.command()
@json_option
def command(*, as_json: bool) -> None:
    """List the models: champion, challenger and the others, what the gate said of each, and how
    live predictions came out.

    Reads only. The scores are of the candles that the ticks' window still holds, some ten days,
    where champion and challenger (if there is one) both spoke; each counts by how independent its
    label is.
    """
    with open_bot() as here:
        registry = registry_of(here)
        pointer, now_ms = registry.current(), here.clock.now_ms()
        found = [look(here, registry, version) for version in registry.versions()]
        archived, apart = registry.archived_versions(), registry.apart_versions()
        scores = live_scores(here, pointer, found, now_ms=now_ms)
    rows = [_row(one, pointer, now_ms) for one in reversed(found)]
    data = {
        "pointer": pointer,
        "models": rows,
        "archived": archived,
        "apart": apart,
        "live": scores,
    }
    emit(data, "\n".join(_lines(pointer, rows, archived, apart, scores, now_ms)), as_json=as_json)


def live_scores(
    here: Here, pointer: ServingPointer | None, found: list[RegistryEntry], *, now_ms: int
) -> Mapping[str, Score]:
    """How champion and challenger came out on the candles of the stored window that
    both spoke of.
    """
    bundles = {one.version: one.bundle for one in found if one.bundle is not None}
    named = (
        []
        if pointer is None
        else [name for name in (pointer.version, pointer.challenger) if name in bundles]
    )
    windows = CandleWindows(wiring.bucket_for(here.settings))
    candles = {frame: windows.load(frame) for frame in (Timeframe.M15, Timeframe.H4)}
    known = {frame: part for frame, part in candles.items() if part is not None}
    if not named or len(known) < len(candles):
        return {}
    quarters = known[Timeframe.M15]
    days = here.bot.days(since=jst_day(int(quarters.closed_at[0])), until=jst_day(now_ms))
    record = shadow.decode_shadow(days)
    atr_jpy = features.compute(known).column("atr_14")
    questions = {name: bundles[name] for name in named}
    barriers = {bundle.barriers for bundle in questions.values() if bundle is not None}
    if len(barriers) == 1:
        return shadow.score_versions(
            record, quarters, atr_jpy, barriers.pop(), versions=tuple(named)
        )
    return {
        name: score
        for name, bundle in questions.items()
        if bundle is not None
        for score in shadow.score_versions(
            record, quarters, atr_jpy, bundle.barriers, versions=(name,)
        ).values()
    }


def _row(found: RegistryEntry, pointer: ServingPointer | None, now_ms: int) -> Row:
    roles = (
        {}
        if pointer is None
        else {
            pointer.previous: "previous",
            pointer.challenger: "challenger",
            pointer.version: "champion",
        }
    )
    manifest = None if found.bundle is None else found.bundle.manifest
    return Row(
        version=found.version,
        role=roles.get(found.version, ""),
        verdict=found.verdict,
        purpose=None if manifest is None else manifest.purpose,
        policy=None if manifest is None else manifest.policy,
        data_end_at=None if manifest is None else manifest.as_of,
        age_seconds=None if manifest is None else (now_ms - manifest.as_of) / 1000,
        wrong=found.wrong or found.unfit,
    )


def _lines(
    pointer: ServingPointer | None,
    rows: list[Row],
    archived: list[str],
    apart: list[str],
    scores: Mapping[str, Score],
    now_ms: int,
) -> Iterator[str]:
    if pointer is None:
        yield say("models.no_champion")
    else:
        yield say(
            "models.champion",
            model=pointer.version,
            since=_since(pointer.champion_since),
        )
        yield say(
            "models.challenger",
            model=pointer.challenger or say("models.none"),
            since=_since(pointer.challenger_since),
        )
        ended = pointer.retrained_at
        yield (
            say("models.never_retrained")
            if ended is None
            else say("models.retrained", age=duration((now_ms - ended) / 1000))
        )
    yield ""
    yield from _table(rows)
    if archived:
        yield say("models.archived", count=len(archived), newest=archived[-1])
    if apart:
        yield say("models.apart", count=len(apart), newest=apart[-1])
    yield from _scores(scores)
    yield from _history(pointer)


def _since(at: int | None) -> str:
    return "" if at is None else say("models.since", at=jst_text(at))


def _table(rows: list[Row]) -> Iterator[str]:
    if not rows:
        return
    width = max(len(row.version) for row in rows)
    columns = (
        say("models.column.version"),
        say("models.column.role"),
        say("models.column.verdict"),
        say("models.column.purpose"),
        say("models.column.policy"),
        say("models.column.ended"),
    )
    yield _row_line(columns, width)
    for row in rows:
        ended = "" if row.age_seconds is None else say("models.ago", age=duration(row.age_seconds))
        last = f"{ended}: {row.wrong}" if ended and row.wrong else ended or row.wrong
        cells = (row.version, row.role, row.verdict, row.purpose or "", row.policy or "", last)
        yield _row_line(cells, width)


def _row_line(cells: tuple[str, str, str, str, str, str], width: int) -> str:
    version, role, verdict, purpose, policy, last = cells
    line = f"{version:<{width}}  {role:<10}  {verdict:<13}  {purpose:<10}  {policy:<8}  {last}"
    return line.rstrip()


def _scores(scores: Mapping[str, Score]) -> Iterator[str]:
    yield ""
    if not scores:
        yield say("models.no_score")
    for version, one in scores.items():
        yield say(
            "models.score",
            model=version,
            loss=f"{one.log_loss:.4f}",
            hit="-" if one.hit_rate is None else f"{one.hit_rate:.3f}",
            error=f"{one.calibration_error:.3f}",
            candles=one.rows,
            worth=f"{one.effective_rows:.1f}",
        )


def _history(pointer: ServingPointer | None) -> Iterator[str]:
    moves: tuple[Any, ...] = () if pointer is None else pointer.history[-MOST_MOVES:]
    if moves:
        yield ""
    for move in reversed(moves):
        yield say(
            "models.move",
            at=jst_text(move.at),
            what=f"{move.what:<9}",
            model=move.version,
            who=move.by,
            why=move.why,
        )
