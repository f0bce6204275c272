"""Typed settings, read once."""

from shared.core.settings.checks import ARRIVAL_MARGIN_SECONDS, is_loopback, topic_of
from shared.core.settings.load import NOT_SETTINGS, PREFIX, leaves, load_settings, settings_of
from shared.core.settings.origin import DEFAULTS
from shared.core.settings.schema import (
    NOT_HASHED,
    BacktestSettings,
    DiscordSettings,
    ExchangeSettings,
    ExecutionSettings,
    ExposureSettings,
    GateSettings,
    LearningSettings,
    MarketSettings,
    PaperSettings,
    ReplaySettings,
    RetrainSettings,
    RiskSettings,
    Settings,
    StudySettings,
    TickSettings,
    WatchSettings,
)

__all__ = [
    "ARRIVAL_MARGIN_SECONDS",
    "DEFAULTS",
    "NOT_HASHED",
    "NOT_SETTINGS",
    "PREFIX",
    "BacktestSettings",
    "DiscordSettings",
    "ExchangeSettings",
    "ExecutionSettings",
    "ExposureSettings",
    "GateSettings",
    "LearningSettings",
    "MarketSettings",
    "PaperSettings",
    "ReplaySettings",
    "RetrainSettings",
    "RiskSettings",
    "Settings",
    "StudySettings",
    "TickSettings",
    "WatchSettings",
    "is_loopback",
    "leaves",
    "load_settings",
    "settings_of",
    "topic_of",
]
