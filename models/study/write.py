"""The files of a study: a page for people, JSON for programs, Markdown for a repository.

The same result, the same bytes.
"""

import json
from collections.abc import Sequence

import msgspec

from models.study import page, tables
from models.study.result import DatasetResult, StudyResult, finite
from models.study.tables import StudyTable
from shared.core.sentences import say
from shared.core.sentences.figures import number
from shared.results.page.cells import Text

PAGE, DATA, MARKDOWN = "study.html", "study.json", "study.md"


def files(result: StudyResult, *, command: str = "") -> dict[str, bytes]:
    """Every file by its name."""
    return {
        PAGE: page.html(result).encode(),
        DATA: data(result),
        MARKDOWN: markdown(result, command=command).encode(),
    }


def data(result: StudyResult) -> bytes:
    """Everything, as JSON: rates are fractions, instants ms UTC, what is not defined null."""
    told = finite(msgspec.to_builtins(result))
    assert isinstance(told, dict)
    told["verdict"] = tables.verdict(result)
    return (json.dumps(told, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def markdown(result: StudyResult, *, command: str = "") -> str:
    """The same tables as text; `command` is how it was made, where that is to be told."""
    lines = [
        f"# {say('study.title', study=result.name)}",
        "",
        result.question,
        "",
        f"**{tables.verdict(result)}**",
        "",
    ]
    lines += [*(f"> {note}\n" for note in (*result.notes, *page.said_of_some(result)))]
    lines += _made(result, command)
    for held in result.held:
        lines += _section(held)
    lines += _declared(result)
    return "\n".join(lines).rstrip() + "\n"


def _made(result: StudyResult, command: str) -> list[str]:
    """What made it, and of what."""
    lines = [
        say("study.newest_model"),
        "",
    ]
    if command:
        lines += [say("study.made_by"), "", f"    {command}", ""]
    lines += [
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
                period=page.period(held),
                resolution=held.resolution,
                hash=held.hash,
            )
            for held in result.held
        ),
        *(f"- {name}: {text}" for name, text in result.says.items()),
        "",
    ]
    return lines


def _section(held: DatasetResult) -> list[str]:
    lines = [f"## {held.name}", ""]
    for table in tables.all_of(held):
        lines += [
            f"### {table.name}",
            "",
            f"{table.note[:1].upper()}{table.note[1:]}.",
            "",
            *_table(table),
            "",
        ]
    meanings = {check.name: check.meaning for one in held.tried for check in one.checks}
    if meanings:
        lines += [say("study.asked"), ""]
        lines += [f"- *{name.replace('_', ' ')}*: {meaning}" for name, meaning in meanings.items()]
        lines += [""]
    return lines


def _declared(result: StudyResult) -> list[str]:
    lines = []
    differ = tables.changed(result)
    if differ is not None:
        lines += [f"## {differ.name}", "", *_table(differ), ""]
    if result.shared_settings:
        lines += [f"## {say('study.heading.shared')}", ""]
        lines += [f"- `{name}`: {value}" for name, value in result.shared_settings.items()]
    return lines


def _table(table: StudyTable) -> list[str]:
    widths = "|".join(["---", *["---:" if len(table.head) > 2 else "---"] * (len(table.head) - 1)])  # noqa: PLR2004 - a pair is words
    return [_row(table.head), f"|{widths}|", *(_row(row) for row in table.rows)]


def _row(cells: Sequence[Text]) -> str:
    told = (cell.text.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(told)} |"
