"""A study's result with every kind of cell in it, without any learning."""

import numpy as np

from models.study.result import (
    DatasetResult,
    Earned,
    Estimate,
    GrowthCurve,
    PredictionQuality,
    StudyResult,
    VariantResult,
)
from shared.core.types import PolicyName
from shared.model.manifest import Check, Verdict

DAY = 86_400_000
START = 1_514_764_800_000
VARIANTS = ("default", "phase19", "phase22", "trend")


def made_curve(days: int, *, seed: int, drift: float) -> GrowthCurve:
    random = np.random.default_rng(seed)
    own, hold = (
        np.cumprod(1.0 + scale * random.standard_normal(days) + drift) for scale in (0.01, 0.03)
    )
    return GrowthCurve(
        day_at=tuple(START + day * DAY for day in range(days)),
        own=tuple(own.tolist()),
        hold=tuple(hold.tolist()),
    )


def made_checks(*, passed: bool) -> tuple[Check, ...]:
    return (
        Check(
            name="skill",
            value=0.021,
            threshold=0.0,
            passed=True,
            meaning="above: log-loss skill",
            group="enter",
            lower=0.001,
            upper=0.04,
        ),
        Check(
            name="deflated_sharpe",
            value=0.97 if passed else 0.31,
            threshold=0.95,
            passed=passed,
            meaning="at least: DSR",
            group="enter",
        ),
        Check(
            name="calibration_error",
            value=None,
            threshold=0.03,
            passed=passed,
            meaning="at most: calibration",
            group="enter",
        ),
        Check(
            name="trials",
            value=12_345.0,
            threshold=0.0,
            passed=True,
            meaning="trials in the log",
            group="note",
        ),
    )


def made_tried(name: str, *, days: int, seed: int, passed: bool = False) -> VariantResult:
    curve = made_curve(days, seed=seed, drift=0.001 if passed else -0.0005)
    asked = PredictionQuality(
        folds=35,
        rows=20_000,
        effective=812.4,
        skill=Estimate(value=0.121, low=0.1, high=0.14),
        direction=Estimate(value=-0.004, low=-0.02, high=0.011),
        calibration_error=0.0123,
    )
    return VariantResult(
        variant=name,
        profile=None if name == "default" else name,
        policy=PolicyName.TARGET if name == "trend" else PolicyName.BARRIER,
        recipe=None if name == "trend" else "0123456789abcdef",
        settings_hash="fedcba9876543210",
        learned=None if name == "trend" else asked,
        earned=Earned(
            total=curve.own[-1] - 1.0,
            annual=None if days < 2 else 0.1,
            sharpe=(
                Estimate(value=1.1, low=0.2, high=2.0)
                if passed
                else Estimate(value=-0.8, low=-2.1, high=0.6)
            ),
            above_zero=0.98 if passed else 0.2,
            deflated=None,
            max_drawdown=0.21,
            trades=1_234,
            win_rate=0.41,
            held_share=0.3,
            fees_jpy=61_000.0,
            slippage_jpy=30_500.0,
            interest_jpy=210.0,
            costs_rate=0.0917,
            mean_rate=-0.0011,
            random_rate=-0.0013,
            beats_random=0.57,
            hold_total=curve.hold[-1] - 1.0,
            hold_sharpe=0.75,
            hold_drawdown=0.62,
        ),
        verdict=Verdict(may_serve=True, may_enter=passed, checks=made_checks(passed=passed)),
        denials={"no_consensus": 18_000, "probability_too_low": 1_900},
        curve=curve,
    )


def made_result(
    *,
    days: int = 240,
    question: str = "Does any of the four earn its costs?",
    passed: tuple[str, ...] = (),
) -> StudyResult:
    held = tuple(
        DatasetResult(
            name=name,
            hash="00112233aabbccdd",
            start_at=START,
            end_at=START + days * DAY,
            resolution="15m",
            tried=tuple(
                made_tried(each, days=days, seed=seed + number, passed=each in passed)
                for number, each in enumerate(VARIANTS)
            ),
            notes=("HOLES: 96 of the 15m candles are missing.",) if name == "bitbank 2018" else (),
        )
        for seed, name in ((1, "bitbank 2018"), (11, "Binance x ECB 2023-25"))
    )
    return StudyResult(
        name="profiles",
        question=question,
        notes=("Fees are those of the seeds for phase19 and phase22.",),
        hash="0123456789ab",
        commit="a" * 40 + "-changed",
        trials=1_234,
        every_days=7.0,
        seed=7,
        shared_settings={"learning.days": "120", "learning.row_step": "4"},
        variants={
            name: {
                "risk.entry": "value" if number == 0 else "threshold",
                "risk.stop_atr": str(number),
            }
            for number, name in enumerate(VARIANTS)
        },
        says={"trend": "Slow momentum of closed 4h candles."},
        held=held,
    )
