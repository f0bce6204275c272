"""Pin every requirement, with hashes: `infra/requirements/*.in` -> the requirements files that are
installed.

All files come from one resolution, so that a package has one version everywhere. uv resolves for
every platform and every Python from 3.11 on (`--universal`): one file serves Linux, macOS and the
cloud.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from scripts.installation.checkout import ROOT
from scripts.output.console import emit, json_option
from scripts.testing.pins import EVERYTHING, TARGETS, Target
from shared.core.errors import BotError, UserError
from shared.core.files import write_file

SOURCES = Path("infra/requirements")
OVERRIDES = "overrides.txt"


@click.command()
@click.option("--upgrade", is_flag=True, help="Take the newest versions of everything.")
@click.option(
    "--upgrade-package",
    "packages",
    multiple=True,
    metavar="NAME",
    help="Take the newest version of one package.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; fail where the files are not what their sources say.",
)
@json_option
def command(*, upgrade: bool, packages: tuple[str, ...], check: bool, as_json: bool) -> None:
    """Pin every requirement again, with hashes.

    Versions stay as they are pinned unless a source or an option asks for another one.
    """
    wanted = (
        ["--upgrade"]
        if upgrade
        else [word for name in packages for word in ("--upgrade-package", name)]
    )
    texts = resolve(ROOT, wanted)
    changed = [str(path) for path, text in texts.items() if _read(ROOT / path) != text]
    if check and changed:
        raise UserError(
            f"{' and '.join(changed)} differ from their sources",
            remedy="run `scripts/bot lock` and commit the result",
        )
    for path in changed:
        write_file(ROOT / path, texts[Path(path)])
    pins = {str(path): len(blocks(text)) for path, text in texts.items()}
    lines = [
        f"{path}: {count} packages{', changed' if path in changed else ''}"
        for path, count in pins.items()
    ]
    emit({"packages": pins, "changed": changed}, "\n".join(lines), as_json=as_json)


def resolve(root: Path, wanted: Sequence[str]) -> dict[Path, str]:
    """The texts of all requirements files, from one resolution of everything.

    Args:
        root: The checkout.
        wanted: Options of uv that ask for newer versions; without them the pins in `root` are kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        everything = Path(folder) / "everything.txt"
        known = "".join(_read(root / target.path) for target in TARGETS)
        everything.write_text(assemble("", blocks(known)), encoding="utf-8")
        _compile(root, EVERYTHING, everything, wanted)
        made: dict[Path, dict[str, str]] = {}
        for target in TARGETS:
            out = Path(folder) / "out.txt"
            out.unlink(missing_ok=True)
            _compile(root, target.source, out, ["--constraint", str(everything)])
            made[target.path] = blocks(_read(out))
    return {
        target.path: assemble(
            header(target),
            without_pins(made[target.path], made[target.includes] if target.includes else {}),
        )
        for target in TARGETS
    }


def _compile(root: Path, source: str, out: Path, options: Sequence[str]) -> None:
    beside = Path(sys.executable).with_name("uv")  # pinned among what the tests need
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv is None:
        raise UserError(
            "uv resolves the requirements, and it is not here",
            remedy="run it as `scripts/bot lock`",
        )
    # With the extras: to a pip that resolves, `coverage` does not pin the `coverage[toml]` that
    # another package asks for.
    fixed = [
        "--universal",
        "--python-version",
        "3.11",
        "--fork-strategy",
        "fewest",
        "--generate-hashes",
        "--no-strip-extras",
    ]
    fixed += ["--only-binary", ":all:", "--override", OVERRIDES]
    quiet = ["--no-emit-index-url", "--no-header", "--quiet"]
    ran = subprocess.run(
        [uv, "pip", "compile", *fixed, *quiet, *options, "--output-file", str(out), source],
        cwd=root / SOURCES,
        check=False,
        capture_output=True,
        text=True,
    )
    if ran.returncode:
        raise BotError(f"uv could not resolve {source}: {' '.join(ran.stderr.split())}")


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def blocks(text: str) -> dict[str, str]:
    """The pins of a requirements file: the line `name==version ; marker` -> its hashes and where it
    comes from.
    """
    found: dict[str, str] = {}
    first = None
    for line in text.splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            first = line.removesuffix("\\").strip()
            found[first] = ""
        elif first is not None and line.startswith(" ") and not line.strip().startswith("#   -c "):
            found[first] += f"{line}\n"
    return found


def without_pins(pins: dict[str, str], included: dict[str, str]) -> dict[str, str]:
    """The pins that `included` lacks, also where it has them without an extra.

    Raises `BotError` where the versions differ.
    """
    plain = {_plain(pin) for pin in included}
    names = {_name(pin) for pin in included}
    for pin in pins:
        if _plain(pin) not in plain and _name(pin) in names:
            raise BotError(
                f"{pin!r} is pinned differently in an included file; both must come from one"
                " resolution"
            )
    return {pin: rest for pin, rest in pins.items() if pin not in included}


def _plain(pin: str) -> str:
    return re.sub(r"\[.*?\]", "", pin, count=1)


def _name(pin: str) -> str:
    return re.split(r"[=\[; ]", pin, maxsplit=1)[0]


def header(target: Target) -> str:
    """The first lines of a requirements file: who made it, and what it includes."""
    made = (
        f"# Made by `scripts/bot lock` from {SOURCES / target.source}; change that file, not this"
        " one.\n"
    )
    return made + (f"-r {Path('..') / target.includes}\n" if target.includes else "")


def assemble(head: str, pins: dict[str, str]) -> str:
    """The text of a requirements file."""
    return head + "".join(f"{pin} \\\n{rest}" for pin, rest in pins.items())
