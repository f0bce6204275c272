"""Studies that a file declares: read it, run it, write its page, and say in the terminal what came
out.
"""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions import wiring
from scripts.output.console import Progress, emit, progress
from scripts.research.writable import require_file, require_folder
from shared.core.errors import UserError
from shared.core.files import write_file
from shared.core.sentences.figures import duration
from shared.core.settings import Settings
from shared.stores.trials import TrialLog

if TYPE_CHECKING:
    from models.study import Study, StudyResult

SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class FileStudyOptions:
    """What was asked on the command line beside the file; None where the file decides."""

    file: Path
    candles: str | None
    timezone: str | None
    start: str | None
    end: str | None
    profile: str | None
    seed: int | None
    timeframe: str | None
    changes: tuple[str, ...]
    jobs: int | None
    out: Path | None
    markdown: Path | None
    as_json: bool


def study_file(asked: FileStudyOptions) -> None:
    """Everything from the file to the answer.

    Raises `UserError` for what a person has to change.
    """
    began = time.monotonic()
    study = load_study(asked)
    _require_places(asked)
    settings = wiring.settings_from(os.environ)
    result = _run(study, settings, asked.jobs)
    command = _command(asked)
    made = _write(study, result, settings, asked, command)
    took = time.monotonic() - began
    emit(
        _data(result, made, took),
        "\n".join(_study_lines(result, made, took)),
        as_json=asked.as_json,
    )


def load_study(asked: FileStudyOptions) -> "Study":
    """The study of the file under the options."""
    from models.study import BadStudy, parse_study
    from models.study.declared import instant_of, timeframe_of

    try:
        study = parse_study(asked.file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UserError(
            f"{asked.file} cannot be read: {why}", remedy="docs/studies holds examples"
        ) from error
    except BadStudy as error:
        raise UserError(f"{asked.file}: {error}", remedy=error.remedy) from error
    if asked.candles is not None:
        study = study.on(asked.candles)
    if asked.timezone is not None:
        study = study.in_zone(asked.timezone)
    study = study.within(
        start_at=None if asked.start is None else instant_of("--from", asked.start),
        end_at=None if asked.end is None else instant_of("--to", asked.end),
    )
    study = study.under(dict(parse_change(text) for text in asked.changes))
    return replace(
        study,
        profile=asked.profile or study.profile,
        seed=study.seed if asked.seed is None else asked.seed,
        timeframe=(
            study.timeframe
            if asked.timeframe is None
            else timeframe_of("--timeframe", asked.timeframe)
        ),
    )


def parse_change(text: str) -> tuple[str, Any]:
    """`risk.max_drawdown=0.1` as a name and a value: JSON where it is one, else the text itself."""
    import msgspec

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise UserError(f"--set was {text!r}", remedy="write it like risk.max_drawdown=0.1")
    try:
        return name.strip(), msgspec.json.decode(value)
    except msgspec.DecodeError:
        return name.strip(), value


def _run(study: "Study", settings: Settings, jobs: int | None) -> "StudyResult":
    from models.backtest.sources import ArchiveSource
    from models.fit.commit import code_commit
    from models.study import StudyPorts, run
    from shared.model.registry import BundleRegistry

    bucket, documents = wiring.bucket_for(settings), wiring.documents_for(settings)
    try:
        with progress("study", 100) as bar:
            place = StudyPorts(
                load=lambda **more: wiring.settings_from(os.environ, **more),
                archive=ArchiveSource(bucket),
                log=TrialLog(documents),
                now_ms=wiring.clock_for(settings).now_ms(),
                commit=code_commit(os.environ),
                remembered=BundleRegistry(bucket).most_logged(),
                cache=bucket,
                jobs=settings.study.jobs if jobs is None else jobs,
            )
            return run(study, place, on_progress=ShareBar(bar))
    finally:
        documents.close()


class ShareBar:
    """Shares of the whole as advances of a bar of a hundred."""

    def __init__(self, bar: Progress) -> None:
        """Begin at nothing."""
        self._bar = bar
        self._shown = 0

    def __call__(self, text: str, share: float) -> None:
        """Say what is done next; a bar never goes back."""
        self._bar.describe(text)
        now = max(self._shown, round(100 * share))
        self._bar.advance(now - self._shown)
        self._shown = now


def _command(asked: FileStudyOptions) -> str:
    """How to make it again.

    Absolute paths say where things lie on this machine, so only names are told of them.
    """
    words = ["scripts/bot study", _path_text(asked.file)]
    given: Sequence[tuple[str, Any]] = (
        ("--candles", None if asked.candles is None else _path_text(Path(asked.candles))),
        ("--timezone", asked.timezone),
        *(
            ("--from", asked.start),
            ("--to", asked.end),
            ("--profile", asked.profile),
            ("--seed", asked.seed),
        ),
        ("--timeframe", asked.timeframe),
        *(("--set", text) for text in asked.changes),
        ("--markdown", None if asked.markdown is None else _path_text(asked.markdown)),
    )
    return " ".join(
        [*words, *(f"{option} {value}" for option, value in given if value is not None)]
    )


def _path_text(path: Path) -> str:
    return path.name if path.is_absolute() else path.as_posix()


def _require_places(asked: FileStudyOptions) -> None:
    """Refuse a place that cannot be written to, before anything is worked on or counted
    as a try.
    """
    if asked.out is not None:
        require_folder(asked.out, "--out")
    if asked.markdown is not None:
        require_file(asked.markdown, "--markdown")


def _write(
    study: "Study", result: "StudyResult", settings: Settings, asked: FileStudyOptions, command: str
) -> dict[str, str]:
    """The files, and where each lies."""
    from models.study import study_files

    name = study.name.replace(" ", "-")
    folder = asked.out or settings.home_path / "studies" / f"{name}-{study.hash}"
    made = study_files(result, command=command)
    places = {name: folder / name for name in made}
    if asked.markdown is not None:
        places["study.md"] = asked.markdown
    for name, path in places.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, made[name])
        except OSError as error:
            option = "--markdown" if path == asked.markdown else "--out"
            raise UserError(
                f"{path} cannot be written ({error.strerror})",
                remedy=f"choose another with {option}",
            ) from error
    return {name: str(path) for name, path in places.items()}


