"""The rules that keep a position from being opened or grown under any policy. Pure."""

from decimal import Decimal

from shared.core.money import rate
from shared.core.reasons import TRANSIENT, Reason
from shared.core.types import Action, Decision
from shared.risk.case import Case, Rule, decide_without_order, deny
from shared.risk.limits import fall


def deny_halted(case: Case) -> Decision | None:
    """HALTED_BY_PERSON."""
    return deny(case, Reason.HALTED_BY_PERSON) if case.account.halted else None


def deny_drawdown(case: Case) -> Decision | None:
    """LIMIT_DRAWDOWN: it stands until a person takes it back."""
    account, limit = case.account, rate(case.settings.risk.max_drawdown)
    share = fall(account.equity_peak_jpy, account.equity_jpy)
    if account.drawdown_halted or share >= limit:
        return deny(
            case,
            Reason.LIMIT_DRAWDOWN,
            drawdown=_share_text(share),
            limit=limit,
            peak_jpy=account.equity_peak_jpy,
        )
    return None


def deny_daily_loss(case: Case) -> Decision | None:
    """LIMIT_DAILY_LOSS: until the day ends in Japan."""
    account, limit = case.account, rate(case.settings.risk.daily_loss)
    share = fall(account.day_start_equity_jpy, account.equity_jpy)
    if share >= limit:
        return deny(case, Reason.LIMIT_DAILY_LOSS, loss=_share_text(share), limit=limit)
    return None


def deny_cooldown(case: Case) -> Decision | None:
    """LIMIT_COOLDOWN: after a row of losses."""
    until = case.account.cooldown_until
    return deny(case, Reason.LIMIT_COOLDOWN, until=until) if case.now_ms < until else None


def wait_for_entry(case: Case) -> Decision | None:
    """ENTRY_RESTING: one entry at a time."""
    return (
        decide_without_order(case, Action.HOLD, Reason.ENTRY_RESTING)
        if case.account.entry_resting
        else None
    )


def deny_warming(case: Case) -> Decision | None:
    """WARMING_UP: a feature lacks history."""
    return None if case.signal.warm else deny(case, Reason.WARMING_UP)


def deny_issues(case: Case) -> Decision | None:
    """The first issue that forbids entries is the reason, those that close the candle first; the
    context names them all.
    """
    critical = [issue for issue in case.issues if issue.forbids_entry]
    if not critical:
        return None
    first = min(critical, key=lambda issue: issue.reason in TRANSIENT)
    return Decision(
        action=Action.DENY,
        as_of=case.signal.as_of,
        reason=first.reason,
        side=case.signal.side,
        context={**first.context, "issues": ",".join(issue.reason for issue in case.issues)},
    )


HALTS: tuple[Rule, ...] = (
    deny_halted,  #      HALTED_BY_PERSON
    deny_drawdown,  #    LIMIT_DRAWDOWN
    deny_daily_loss,  #  LIMIT_DAILY_LOSS
    deny_cooldown,  #    LIMIT_COOLDOWN
    wait_for_entry,  #   ENTRY_RESTING
    deny_warming,  #     WARMING_UP
    deny_issues,  #      any issue that forbids entries
)
"""Asked in this order."""


def _share_text(share: Decimal) -> str:
    return f"{share:.6f}"
