"""The verdict for people: one sentence, or a table of text."""

import math

from shared.core.sentences import say
from shared.model.manifest import Check, Verdict

PROVEN = "proven"
"""The one check of a bundle that was made without asking the gate."""
_SMALLEST, _WHOLE_FROM = 1e-4, 1_000
_GROUPS = ("serve", "enter", "champion", "note")


def in_words(verdict: Verdict) -> str:
    """The verdict in two sentences at most.

    >>> in_words(Verdict(may_serve=True, may_enter=True))[:30]
    'It may serve and it may enter:'
    """
    failed = {group: _failed_checks(verdict, group) for group in _GROUPS}
    if not verdict.may_serve:
        return say("gate.may_not_serve", failed=_names(failed["serve"]))
    if verdict.may_enter:
        first = say("gate.may_enter")
    elif any(check.name == PROVEN for check in failed["enter"]):
        first = say("gate.not_asked")
    else:
        first = say("gate.may_not_enter", failed=_names(failed["enter"]))
    if failed["champion"]:
        return say("gate.champion_stays", verdict=first, failed=_names(failed["champion"]))
    return first


def verdict_table(verdict: Verdict) -> list[tuple[str, ...]]:
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
    >>> verdict_table(verdict)[1]
    ('may enter', 'psr', '0.364', '', 'at least 0.95: chance of a Sharpe above zero', 'no')
    """
    columns = ("decides", "check", "value", "interval", "asked", "passed")
    head = tuple(say(f"gate.column.{name}") for name in columns)
    return [head, *(_row(check) for check in verdict.checks)]


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
    rows = verdict_table(verdict)
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
        return (
            say("gate.under", least=f"{_SMALLEST:.4f}")
            if value > 0
            else say("gate.barely_negative", least=f"{_SMALLEST:.4f}")
        )
    return f"{value:,.0f}" if abs(value) >= _WHOLE_FROM else f"{value:.{digits}g}"


def _row(check: Check) -> tuple[str, ...]:
    interval = (
        ""
        if check.lower is None or check.upper is None
        else say("gate.interval", low=figure(check.lower), high=figure(check.upper))
    )
    value = say("figures.unknown") if check.value is None else figure(check.value)
    if check.group == "note":
        return (
            say("gate.decides.note"),
            check.name,
            value,
            interval,
            say("gate.note", meaning=check.meaning, threshold=figure(check.threshold)),
            "",
        )
    kind, _, meaning = check.meaning.partition(": ")
    return (
        say(f"gate.decides.{check.group}"),
        check.name,
        value,
        interval,
        say("gate.asked", kind=kind, threshold=figure(check.threshold), meaning=meaning),
        say("gate.yes") if check.passed else say("gate.no"),
    )


def _failed_checks(verdict: Verdict, group: str) -> list[Check]:
    return [check for check in verdict.checks if check.group == group and not check.passed]


def _names(checks: list[Check]) -> str:
    return ", ".join(check.name for check in checks) or say("gate.unlisted")
