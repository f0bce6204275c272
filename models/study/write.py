"""The files of a study: a page for people, JSON for programs, Markdown for a repository.

The same result, the same bytes.
"""

import json

import msgspec

from models.study import narrow, page, tables
from models.study.result import DatasetResult, StudyResult, finite_or_null
from models.study.tables import StudyTable
from shared.core.sentences import say
from shared.core.sentences.figures import number

PAGE, DATA, MARKDOWN = "study.html", "study.json", "study.md"


def study_files(result: StudyResult, *, command: str = "") -> dict[str, bytes]:
    r"""Every file by its name.

    >>> from models.study.experiment import StudyPorts, run
    >>> from shared.core.types import Timeframe
    >>> from shared.stores.trials import TrialLog
    >>> from models.backtest.sources import FileSource
    >>> from models.study.declared import parse_study
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.stores.memory import MemoryDocuments
    >>> text = "name: slow trend\nquestion: What does it earn?\nstart: 2026-01-06\n"
    >>> text += "end: 2026-01-09\nvariants: {trend: {profile: trend}}\n"
    >>> minutes = generate(start_ms=1_767_225_600_000, days=8, seed=7)
    >>> place = StudyPorts(
    ...     load=lambda **more: load_settings({}, **more),
    ...     archive=FileSource(name="made up", candles=aggregate(minutes, Timeframe.M15)),
    ...     log=TrialLog(MemoryDocuments()),
    ...     now_ms=1_767_225_600_000,
    ...     commit="0" * 40,
    ...     jobs=1,
    ... )
    >>> result = run(parse_study(text), place)
    >>> sorted(study_files(result))
    ['study.html', 'study.json', 'study.md']
    """
    return {
        PAGE: page.study_page(result).encode(),
        DATA: study_json(result),
        MARKDOWN: markdown(result, command=command).encode(),
    }


def study_json(result: StudyResult) -> bytes:
    """Everything, as JSON: rates are fractions, instants ms UTC, what is not defined null."""
    told = finite_or_null(msgspec.to_builtins(result))
    assert isinstance(told, dict)
    told["verdict"] = tables.verdict_text(result)
    return (json.dumps(told, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def markdown(result: StudyResult, *, command: str = "") -> str:
    r"""The same tables as text; `command` is how it was made, where that is to be told.

    >>> from models.study.experiment import StudyPorts, run
    >>> from shared.core.types import Timeframe
    >>> from shared.stores.trials import TrialLog
    >>> from models.backtest.sources import FileSource
    >>> from models.study.declared import parse_study
    >>> from shared.core.settings import load_settings
    >>> from shared.exchanges.sandbox.generate import generate
    >>> from shared.market.candles import aggregate
    >>> from shared.stores.memory import MemoryDocuments
    >>> text = "name: slow trend\nquestion: What does it earn?\nstart: 2026-01-06\n"
    >>> text += "end: 2026-01-09\nvariants: {trend: {profile: trend}}\n"
    >>> minutes = generate(start_ms=1_767_225_600_000, days=8, seed=7)
    >>> place = StudyPorts(
    ...     load=lambda **more: load_settings({}, **more),
    ...     archive=FileSource(name="made up", candles=aggregate(minutes, Timeframe.M15)),
    ...     log=TrialLog(MemoryDocuments()),
    ...     now_ms=1_767_225_600_000,
    ...     commit="0" * 40,
    ...     jobs=1,
    ... )
    >>> result = run(parse_study(text), place)
    >>> markdown(result).splitlines()[4]
    '**It may not enter: it did not pass the gate.**'
    """
    lines = [
        f"# {say('study.title', study=result.name)}",
        "",
        *narrow.paragraph(result.question),
        "",
        *narrow.paragraph(f"**{tables.verdict_text(result)}**"),
        "",
    ]
    for note in (*result.notes, *page.said_of_some(result)):
        lines += [*narrow.paragraph(note, first="> ", rest="> "), ""]
    lines += _origin_lines(result, command)
    for held in result.held:
        lines += _section(held)
    lines += _declared_lines(result)
    return "\n".join(lines).rstrip() + "\n"


def _origin_lines(result: StudyResult, command: str) -> list[str]:
    """What made it, and of what."""
    lines = [
        say("study.newest_model"),
        "",
    ]
    if command:
        lines += [say("study.made_by"), "", *narrow.code_block(command), ""]
    lines += _items(
        say(
            "study.declared",
            hash=result.hash,
            commit=result.commit,
            seed=result.seed,
            days=number(result.every_days),
        ),
        say("study.trials", trials=f"{result.trials:,}"),
        *(
            say(
                "study.data",
                data=held.name,
                period=page.dataset_period_text(held),
                resolution=held.resolution,
                hash=held.hash,
            )
            for held in result.held
        ),
        *(f"{name}: {text}" for name, text in result.says.items()),
    )
    return [*lines, ""]


def _section(held: DatasetResult) -> list[str]:
    lines = [f"## {held.name}", ""]
    for table in tables.dataset_tables(held):
        lines += [
            f"### {table.name}",
            "",
            *narrow.paragraph(f"{table.note[:1].upper()}{table.note[1:]}."),
            "",
            *_table(table),
            "",
        ]
    meanings = {check.name: check.meaning for one in held.tried for check in one.checks}
    if meanings:
        lines += [say("study.asked"), ""]
        lines += _items(
            *(f"*{name.replace('_', ' ')}*: {meaning}" for name, meaning in meanings.items())
        )
        lines += [""]
    return lines


def _declared_lines(result: StudyResult) -> list[str]:
    lines = []
    differ = tables.changed_settings_table(result)
    if differ is not None:
        lines += [f"## {differ.name}", "", *_table(differ), ""]
    if result.shared_settings:
        lines += [f"## {say('study.heading.shared')}", ""]
        lines += _items(*(f"`{name}`: {value}" for name, value in result.shared_settings.items()))
    return lines


def _items(*texts: str) -> list[str]:
    return [line for text in texts for line in narrow.paragraph(text, first="- ", rest="  ")]


def _table(table: StudyTable) -> list[str]:
    return narrow.table(
        [cell.text for cell in table.head], [[cell.text for cell in row] for row in table.rows]
    )
