"""The kinds of values that a setting can hold: every number between two bounds, every text and list
of a bounded length.

The bounds are no advice: they are where a value stops to mean anything, or would break what is
worked out with it.
"""

from typing import Annotated, TypeAlias

import msgspec

LONGEST_TEXT = 1_000
YEAR_SECONDS = 31_536_000

Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Confidence: TypeAlias = Annotated[float, msgspec.Meta(ge=0.5, le=0.999999)]
"""Of an interval: one half says nothing, and nothing is certain."""
SignedRate: TypeAlias = Annotated[float, msgspec.Meta(ge=-1.0, le=1.0)]
FeeRate: TypeAlias = Annotated[float, msgspec.Meta(ge=-0.01, le=0.05)]
CostRate: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=0.5)]
SlippageRate: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=0.05)]
MoveRate: TypeAlias = Annotated[float, msgspec.Meta(ge=0.000001, le=1.0)]

Factor: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=1_000.0)]
Span: TypeAlias = Annotated[float, msgspec.Meta(ge=0.000001, le=1_000.0)]
"""What something is divided by."""
BandPosition: TypeAlias = Annotated[float, msgspec.Meta(ge=-10.0, le=10.0)]
"""0 is the lower, 1 the upper band."""
Oscillator: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=100.0)]
Rank: TypeAlias = Annotated[float, msgspec.Meta(ge=-100.0, le=100.0)]
AtrDistance: TypeAlias = Annotated[float, msgspec.Meta(ge=0.01, le=100.0)]
Deviations: TypeAlias = Annotated[float, msgspec.Meta(ge=0.01, le=1_000_000.0)]
"""Standard deviations; thousands switch a rule off."""
YearlyVolatility: TypeAlias = Annotated[float, msgspec.Meta(ge=0.001, le=10.0)]
LearningRate: TypeAlias = Annotated[float, msgspec.Meta(ge=0.00001, le=1.0)]

Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0.001, le=86_400.0)]
NoOrSomeSeconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=86_400.0)]
TimeOfDay: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", max_length=5)
]
"""Of Japan, like 18:00."""
RequestSeconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0.01, le=120.0)]
RequestWindowSeconds: TypeAlias = Annotated[float, msgspec.Meta(ge=2.0, le=60.0)]
"""bitbank takes none above a minute, and a request leaves a second before its end at the latest."""
CooldownSeconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=YEAR_SECONDS)]
WindowSeconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0.001, le=YEAR_SECONDS)]
Milliseconds: TypeAlias = Annotated[float, msgspec.Meta(ge=1.0, le=600_000.0)]
SkewMilliseconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=3_600_000.0)]
Days: TypeAlias = Annotated[float, msgspec.Meta(ge=0.001, le=36_500.0)]
NoOrSomeDays: TypeAlias = Annotated[float, msgspec.Meta(ge=0.0, le=36_500.0)]
Years: TypeAlias = Annotated[float, msgspec.Meta(ge=0.001, le=100.0)]

WholeSeconds: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=86_400)]
WholeDays: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=36_500)]
ScheduleDays: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=366)]
KeptDays: TypeAlias = Annotated[int, msgspec.Meta(ge=8, le=36_500)]
"""More than a week: by so much a clock may be wrong before nothing is taken away."""
Attempts: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=100)]
WindowCandles: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=20_000)]
CandleCount: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Embargo: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Trees: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10_000)]
Depth: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=24)]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Earlier: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
Repeats: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1_000)]
Jobs: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=256)]
Seed: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Yen: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10**12)]

Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]
Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=0, max_length=LONGEST_TEXT)]
"""Taken letter by letter: spaces around it are a part of it, and refused where it is read."""
Shares: TypeAlias = Annotated[tuple[Share, ...], msgspec.Meta(min_length=1, max_length=20)]
