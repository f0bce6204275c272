"""Pages of docs/ that are made from the code, each by one function; a test compares them."""

from collections.abc import Iterator
from functools import reduce
from textwrap import wrap

import click
import msgspec

from scripts.cli import cli
from scripts.installation.checkout import ROOT
from shared.core.reasons import DENIALS, Reason
from shared.core.sentences import reason_now, reason_then
from shared.core.settings import Settings, leaves, load_settings
from shared.core.settings.values import describe_kind
from shared.features import catalogue

DOCS = ROOT / "docs"


WIDTH = 100


def prose(text: str, *, first: str = "", rest: str = "") -> list[str]:
    """The lines of a paragraph, or of an item where `first` and `rest` say so."""
    lines = wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    assert all(len(line) <= WIDTH for line in lines), f"no line of {text!r} may be longer"
    return lines


def features_page() -> str:
    """Every feature with its formula, and which sets it belongs to."""
    sets = {"model": catalogue.MODEL, "phase 19": catalogue.PHASE19, "phase 22": catalogue.PHASE22}
    lines = [
        "# Features",
        "",
        *prose(
            "One catalogue; made from `shared/features/families/`. A value is known at the close"
            " of its candle and never back-filled; after the name stands how many candles it looks"
            " at, at the end which sets it belongs to. Columns that end in `_4h` come from the last"
            " 4h candle that had closed by then."
        ),
        "",
        *prose(
            "Deviations are those of a population (divided by n), in the bands, in `zscore`, and in"
            " `price_z` and `volume_z`, whose yardstick leaves the present candle out. Of equal"
            " highs, and of equal lows, the latest counts. Wilder's sums are S = S before x 13/14 +"
            " the new value. They begin with the plain sum of the first 14 values (`rsi_14`,"
            " `atr_14`, and the mean of DX in `adx_14`), those of directional movement and of its"
            " true range with the sum of the first 13, as TA-Lib does."
        ),
    ]
    families: dict[str, list[str]] = {}
    for name, _timeframe, family, needs, formula in catalogue.feature_table():
        users = ", ".join(label for label, names in sets.items() if name in names)
        text = f"`{name}` ({needs}): {formula}{f'. *{users}*' if users else ''}"
        families.setdefault(family, []).extend(prose(text, first="* ", rest="  "))
    for family, items in families.items():
        lines += ["", f"## {family[:1].upper()}{family[1:]}", "", *items]
    return "\n".join(lines) + "\n"


def reasons_page() -> str:
    """Every reason code, what a denial for it leaves of its candle, and how it is told."""
    lines = [
        "# Reasons",
        "",
        *prose(
            "Every refusal, exit and degradation is one of these, with key=value context; made from"
            " `shared/core/reasons.py`. *denies* says what is left of the candle whose entry was"
            " denied for it. *transient*: the reason says nothing about the signal, so the"
            " following ticks try the same candle again until `tick.decision_valid_seconds` after"
            " its close. *closing*: nothing more comes of that candle; where both kinds stand"
            " against an entry, it is closed. Tick and replay know no other table. Where nothing"
            " stands, the reason never denies an entry."
        ),
        "",
        "| reason | denies |",
        "|---|---|",
        *(f"| `{reason}` | {DENIALS.get(reason, '')} |" for reason in Reason),
        "",
        "## As people read them",
        "",
        *prose(
            "What is so, and what was so. Alerts tell a reason of now, reports, pages and `status`"
            " one of then; both texts are from `shared/core/sentences`."
        ),
        "",
        *(
            line
            for reason in Reason
            for line in prose(
                f"`{reason}`: *{reason_now(reason)}*; *{reason_then(reason)}*.",
                first="* ",
                rest="  ",
            )
        ),
    ]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Every setting with its default and what it can hold."""
    lines = [
        "# Settings",
        "",
        *prose(
            "What every setting can hold; made from `shared/core/settings`. What each means stands"
            " beside its default in [shared/bot.yaml](../shared/bot.yaml), of a strategy in its"
            " file of `shared/strategies/`. A value beyond its bounds is refused by name, and means"
            " the same in `bot.yaml`, environment, `.env`, `--set` and over HTTP. The environment's"
            " name: `BOT_` and the name in capitals, with `__` for each dot."
        ),
    ]
    defaults = load_settings({"BOT_HOME": "/"})
    told = msgspec.to_builtins(defaults) | {"home": "~/.crypto-bot", "state": "", "bucket": ""}
    groups: dict[str, list[str]] = {}
    for name, kind in leaves(Settings):
        default = reduce(lambda level, part: level[part], name.split("."), told)
        value = "" if default == "" else f" = `{msgspec.json.encode(default).decode()}`"
        item = prose(f"`{name}`{value}: {describe_kind(kind)}", first="* ", rest="  ")
        groups.setdefault(name.rpartition(".")[0], []).extend(item)
    for group, items in groups.items():
        lines += ["", f"## {f'`{group}`' if group else 'The bot'}", "", *items]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """The help of every command, as a terminal of 100 columns shows it."""
    lines = [
        "# Commands",
        "",
        *prose(
            "What `scripts/bot COMMAND --help` prints; made from `scripts/commands/`. The launcher"
            " reads this page where no package is installed yet."
        ),
    ]
    for name, text in helps(cli, "scripts/bot", None):
        lines += ["", f"## `{name}`", "", "```text", text, "```"]
    return "\n".join(lines) + "\n"


def helps(
    command: click.Command, name: str, parent: click.Context | None
) -> Iterator[tuple[str, str]]:
    """The words and the help of a command, and of every command below it."""
    context = click.Context(
        command,
        parent=parent,
        info_name=name if parent is None else name.rpartition(" ")[2],
        terminal_width=100,
        **command.context_settings,
    )
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from helps(found, f"{name} {below}", context)


PAGES = {
    "commands.md": commands_page,
    "features.md": features_page,
    "reasons.md": reasons_page,
    "settings.md": settings_page,
}
