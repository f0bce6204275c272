"""A study as one self-contained HTML page. Pure: the same result gives the same bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from models.study import draw, tables
from models.study.result import DatasetResult, StudyResult
from shared.core.calendar import utc_text
from shared.core.sentences import say
from shared.replay.types import is_warning
from shared.results.page.render import render

_FOLDER = Path(__file__).with_name("page")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Section:
    """A data set, drawn."""

    held: DatasetResult
    period: str
    chart: Markup
    legend: tuple[tuple[str, str], ...]
    tables: Sequence[tables.StudyTable]
    forests: tuple[Markup, ...]


def study_page(result: StudyResult) -> str:
    """The page as text: no network, light and dark; nothing but the button for them needs its
    script.
    """
    values = {
        "result": result,
        "verdict": tables.verdict_text(result),
        "passed": any(one.verdict.may_enter for one in result.variant_results),
        "sections": [_section(held) for held in result.held],
        "changed": tables.changed_settings_table(result),
    }
    return render(
        _FOLDER / "study.html.j2",
        values,
        heading=say("study.title", study=result.name),
        notes=(*result.notes, *said_of_some(result)),
        styles=(_FOLDER / "study.css",),
    )


def said_of_some(result: StudyResult) -> list[str]:
    """What must be known of single data sets, each sentence once, and what is loud of single
    variants on them.
    """
    of_data = [note for held in result.held for note in held.notes]
    of_variants = [
        say("study.of_variant", word=word, data=held.name, variant=one.variant, rest=rest)
        for held in result.held
        for one in held.tried
        for note in one.notes
        if is_warning(note) and note not in of_data
        for word, _, rest in [note.partition(" ")]
    ]
    return list(dict.fromkeys([*of_data, *of_variants]))


def _section(held: DatasetResult) -> _Section:
    sharpes = [one.earned.sharpe for one in held.tried]
    return _Section(
        held=held,
        period=dataset_period_text(held),
        chart=draw.draw_growth(held),
        legend=tuple(
            (one.variant, f"line-{number % draw.COLOURS}") for number, one in enumerate(held.tried)
        ),
        tables=tables.dataset_tables(held),
        forests=tuple(draw.draw_estimate(one, sharpes) for one in sharpes),
    )


def dataset_period_text(held: DatasetResult) -> str:
    """From when to when, and how long that is."""
    first, last = (utc_text(at)[:10] for at in (held.start_at, held.end_at))
    return say("study.from_to", first=first, last=last, days=f"{held.days:,.0f}")
