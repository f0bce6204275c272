"""When a tick's lease ends, when it comes too late for its work, and which times cannot be.

Pure; tick and replay share it.

schedule time ──► no new order ──► answer ──► too late to begin ──► lease over ──► next schedule
                  100 s            115 s      156 s                 170 s          180 s
"""

from shared.core.settings import ARRIVAL_MARGIN_SECONDS, Settings

LATE_IN_A_ROW = 3
"""So many late ticks after each other are no accident of a delivery."""


def arrival_ms(settings: Settings) -> int:
    """How long after its own time a request can still arrive: the window for which it is valid, and
    what clocks differ.
    """
    return int((settings.exchange.request_window_seconds + ARRIVAL_MARGIN_SECONDS) * 1000)


def latest_start_ms(settings: Settings) -> int:
    """How long after its schedule time a tick may begin its work; later it has no time for a
    request, and only protects.

    >>> from shared.core.settings import load_settings
    >>> latest_start_ms(load_settings({}))
    156000
    """
    return int(
        (settings.tick.lease_seconds - settings.exchange.timeout_seconds) * 1000
    ) - arrival_ms(settings)


def lease_end(scheduled_at: int, now_ms: int, settings: Settings) -> int:
    """When claim and lease of a tick end: `lease_seconds` after its schedule time, whenever they
    are taken.

    A delivery that comes later than that only protects; it may hold the account until the lease of
    the tick that is due now would end, or, in the pause before the next one is due, until then.
    """
    interval_ms, lease_ms = (
        settings.tick.interval_seconds * 1000,
        int(settings.tick.lease_seconds * 1000),
    )
    due_at = scheduled_at + max(0, now_ms - scheduled_at) // interval_ms * interval_ms
    return due_at + (lease_ms if now_ms < due_at + lease_ms else interval_ms)


def longest_hold_ms(settings: Settings) -> int:
    """No claim or lease that a sound clock wrote ends later than this from now.

    >>> from shared.core.settings import load_settings
    >>> longest_hold_ms(load_settings({}))
    182000
    """
    return settings.tick.interval_seconds * 1000 + int(settings.market.max_clock_skew_ms)


def latest_believed(now_ms: int, settings: Settings) -> int:
    """No time that a sound clock wrote down lies later than this; schedule times may lie a little
    ahead.

    >>> from shared.core.settings import load_settings
    >>> latest_believed(1_000_000, load_settings({}))  # thirty seconds ahead, for a tick by hand
    1030000
    """
    return now_ms + int(
        max(settings.market.max_clock_skew_ms, settings.tick.manual_ahead_seconds * 1000)
    )
