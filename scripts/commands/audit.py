"""Ask whether a vulnerability of a pinned package is known."""

import click

from scripts.installation.checkout import ROOT
from scripts.output.console import emit, json_option
from scripts.testing.pins import TARGETS, read_pins
from scripts.testing.vulnerabilities import OSV, Audit, audit_pins

FOUND, NOT_ASKED = 3, 4
SHOWN = 5


@click.command()
@click.option("--database", default=OSV, show_default=True, help="Where OSV is asked.")
@json_option
@click.pass_context
def command(context: click.Context, *, database: str, as_json: bool) -> None:
    """Ask a public database whether a vulnerability of a pinned package is known.

    Every requirements file counts, with the packages of all systems. Exit code 3 where one is
    known; 4 where not every package could be asked about, as without a network: that is no pass.
    """
    pins = read_pins(ROOT, [target.path for target in TARGETS])
    audit = audit_pins(pins, database=database)
    code = FOUND if audit.found else NOT_ASKED if audit.unasked else 0
    emit({"passed": code == 0, "audit": audit}, "\n".join(_lines(audit)), as_json=as_json)
    context.exit(code)


def _lines(audit: Audit) -> list[str]:
    lines = [
        f"{one.package} {one.version}: {one.id}, mended in {', '.join(one.fixed_in) or 'none yet'}"
        for one in audit.found
    ]
    count, known = audit.asked + len(audit.unasked), len(audit.found)
    lines.append(
        f"{audit.asked} of {count} packages were asked about: {known or 'no'} known vulnerabilities"
    )
    if audit.unasked:
        rest = len(audit.unasked) - SHOWN
        shown = ", ".join(audit.unasked[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
        lines.append(f"could not be asked about, which is no pass: {shown}")
    return [*lines, *([f"the database failed: {audit.why}"] if audit.why else [])]
