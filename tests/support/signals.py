"""Signals by their single values: what a model forecasts and a strategy wants, side by side."""

from dataclasses import asdict, replace
from typing import Any

from shared.core.types import Barriers, Forecast, Signal, TargetExposure

OF_FORECAST = ("p_lower", "p_neither", "p_upper", "barriers", "p_vote")
OF_EXPOSURE = ("weight", "volatility", "as_of")


def signal_of(**values: Any) -> Signal:
    """A signal; its forecast is there where all probabilities are, its exposure likewise."""
    given = {name: values.pop(name, None) for name in OF_FORECAST}
    wanted = {name: values.pop(f"target_{name}", None) for name in OF_EXPOSURE}
    forecast = exposure = None
    if all(given[name] is not None for name in OF_FORECAST[:3]):
        given["barriers"] = given["barriers"] or Barriers(atr_multiple=4.0, horizon_candles=48)
        forecast = Forecast(**given)
    if all(wanted[name] is not None for name in OF_EXPOSURE):
        exposure = TargetExposure(**wanted)
    return Signal(**values, forecast=forecast, exposure=exposure)


def changed_signal(signal: Signal, **values: Any) -> Signal:
    """The signal with other single values, those of its forecast and exposure among them."""
    of_forecast = {name: values.pop(name) for name in OF_FORECAST if name in values}
    of_exposure = {
        name: values.pop(f"target_{name}") for name in OF_EXPOSURE if f"target_{name}" in values
    }
    if None in (of_forecast.get(name, 0.0) for name in OF_FORECAST[:3]):
        values["forecast"] = None
    elif of_forecast and signal.forecast is not None:
        values["forecast"] = replace(signal.forecast, **of_forecast)
    if of_exposure and signal.exposure is not None:
        values["exposure"] = replace(signal.exposure, **of_exposure)
    return replace(signal, **values)


def as_before(signal: Signal) -> dict[str, Any]:
    """A signal as an older version stored it."""
    told = asdict(signal)
    forecast, exposure = told.pop("forecast") or {}, told.pop("exposure") or {}
    told |= {name: forecast.get(name) for name in OF_FORECAST}
    return told | {f"target_{name}": exposure.get(name) for name in OF_EXPOSURE}
