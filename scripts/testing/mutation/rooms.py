"""The rooms whose rules move money, and the tests that have to notice when one of these rules
changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

RULES = "tests/unit/money_rules"


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A module and its tests, those first that are asked first."""

    module: str
    tests: tuple[str, ...]

    @property
    def path(self) -> Path:
        """The module's file, from the root."""
        return Path(f"{self.module.replace('.', '/')}.py")


def _room(module: str, own: str, *others: str) -> Room:
    return Room(module=module, tests=(f"{RULES}/{own}.py", *others))


ACCOUNT = ("tests/unit/orders/test_fills.py", "tests/unit/exchanges/paper/test_account.py")
DECISION = (
    "tests/unit/risk/test_decide.py",
    "tests/unit/risk/test_heads.py",
    "tests/unit/risk/test_edge.py",
)
EXPOSURE = (
    "tests/unit/exposure/test_exposure_rules.py",
    "tests/unit/exposure/test_exposure_orders.py",
)

ROOMS: Mapping[str, Room] = {
    "plan": _room(
        "shared.orders.plan", "test_plan_rules", "tests/unit/orders/test_plan.py", EXPOSURE[1]
    ),
    "ledger": _room("shared.exchanges.paper.ledger", "test_ledger_rules", *ACCOUNT),
    "placing": _room("shared.exchanges.paper.placing", "test_placing_rules", *ACCOUNT),
    "settling": _room("shared.exchanges.paper.settling", "test_settling_rules", *ACCOUNT),
    "fills": _room("shared.exchanges.paper.fills", "test_fills_rules", *ACCOUNT),
    "paper": _room(
        "shared.exchanges.paper.exchange",
        "test_paper_rules",
        "tests/unit/exchanges/paper/test_paper.py",
    ),
    "limits": _room("shared.risk.limits", "test_limits_rules", "tests/unit/risk/test_limits.py"),
    "sizing": _room(
        "shared.risk.sizing", "test_sizing_rules", "tests/unit/risk/test_sizing.py", DECISION[1]
    ),
    "costs": _room("shared.core.costs", "test_costs_rules"),
    "halts": _room("shared.risk.halts", "test_decision_rules", *DECISION),
    "rules": _room("shared.risk.policies.barrier", "test_decision_rules", *DECISION),
    "exposure": _room("shared.risk.policies.exposure", "test_exposure_rules", *EXPOSURE),
    "state": _room(
        "shared.turn.state", "test_state_rules", "tests/unit/turn/test_state.py", *EXPOSURE
    ),
    "turn": _room(
        "shared.turn.steps", "test_turn_rules", f"{RULES}/test_sequence_rules.py", *EXPOSURE
    ),
    "sequence": _room("shared.turn.sequence", "test_sequence_rules"),
    "carry_out": _room(
        "shared.orders.carry_out", "test_carry_out_rules", f"{RULES}/test_desk_rules.py"
    ),
    "desk": _room(
        "shared.tick.desk", "test_desk_rules", "tests/unit/exposure/test_exposure_ticks.py"
    ),
}
