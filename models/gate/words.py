"""The verdict for people: one sentence, or a table of text."""

import math

from shared.model.manifest import Check, Verdict

PROVEN = "proven"
"""The one check of a bundle that was made without asking the gate."""
_SMALLEST, _WHOLE_FROM = 1e-4, 1_000
_COLUMNS = ("decides", "check", "value", "interval", "asked", "passed")
_DECIDES = {"serve": "may serve", "enter": "may enter", "champion": "takes over", "note": "nothing"}


def in_words(verdict: Verdict) -> str:
    """The verdict in two sentences at most.

    >>> in_words(Verdict(may_serve=True, may_enter=True))[:30]
    'It may serve and it may enter:'
    """
    failed = {group: _failed(verdict, group) for group in _DECIDES}
    if not verdict.may_serve:
        return f"It may not serve. Failed: {_names(failed['serve'])}."
    if verdict.may_enter:
        first = (
            "It may serve and it may enter: its edge out of sample, after costs, is above zero with"
            " room for luck."
        )
    elif any(check.name == PROVEN for check in failed["enter"]):
        first = (
            "It may serve but not enter: it predicts sanely, and nobody asked the gate for a proof."
        )
    else:
        first = (
            "It may serve but not enter: no edge is proven, which is the usual outcome. Failed:"
            f" {_names(failed['enter'])}."
        )
    if failed["champion"]:
        return f"{first} The champion stays. Failed: {_names(failed['champion'])}."
    return first


def table(verdict: Verdict) -> list[tuple[str, ...]]:
    """A heading and a row a check, as text: what it decides, its name, value, interval, what was
    asked, whether it passed.

    >>> check = Check(
    ...     name="psr",
    ...     value=0.364,
    ...     threshold=0.95,
    ...     passed=False,
    ...     meaning="at least: chance of a Sharpe above zero",
    ...     group="enter",
    ... )
    >>> verdict = Verdict(may_serve=True, may_enter=False, checks=(check,))
    >>> table(verdict)[1]
    ('may enter', 'psr', '0.364', '', 'at least 0.95: chance of a Sharpe above zero', 'no')
    """
    return [_COLUMNS, *(_row(check) for check in verdict.checks)]


def table_lines(verdict: Verdict) -> list[str]:
    """The same in columns, what was asked last: it is long.

    >>> check = Check(
    ...     name="psr",
    ...     value=0.364,
    ...     threshold=0.95,
    ...     passed=False,
    ...     meaning="at least: chance of a Sharpe above zero",
    ...     group="enter",
    ... )
    >>> verdict = Verdict(may_serve=True, may_enter=False, checks=(check,))
    >>> table_lines(verdict)[1]
    'may enter  psr    0.364            no      at least 0.95: chance of a Sharpe above zero'
    """
    rows = table(verdict)
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return [
        "  ".join(
            [
                *(cell.ljust(width) for cell, width in zip(row, widths, strict=False)),
                row[5].ljust(6),
                row[4],
            ]
        ).rstrip()
        for row in rows
    ]


def figure(value: float, *, digits: int = 4) -> str:
    """A number with the digits that matter and never an exponent: what is too small to show is said
    to be so.

    >>> figure(0.123456), figure(12_345.6), figure(0.00001)
    ('0.1235', '12,346', 'under 0.0001')
    """
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if abs(value) < _SMALLEST:
        return f"under {_SMALLEST:.4f}" if value > 0 else f"between 0 and -{_SMALLEST:.4f}"
    return f"{value:,.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.{digits}g}"


def _row(check: Check) -> tuple[str, ...]:
    interval = (
        ""
        if check.lower is None or check.upper is None
        else f"{figure(check.lower)} .. {figure(check.upper)}"
    )
    value = "unknown" if check.value is None else figure(check.value)
    if check.group == "note":
        return (
            _DECIDES["note"],
            check.name,
            value,
            interval,
            f"{check.meaning} ({figure(check.threshold)})",
            "",
        )
    kind, _, meaning = check.meaning.partition(": ")
    return (
        _DECIDES[check.group],
        check.name,
        value,
        interval,
        f"{kind} {figure(check.threshold)}: {meaning}",
        "yes" if check.passed else "no",
    )


def _failed(verdict: Verdict, group: str) -> list[Check]:
    return [check for check in verdict.checks if check.group == group and not check.passed]


def _names(checks: list[Check]) -> str:
    return ", ".join(check.name for check in checks) or "a check that is not listed"
