"""Kelly's share for returns that are nearly continuous; for a stop and a target see
`shared.risk.edge.kelly_share`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """The share of the capital that grows fastest, and the rate at which it then grows, per unit of
    time.
    """

    share: float
    rate: float


def kelly_continuous(*, mean: float, deviation: float, riskless: float = 0.0) -> Growth:
    """Share (m - r) / s^2, rate r + (m - r)^2 / (2 s^2), for returns per unit of time; `deviation`
    is above 0.

    Source: Thorp, "The Kelly Criterion in Blackjack, Sports Betting and the Stock Market", 2006,
        section 7.
    """
    share = (mean - riskless) / deviation**2
    return Growth(share=share, rate=riskless + share * (mean - riskless) / 2.0)
