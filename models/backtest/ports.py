"""Where backtests live: stores, clock, and where settings, keys and candles come from."""

from collections.abc import Callable
from dataclasses import dataclass

from models.backtest.forward import Walks
from models.backtest.prepare import StageMaker
from models.backtest.sources import CandleSource
from shared.core.clock import Clock
from shared.core.settings import Settings
from shared.stores.ports import Bucket, DocumentStore


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestPorts:
    """Where backtests live: stores, clock, and where settings, keys and candles come from.

    `load` is `settings.load_settings` with its environment: it takes `profile` and `overrides`.
    Without `walks` no walk-forward is offered here.
    """

    documents: DocumentStore
    bucket: Bucket
    clock: Clock
    load: Callable[..., Settings]
    public_keys: tuple[str, ...]
    source: CandleSource
    stages: StageMaker
    walks: Walks | None = None
