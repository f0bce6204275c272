"""Orders that were written down before they were sent, as they are stored. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.core.errors import BadData
from shared.core.types import OpenIntent, OrderIntent, PositionPlan, Traces


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What an intent's document says: the order, when it was written, the plan of an entry, the
    outcome (`unknown`: nobody knows).

    Of an order at a real exchange also until when it can arrive, its number there, what was read
    before it was sent, and the first reading after its time that did not show it.
    """

    intent: OrderIntent
    at: int
    plan: PositionPlan | None
    outcome: str
    until: int = 0
    order_id: int | None = None
    before: Traces | None = None
    looked: Traces | None = None

    @property
    def is_unsettled(self) -> bool:
        """Whether nobody knows what came of it: its tick died before it wrote that down, or could
        not tell.

        Such an order blocks what opens. The tick that finds it reconciles and, where that was
        whole, closes it with its
        save: an order under an older fence cannot arrive any more.
        """
        return self.outcome == "unknown"

    @property
    def open_intent(self) -> OpenIntent | None:
        """What an exchange is asked about; None where nothing was sent."""
        if self.outcome not in {"unknown", "accepted"}:
            return None
        return OpenIntent(
            intent=self.intent,
            at=self.at,
            until=max(self.at, self.until),
            order_id=self.order_id,
            before=self.before,
            looked=self.looked,
        )


def decode_intent(data: object, path: str) -> Written:
    """One stored intent. Raises `BadData`, naming the document and what is wrong in it."""
    if not isinstance(data, Mapping):
        raise BadData(f"{path} is damaged: it was a {type(data).__name__}, not a mapping")
    missing = [name for name in ("intent", "at") if name not in data]
    if missing:
        raise BadData(f"{path} is damaged: it has no {missing[0]}")
    try:
        at = msgspec.convert(data["at"], int)
        intent = msgspec.convert(data["intent"], OrderIntent)
        plan = msgspec.convert(data.get("plan"), PositionPlan | None)
        outcome = msgspec.convert(data.get("outcome"), dict[str, Any] | None)
        told = msgspec.convert(
            "unknown" if outcome is None else outcome.get("outcome", "unknown"), str
        )
        order_id = msgspec.convert((outcome or {}).get("order_id"), int | None)
        until = msgspec.convert(data.get("until", 0), int)
        before, looked = (
            msgspec.convert(data.get(name), Traces | None) for name in ("before", "looked")
        )
    except msgspec.ValidationError as error:
        raise BadData(f"{path} is damaged: {error}") from error
    return Written(
        intent=intent,
        at=at,
        plan=plan,
        outcome=told,
        until=until,
        order_id=order_id,
        before=before,
        looked=looked,
    )


def decode_intents(
    documents: Iterable[tuple[str, object]],
) -> tuple[dict[str, Written], dict[str, str]]:
    """The intents that can be read, and for those that cannot what is wrong, both by path."""
    sound: dict[str, Written] = {}
    damaged: dict[str, str] = {}
    for path, data in documents:
        try:
            sound[path] = decode_intent(data, path)
        except BadData as error:
            damaged[path] = str(error)
    return sound, damaged


def unsaved_plans(intents: Iterable[Written]) -> list[PositionPlan]:
    """The plans of entries that no saved state knows of, the newest last; what was rejected or not
    sent led to nothing.
    """
    sent = sorted(intents, key=lambda intent: intent.at)
    return [
        intent.plan
        for intent in sent
        if intent.plan is not None and intent.outcome not in {"rejected", "not_sent"}
    ]
