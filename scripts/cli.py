"""The command line: `scripts/bot COMMAND`.

Commands live in `scripts/commands` and are imported only when asked for.
"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C while the rest is still imported ends the program as quietly as later.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import difflib
import importlib
import os
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

import click

from scripts.installation.checkout import ROOT
from scripts.installation.in_use import hold
from shared.core.errors import BotError, UserError
from shared.core.masking import mask_secrets_and_keys, register_secret_variables

TRY, RUN, LOOK, ACT = "Try it", "Run it", "Look", "Act"
CLOUD, WORK = "In the cloud", "Work on it"

COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": (TRY, "Watch the whole bot trade on a bitbank of its own: no account, no keys."),
    "paper": (TRY, "Trade on paper against the real market, every few minutes."),
    "sandbox": (TRY, "Run a local bitbank: its REST protocol, any candles, any faults."),
    "collect": (RUN, "Fetch candles into the archive that training reads."),
    "train": (RUN, "Train, walk forward, ask the gate, and let serve what may."),
    "backtest": (RUN, "Replay the bot over history: strict fills, all costs, one report."),
    "walk-forward": (
        RUN,
        "Retrain as live would have done, trade only what no model had seen, and ask the gate.",
    ),
    "study": (
        RUN,
        "Run a declared experiment, or replay many settings at once, and say how much is luck.",
    ),
    "tick": (RUN, "Run one tick by hand, in this process."),
    "serve": (RUN, "Serve a function over HTTP, as the cloud does."),
    "rounds": (RUN, "Do now what is done beside the ticks: watch, digest, cleaning."),
    "status": (LOOK, "Say what the bot holds, when it last ticked, and who stopped it."),
    "models": (
        LOOK,
        "List the models: who serves, who challenges, what the gate said, how it came out.",
    ),
    "parity": (LOOK, "Compare what the bot did with a replay of the same ticks."),
    "report": (LOOK, "Say what a period came to: six targets, performance, parity, signals."),
    "tax": (LOOK, "Say what a year's fills realised, for a tax return."),
    "alerts": (LOOK, "List what was told, by which channel; try the channels."),
    "doctor": (LOOK, "Check settings, store, exchange, model and clock."),
    "halt": (ACT, "Stop opening positions; what is held stays protected."),
    "flatten": (ACT, "Close all that the bot holds, and halt it."),
    "resume": (ACT, "Take a halt back, and a flatten."),
    "deploy": (ACT, "Deploy the four functions to Cloud Run; what fails changes nothing."),
    "settle": (ACT, "Settle an order that stays open, by name."),
    "adopt": (ACT, "Let the bot take over a position, or forget one that is gone."),
    "move": (ACT, "Hand the bot from this store to another."),
    "live": (ACT, "Trade with real money: what is missing, start, lower, stop."),
    "promote": (ACT, "Let a model bundle serve."),
    "rollback": (ACT, "Let the model serve that served before."),
    "probe": (ACT, "Ask bitbank, with the smallest order, what no document of it says."),
    "keep": (ACT, "Protect one report from the cleaning."),
    "setup": (CLOUD, "Make the project on Google Cloud as it should be."),
    "verify": (CLOUD, "Say where the project on Google Cloud is not as it should be."),
    "teardown": (CLOUD, "Take the project on Google Cloud away; keeps what a tax return needs."),
    "check": (WORK, "Lint, types, import contracts, examples and tests: what CI runs."),
    "test": (WORK, "Run the tests, with coverage and its floor."),
    "mutants": (WORK, "Change the money rules one slip at a time; a test has to notice each."),
    "stage": (WORK, "Put together what is uploaded for each function."),
    "audit": (WORK, "Ask whether a vulnerability of a pinned package is known."),
    "lock": (WORK, "Pin every requirement again, with hashes."),
}
"""Each command with its section and its line in `--help`; nothing of theirs is imported to print
it."""

WITHOUT_ENV_FILE = frozenset({"check", "test", "mutants", "stage", "audit", "lock"})


class LazyGroup(click.Group):
    """A group whose commands are imported when they run."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    # Click's signature.
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import `scripts.commands.<name>` and take its `command`."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(
            f"scripts.commands.{cmd_name.replace('-', '_')}"
        ).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; a misspelt one is answered with the nearest name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(COMMANDS)}."
            raise click.UsageError(f"No such command {args[0]!r}. {hint}", ctx)
        return super().resolve_command(ctx, args)

    # Click's signature.
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the table by section."""
        for section in (TRY, RUN, LOOK, ACT, CLOUD, WORK):
            with formatter.section(section):
                formatter.write_dl(
                    [(name, line) for name, (where, line) in COMMANDS.items() if where == section]
                )


def _version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if not value or ctx.resilient_parsing:
        return
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    click.echo(f"crypto-bot {project['version']}")
    ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Say it."
)
def cli(*, debug: bool) -> None:
    """Trade BTC/JPY on bitbank automatically, in serverless functions or on this machine.

    Begin with `scripts/bot demo`. Every command answers with JSON where --json is given.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 our failure, 2 the user's mistake, 130
    interrupted.
    """
    args = list(sys.argv[1:] if arguments is None else arguments)
    debug = _take_debug(args)
    try:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if not WITHOUT_ENV_FILE.intersection(args[:1]):
            read_env_files(os.environ)
        register_secret_variables(os.environ)
        code = cli.main(args, prog_name="scripts/bot", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.ctx.get_help() if asked.ctx else "")
        return 0
    except Exception as error:
        if debug:
            raise
        return _say(error)


def _take_debug(args: list[str]) -> bool:
    """Take `--debug` out wherever it was written, up to a `--`."""
    end = args.index("--") if "--" in args else len(args)
    if "--debug" not in args[:end]:
        return False
    args.remove("--debug")
    return True


def _say(error: Exception) -> int:
    """One sentence on stderr, without secrets, and the exit code."""
    told, remedy, code = _describe_error(error)
    click.echo(f"error: {mask_secrets_and_keys(told)}", err=True)
    if remedy:
        click.echo(f"remedy: {mask_secrets_and_keys(remedy)}", err=True)
    return code


def _describe_error(error: Exception) -> tuple[str, str, int]:
    """What happened, the remedy where there is one, and the exit code."""
    if isinstance(error, click.UsageError):
        where = f" ({error.ctx.command_path} --help explains)" if error.ctx else ""
        return f"{_sentence(error.format_message())}{where}", "", 2
    if isinstance(error, click.ClickException):
        return _sentence(error.format_message()), "", 1
    if isinstance(error, UserError):
        return str(error), error.remedy, 2
    if isinstance(error, BotError):
        return str(error), "", 1
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return (
        (
            f"something unexpected happened ({_sentence(what)}); run it again with --debug for the"
            " traceback"
        ),
        "",
        1,
    )


def _sentence(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def read_env_files(environ: MutableMapping[str, str]) -> None:
    """Read `.env` of the current folder, then of the data folder, for local use.

    What is set already stays.
    """
    here = Path.cwd() / ".env"
    if here.is_file():
        _add(environ, here)
    try:
        home = Path(environ.get("BOT_HOME") or "~/.crypto-bot").expanduser() / ".env"
        there = home.is_file()
    except (RuntimeError, ValueError):  # a home that is none: whoever reads the settings says so
        return
    if there:
        _add(environ, home)


def _add(environ: MutableMapping[str, str], path: Path) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path} could not be read: {error}",
            remedy="make it a readable UTF-8 text or take it away",
        ) from error
    for name, value in parse_env(text, str(path)).items():
        environ.setdefault(name, value)


def parse_env(text: str, where: str) -> dict[str, str]:
    """The `NAME=value` lines of a text; `export`, quotes, blank lines and `#` comments are
    understood.

    Nothing is expanded. Raises `UserError` naming the line that is none of these.
    """
    found: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        plain = line.strip(_SPACES).removeprefix("export ").strip(_SPACES)
        if not plain or plain.startswith("#"):
            continue
        name, equals, value = plain.partition("=")
        if not equals or not name.strip(_SPACES).isidentifier():
            raise UserError(
                f"line {number} of {where} is not NAME=value",
                remedy="write NAME=value, or begin it with #",
            )
        found[name.strip(_SPACES)] = _unquote_value(value.strip(_SPACES))
    return found


_SPACES = " \t\r\n"
"""Those that people mean; others belong to a value."""


def _unquote_value(value: str) -> str:
    if value[:1] in {"'", '"'} and (end := value.find(value[0], 1)) > 0:
        return value[1:end]
    return value.split(" #", 1)[0].rstrip(_SPACES)


if __name__ == "__main__":
    hold(Path(sys.prefix))
    sys.exit(main())
