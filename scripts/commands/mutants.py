"""Change the money rules one slip at a time, and see that a test of their room notices each."""

from pathlib import Path

import click

from scripts.installation.checkout import ROOT
from scripts.output.console import emit, json_option


@click.command()
@click.argument("rooms", nargs=-1)
@click.option(
    "--sample", type=click.IntRange(1), metavar="N", help="Try only N of them, drawn by the seed."
)
@click.option("--seed", type=int, default=0, show_default=True, help="What draws the sample.")
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Processes at once; one for each core unless said.",
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=ROOT / ".mutants",
    help="Where verdicts are kept: .mutants.",
)
@click.option("--again", is_flag=True, help="Ask anew what an earlier run has answered.")
@json_option
@click.pass_context
def command(
    context: click.Context,
    *,
    rooms: tuple[str, ...],
    sample: int | None,
    seed: int,
    workers: int | None,
    work: Path,
    again: bool,
    as_json: bool,
) -> None:
    """Change the money rules one slip at a time; a test has to notice each.

    ROOMS: the files of money in shared/core/guards.toml, by name, like plan or desk; all of them
    unless named. A run that was interrupted goes on where it was, and what has not changed since is
    not asked again. Mutants that change nothing are listed by function in tests/mutants/equal.yaml.
    Ends with 1 where one survives.
    """
    from scripts.testing.mutation.run import report_text, run

    report = run(rooms, sample=sample, seed=seed, workers=workers, work=work, again=again)
    emit(report, report_text(report), as_json=as_json)
    context.exit(1 if report.survivors else 0)
