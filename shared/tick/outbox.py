"""How an alert waits for its delivery."""

import msgspec

from shared.core.types import Alert
from shared.stores.ports import Write


def outbox_write(alert: Alert, *, bot: str) -> Write:
    """An alert that waits for its delivery by `bot`, and in which order its fields are to be shown:
    a store keeps none.

    >>> from shared.core.types import Level
    >>> alert = Alert(key="a:b", level=Level.INFO, kind="b", title="B.", at=0, fields={"why": "so"})
    >>> write = outbox_write(alert, bot="a")
    >>> write.path, write.data["waiting_for"], write.data["shown"]
    ('alerts/a:b', 'a', ['why'])
    """
    data = {
        "bot": bot,
        "waiting_for": bot,
        "alert": msgspec.to_builtins(alert),
        "shown": list(alert.fields),
        "times": 1,
        "last_at": alert.at,
    }
    return Write(kind="put", path=f"alerts/{alert.key}", data=data)
