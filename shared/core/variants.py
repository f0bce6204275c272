"""The variants that a bot is set up with: how the exchange keeps its account, and what decides."""

from enum import StrEnum


class AccountKind(StrEnum):
    """How the exchange keeps what is bought: what it may short, lock and owe.

    >>> AccountKind.SPOT.has_shorts, AccountKind.SPOT.has_debt, AccountKind.SPOT.has_locks
    (False, False, True)
    """

    MARGIN = "margin"
    SPOT = "spot"

    def __init__(self, value: str) -> None:
        """Say what follows from how the account is kept.

        `has_shorts`: a position may be short; only what is borrowed can be sold first.

        `has_debt`: money or coins are borrowed. Then opening moves no cash, interest accrues, and
        the fee of the opening is collected with it at the close. Else coins are paid at once, fee
        included.

        `has_locks`: an order that closes locks what it would sell. Then a second one beside it is
        refused: no target rests beside a stop, and a stop makes room before what replaces it.
        """
        self.has_shorts = self.has_debt = value == "margin"
        self.has_locks = value == "spot"


class PolicyName(StrEnum):
    """What decides: see `shared.risk.policies`.

    >>> [str(name) for name in PolicyName]
    ['barrier', 'target']
    """

    BARRIER = "barrier"
    TARGET = "target"
