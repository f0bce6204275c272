"""Signals as older versions stored them, flat, are read with their forecast and their exposure."""

import msgspec
import pytest

from shared.core.types import Side, Signal, TickReport, TickStatus
from shared.core.types.signal import upgrade_signal
from tests.support.signals import as_before, signal_of

PLAIN = {
    "as_of": 900_000,
    "close": 1_000_000,
    "atr_jpy": 5_000.0,
    "side": Side.LONG,
    "strength": 0.5,
}
FORECAST = {"p_lower": 0.2, "p_neither": 0.3, "p_upper": 0.5, "p_vote": 0.6}
EXPOSURE = {"target_weight": -0.5, "target_volatility": 0.7, "target_as_of": 0}


@pytest.mark.parametrize("more", [{}, FORECAST, EXPOSURE, FORECAST | EXPOSURE])
def test_a_flat_signal_is_the_same_signal(more) -> None:
    signal = signal_of(**PLAIN, **more)
    stored = msgspec.to_builtins(as_before(signal))
    assert ("forecast" in upgrade_signal(stored)) is bool(signal.forecast)
    assert ("exposure" in upgrade_signal(stored)) is bool(signal.exposure)
    assert msgspec.convert(upgrade_signal(stored), Signal) == signal
    written = msgspec.to_builtins(signal)
    assert upgrade_signal(written) is written


def test_what_lacks_one_of_its_parts_has_neither() -> None:
    signal = signal_of(**PLAIN, **FORECAST, **EXPOSURE)
    stored = msgspec.to_builtins(as_before(signal)) | {"p_upper": None, "target_volatility": None}
    read = msgspec.convert(upgrade_signal(stored), Signal)
    assert (read.forecast, read.exposure) == (None, None)


def test_a_report_of_before_is_read_whole() -> None:
    signal = signal_of(**PLAIN, **FORECAST)
    report = TickReport(
        tick="t",
        bot="b",
        status=TickStatus.DONE,
        scheduled_at=0,
        received_at=0,
        finished_at=1,
        mode="paper",
        stage="paper",
        settings_hash="x",
        signal=signal,
    )
    stored = msgspec.to_builtins(report)
    assert TickReport.read(stored | {"signal": msgspec.to_builtins(as_before(signal))}) == report
    assert TickReport.read(stored) == report
