"""What a policy is: everything that depends on how a bot decides is asked of it."""

from typing import Protocol

from shared.core.settings import Settings
from shared.core.types import Decision, PolicyName, Position, PositionPlan, Signal
from shared.risk.case import Case


class Policy(Protocol):
    """How a bot decides, how what is held is protected, and when a tick has something to decide.

    >>> from shared.core.settings import load_settings
    >>> from shared.risk.policies import policy_of
    >>> policy = policy_of(load_settings({}, profile="trend"))
    >>> policy.name.value, policy.is_model_based
    ('target', False)
    """

    @property
    def name(self) -> PolicyName:
        """As `risk.policy` names it."""

    @property
    def is_model_based(self) -> bool:
        """Whether side and size rest on what a model says of the candle."""

    @property
    def has_goal(self) -> bool:
        """Whether it pursues an exposure; else what is held has a plan with stop and target."""

    def decide(self, case: Case) -> Decision:
        """What is to be done, and why."""

    def stop_price(
        self,
        position: Position,
        *,
        plan: PositionPlan | None,
        signal: Signal | None,
        settings: Settings,
    ) -> int | None:
        """Where the stop of what is held belongs, in whole yen; None where nobody knows."""

    def is_due(self, *, holds: bool, pursues: bool, plan: PositionPlan | None, now_ms: int) -> bool:
        """Whether something is to be decided though no candle has closed.

        `holds`: something is held; `pursues`: another position is wanted than is held.
        """
