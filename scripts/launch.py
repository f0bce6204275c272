"""Second half of the launcher `scripts/bot`: finds or makes the environment, then becomes the
command line.

Nothing but the standard library, so that any Python from 3.11 on runs it. Everything is said on
stderr, but for help: that needs no packages, and where there are none it is read from
`docs/commands.md`.
"""

import os
import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])

from scripts.installation.environments import (
    LaunchError,
    own_path,
    python_of,
    ready,
    say,
    take_older,
)
from scripts.installation.system_libraries import ensure_openmp

PRODUCT = "requirements.txt"
TESTS = "tests/requirements.txt"
TESTING = frozenset({"audit", "check", "lock", "mutants", "test"})
TRAINING = frozenset(
    {"backtest", "check", "demo", "paper", "study", "test", "train", "walk-forward"}
)
HELP = frozenset({"-h", "--help"})


def main(root: Path, venv: Path, arguments: Sequence[str]) -> NoReturn:
    """Make sure of the environment and become the command line; does not return."""
    words = arguments[: arguments.index("--")] if "--" in arguments else arguments
    command = next((word for word in words if not word.startswith("-")), "")
    wanted = [PRODUCT, TESTS] if command in TESTING else [PRODUCT]
    try:
        venv = own_path(venv)
        if not command or HELP.intersection(words):
            environment = take_older(venv, [PRODUCT])
            if environment is None:
                sys.exit(explain(root, words))
        else:
            environment = ready(root, venv, wanted, insist=command in TESTING)
            if command in TRAINING:
                ensure_openmp()
    except LaunchError as error:
        sys.exit(f"error: {error}\nremedy: {error.remedy}")
    except KeyboardInterrupt:
        say("interrupted; the next run begins again")
        sys.exit(130)
    python = str(python_of(environment))
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    words = [python, "-P", "-m", "scripts.cli", *arguments]
    os.execve(python, words, {**os.environ, "PYTHONPATH": path})  # noqa: S606 - our own Python


def explain(root: Path, words: Sequence[str]) -> int:
    """Answer a question for help, or for the version, without any package; return the exit code."""
    if "--version" in words:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        print(f"crypto-bot {project['version']}")
        return 0
    pages = pages_of((root / "docs" / "commands.md").read_text(encoding="utf-8"))
    asked = ["scripts/bot"]
    for word in words:
        if " ".join([*asked, word]) in pages:
            asked.append(word)
        elif not word.startswith("-") and len(asked) == 1:
            print(
                f"error: No such command {word!r}. (scripts/bot --help explains)", file=sys.stderr
            )
            return 2
    print(pages[" ".join(asked)])
    return 0


def pages_of(text: str) -> dict[str, str]:
    """The help of each command, by the command's words, out of the page that `scripts/docs`
    makes.
    """
    return dict(re.findall(r"^## `(.+?)`\n\n```text\n(.*?)\n```$", text, re.MULTILINE | re.DOTALL))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]).absolute(), sys.argv[3:])
