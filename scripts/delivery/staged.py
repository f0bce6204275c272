"""The staged tree of a function: exactly what is uploaded, and nothing else.

    main.py  requirements.txt  .python-version  manifest.json  functions/  shared/  models/

Its modules are those that the function reaches (`reach.py`), each with the data that lies beside
it. The buildpack looks for `main.py`; `requirements.txt` is the function's own, with hashes;
`.python-version` keeps it from taking the newest Python. The same commit gives the same bytes.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from models.fit.commit import code_commit
from scripts.delivery.modules import OURS, module_file
from scripts.delivery.reach import Reach, reach_of
from scripts.installation.checkout import ROOT
from shared.core.errors import UserError
from shared.core.fingerprint import digest_of

PYTHON = "3.12"
"""The Python of all functions: one that every pinned wheel exists for."""
MANIFEST = "manifest.json"
FILE_MODE, FOLDER_MODE = 0o644, 0o755
_NO_COMMIT_EPOCH = 315_532_800  # 1980-01-01, the oldest time that an archive can hold


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedTree:
    """What is uploaded for one function.

    Attributes:
        function: Its name, which is also the name of its entry point.
        commit: Of the code; ends with `-changed` where the checkout differs from it.
        epoch: When that commit was made, in seconds: the time of all files.
        files: Contents by their path in the tree, in order; the manifest is none of them.
    """

    function: str
    commit: str
    epoch: int
    files: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """SHA-256 of all names and contents."""
        return digest_of(self.files)

    @property
    def manifest(self) -> bytes:
        """What the tree says of itself: commit, digest, and the hash of every file."""
        told = {
            "function": self.function,
            "commit": self.commit,
            "digest": self.digest,
            "files": {path: hashlib.sha256(data).hexdigest() for path, data in self.files.items()},
        }
        return f"{json.dumps(told, indent=1)}\n".encode()


def list_functions(root: Path = ROOT) -> list[str]:
    """The functions of this project, by name."""
    return sorted(path.parent.name for path in (root / "functions").glob("*/main.py"))


def stage_function(
    function: str, *, root: Path = ROOT, environ: Mapping[str, str] | None = None
) -> StagedTree:
    """Put the tree of a function together; nothing is written."""
    environ = os.environ if environ is None else environ
    reach = reach_of(f"functions.{function}.main", function, root=root)
    places = {*_module_files(reach, root), *reach.texts, *_data_files(reach, root)}
    files = {place: (root / place).read_bytes() for place in places}
    files["main.py"] = _entry(function)
    files["requirements.txt"] = (root / "functions" / function / "requirements.txt").read_bytes()
    files[".python-version"] = f"{PYTHON}\n".encode()
    return StagedTree(
        function=function,
        commit=code_commit(environ, root),
        epoch=_epoch(environ, root),
        files=dict(sorted(files.items())),
    )


def write_tree(tree: StagedTree, folder: Path) -> None:
    """Write a tree in the place of the one that lies in `folder`.

    Raises `UserError` where something else lies there.
    """
    if folder.exists():
        if not (folder / MANIFEST).is_file():
            raise UserError(
                f"{folder} holds something that is no staged tree",
                remedy="name a folder that is new, or take it away",
            )
        shutil.rmtree(folder)
    for place, data in [*tree.files.items(), (MANIFEST, tree.manifest)]:
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for path in [*folder.rglob("*"), folder]:
        path.chmod(FOLDER_MODE if path.is_dir() else FILE_MODE)
        os.utime(path, (tree.epoch, tree.epoch))


def _entry(function: str) -> bytes:
    return (
        f'"""The entry point that the buildpack looks for."""\n\n'
        f"from functions.{function}.main import {function}\n\n"
        f'__all__ = ["{function}"]\n'
    ).encode()


def _module_files(reach: Reach, root: Path) -> Iterator[str]:
    for module in reach.modules:
        path = module_file(module, root)
        if path is not None:
            yield path.relative_to(root).as_posix()


def _data_files(reach: Reach, root: Path) -> Iterator[str]:
    """The data that goes with the modules: of the nearest folder above it that has modules, some
    are reached.
    """
    folders = {str(PurePosixPath(place).parent) for place in _module_files(reach, root)}
    with_modules = {path.parent for one in OURS for path in (root / one).rglob("*.py")}
    for place in _files_of_ours(root):
        path = root / place
        if path.suffix == ".py" or path.name == "requirements.txt":
            continue
        home = next(above for above in path.parents if above in with_modules)
        if home.relative_to(root).as_posix() in folders:
            yield place


def _files_of_ours(root: Path) -> Iterable[str]:
    """Every file of our packages by its path: what git knows, or in an upload without git all."""
    git = shutil.which("git")
    if git is not None and (root / ".git").exists():
        words = [git, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *OURS]
        told = subprocess.run(words, cwd=root, check=True, capture_output=True, text=True).stdout
        return sorted(place for place in told.split("\0") if place and (root / place).is_file())
    every = (path for one in OURS for path in (root / one).rglob("*") if path.is_file())
    places = (path.relative_to(root) for path in every)
    return sorted(
        place.as_posix()
        for place in places
        if place.suffix != ".pyc" and not any(part.startswith(".") for part in place.parts)
    )


def _epoch(environ: Mapping[str, str], root: Path) -> int:
    """`SOURCE_DATE_EPOCH`, else when the commit was made."""
    said = environ.get("SOURCE_DATE_EPOCH", "")
    if said.isdecimal():
        return int(said)
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return _NO_COMMIT_EPOCH
    words = [git, "log", "-1", "--format=%ct"]
    told = subprocess.run(words, cwd=root, check=False, capture_output=True, text=True).stdout
    return int(told) if told.strip().isdecimal() else _NO_COMMIT_EPOCH