def _data(result: "StudyResult", made: Mapping[str, str], took: float) -> dict[str, Any]:
    import msgspec

    from models.study.result import finite_or_null
    from models.study.tables import verdict_text

    told = finite_or_null(msgspec.to_builtins(result))
    assert isinstance(told, dict)
    for held in told["held"]:
        for one in held["tried"]:
            one.pop("curve")
    return {**told, "verdict": verdict_text(result), "files": made, "took_seconds": round(took, 3)}


def _study_lines(result: "StudyResult", made: Mapping[str, str], took: float) -> list[str]:
    """The money of each data set, and what keeps each variant from entering."""
    from models.study.tables import money_table, verdict_text

    lines = [result.question, ""]
    for held in result.held:
        table = money_table(held)
        shown = [[cell.text for cell in row] for row in (table.head, *table.rows)]
        widths = [max(len(row[column]) for row in shown) for column in range(len(shown[0]))]
        lines += [f"{held.name}, {held.days:,.0f} days, data {held.hash}"]
        lines += ["  ".join(_align_row(row, widths)).rstrip() for row in shown]
        for one in held.tried:
            names = [name.replace("_", " ") for name in one.failed_check_names]
            more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
            lines += [f"{one.variant} fails: {', '.join(names[:SHOWN])}{more}"] if names else []
        lines.append("")
    lines += [
        verdict_text(result),
        *result.notes,
        f"{result.trials:,} trials in the log; {duration(took)}",
    ]
    return [*lines, f"page   {made['study.html']}"]


def _align_row(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The name to the left, all numbers to the right."""
    padded = zip(row, widths, strict=True)
    name, width = next(padded)
    return [name.ljust(width), *(cell.rjust(width) for cell, width in padded)]
