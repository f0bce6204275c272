"""Which policy decides: barriers (one entry with stop and target) or a target exposure.

Nothing outside this room compares a policy by its name.
"""

from collections.abc import Mapping
from types import MappingProxyType

from shared.core.settings import Settings
from shared.core.types import PolicyName
from shared.risk.policies.barrier import BarrierPolicy
from shared.risk.policies.exposure import ExposurePolicy
from shared.risk.policies.policy import Policy

__all__ = ["POLICIES", "BarrierPolicy", "ExposurePolicy", "Policy", "policy_of"]

POLICIES: Mapping[PolicyName, Policy] = MappingProxyType(
    {policy.name: policy for policy in (BarrierPolicy(), ExposurePolicy())}
)


def policy_of(settings: Settings) -> Policy:
    """The policy that `risk.policy` names.

    >>> from shared.core.settings import load_settings
    >>> usual, trend = load_settings({}), load_settings({}, profile="trend")
    >>> policy_of(usual).name.value, policy_of(trend).name.value
    ('barrier', 'target')
    """
    return POLICIES[settings.risk.policy]
