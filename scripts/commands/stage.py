"""Put together what is uploaded for each function."""

from pathlib import Path
from typing import Any

import click

from scripts.delivery.staged import StagedTree, list_functions, stage_function, write_tree
from scripts.installation.checkout import ROOT
from scripts.output.console import emit, json_option

DEFAULT_FOLDER = ROOT / ".stage"


@click.command()
@click.argument("functions", nargs=-1, type=click.Choice(list_functions()))
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    default=DEFAULT_FOLDER,
    show_default=".stage",
    help="The folder that gets one folder a function.",
)
@json_option
def command(*, functions: tuple[str, ...], into: Path, as_json: bool) -> None:
    """Put together the exact tree that is uploaded for each function; all of them unless told.

    A tree holds the modules that the function reaches by its imports, the data beside them, the
    function's pinned requirements, main.py for the buildpack, the version of Python, and a manifest
    with the hash of every file. No test, document or secret. The same commit gives the same bytes.
    """
    trees = [stage_function(function) for function in functions or list_functions()]
    for tree in trees:
        write_tree(tree, into / tree.function)
    told = [_staged_lines(tree, into) for tree in trees]
    lines = [
        f"{one['function']}: {one['files']} files, {one['bytes'] / 1024:.0f} KiB,"
        f" {one['digest'][:12]} in {one['folder']}"
        for one in told
    ]
    emit({"commit": trees[0].commit, "trees": told}, "\n".join(lines), as_json=as_json)


def _staged_lines(tree: StagedTree, into: Path) -> dict[str, Any]:
    return {
        "function": tree.function,
        "folder": str(into / tree.function),
        "files": len(tree.files),
        "bytes": sum(map(len, tree.files.values())),
        "digest": tree.digest,
    }
