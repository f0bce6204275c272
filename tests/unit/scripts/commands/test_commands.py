"""The table of commands, the modules, the README and the help agree."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from scripts.cli import COMMANDS, cli, main, parse_env
from shared.core.errors import BotError, UserError

ROOT = Path(__file__).resolve().parents[4]


def test_every_module_is_a_command_and_every_command_a_module() -> None:
    modules = {path.stem.replace("_", "-") for path in (ROOT / "scripts/commands").glob("*.py")} - {
        "--init--"
    }
    assert modules == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_json_and_a_line_in_the_readme(name: str) -> None:
    command = importlib.import_module(f"scripts.commands.{name.replace('-', '_')}").command
    assert isinstance(command, click.Command)
    parts = [command, *command.commands.values()] if isinstance(command, click.Group) else [command]
    for part in parts:
        options = [parameter for parameter in part.params if isinstance(parameter, click.Option)]
        assert (part.help or "").strip(), f"{name} {part.name} lacks help"
        assert [option.name for option in options if not option.help] == []
        assert isinstance(part, click.Group) or any(
            "--json" in option.opts for option in options
        ), f"{part.name} lacks --json"
    assert re.search(
        rf"^\| `{name}` \| \S", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )


def test_the_help_lists_every_command_and_imports_none() -> None:
    code = (
        "import sys\nfrom scripts.cli import main\ncode = main(['--help'])\nheavy = {'numpy',"
        " 'msgspec', 'ccxt', 'flask', 'rich', 'functions.wiring'} & set(sys.modules)\nprint(code,"
        " sorted(heavy), [m for m in sys.modules if m.startswith('scripts.commands')])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[-1] == "0 [] []"
    listed = re.findall(r"^  ([a-z][a-z-]*) +[A-Z]", ran.stdout, re.MULTILINE)
    assert listed == list(COMMANDS)


def test_a_misspelt_command_gets_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["statsu"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: No such command 'statsu'. Did you mean 'status'?")
    assert len(told.err.splitlines()) == 1


def test_a_name_like_no_command_gets_all_names(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["xylophone"]) == 2
    told = capsys.readouterr().err
    assert all(name in told for name in COMMANDS)


@pytest.mark.parametrize("words", [["--nonsense"], ["lock", "--nonsense"], ["lock", "more"]])
def test_a_wrong_option_is_the_users_mistake(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    ("raised", "code", "lines"),
    [
        (
            UserError("it was wrong", remedy="make it right"),
            2,
            ["error: it was wrong", "remedy: make it right"],
        ),
        (UserError("it was wrong"), 2, ["error: it was wrong"]),
        (BotError("it broke"), 1, ["error: it broke"]),
        (click.Abort(), 130, ["interrupted"]),
        (KeyboardInterrupt(), 130, ["interrupted"]),
        (click.ClickException("no\nfile"), 1, ["error: no file"]),
    ],
)
def test_each_kind_of_error_has_its_exit_code_and_its_sentence(
    raised: BaseException,
    code: int,
    lines: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(cli, "main", broken)
    assert main(["status"]) == code
    assert capsys.readouterr().err.splitlines() == lines


def test_what_nobody_expected_is_one_sentence_and_with_debug_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("price")

    monkeypatch.setattr(cli, "main", broken)
    assert main(["status"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: something unexpected happened (KeyError: 'price')")
    assert "--debug" in told
    for words in (["--debug", "status"], ["status", "--debug"]):
        with pytest.raises(KeyError):
            main(words)


def test_an_env_file_is_read_as_people_write_it() -> None:
    text = """
    # a comment
    BOT_STAGE=stage-10
    export DISCORD_WEBHOOK_URL="https://example.com/a#b"   # where it goes
    BOT_ID='two words'
    BOT_SIDES = both # both
    EMPTY=
    """
    assert parse_env(text, "x") == {
        "BOT_STAGE": "stage-10",
        "DISCORD_WEBHOOK_URL": "https://example.com/a#b",
        "BOT_ID": "two words",
        "BOT_SIDES": "both",
        "EMPTY": "",
    }


@pytest.mark.parametrize("line", ["BOT_STAGE", "BOT-STAGE=x", "=x", "1A=x"])
def test_a_broken_env_file_names_its_line(line: str) -> None:
    with pytest.raises(UserError, match=r"line 2 of \.env"):
        parse_env(f"A=1\n{line}\n", ".env")


def test_the_environment_wins_over_the_folder_and_the_folder_over_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scripts.cli import read_env_files

    here, home = tmp_path / "here", tmp_path / "home"
    here.mkdir()
    home.mkdir()
    (here / ".env").write_text("A=here\nB=here\n")
    (home / ".env").write_text("A=home\nB=home\nC=home\n")
    monkeypatch.chdir(here)
    environ = {"BOT_HOME": str(home), "A": "environment"}
    read_env_files(environ)
    assert environ == {"BOT_HOME": str(home), "A": "environment", "B": "here", "C": "home"}


def test_an_env_file_that_is_no_text_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scripts.cli import read_env_files

    (tmp_path / ".env").write_bytes(b"\xff\xfe\x00")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="could not be read"):
        read_env_files({"BOT_HOME": str(tmp_path / "none")})
