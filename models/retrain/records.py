"""What a claim holds beside its job: what is pinned for whoever goes on, and the view of it that
shells answer with.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from models.jobs.records import FINAL
from shared.core.calendar import utc_text
from shared.core.settings import Settings
from shared.core.trials import History
from shared.stores.ports import Document

CHANGES = frozenset({"promoted", "challenges"})
_ELSEWHERE = (
    "home",
    "state",
    "bucket",
    "clock",
    "exchange",
    "discord",
    "alerts",
    "backtest",
    "study",
    "rounds",
    "digest",
    "keep",
    "bundle_public_key",
)
_LONG = ("verdict", "metrics", "files")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """Everything that the bundle depends on beside the job itself.

    Attributes:
        commit: Of the code.
        code: Hash of the syntax trees of what decides.
        settings: Hash of all settings that a bundle or its verdict can depend on.
        data: Hash of the candles.
        champion: What it is judged against; None: nothing served.
        trials_before: Trials that were recorded up to here count.
        logged: How many things the whole log held when this was pinned.
        remembered: The most that any bundle knew it to have held.
        said: What became of the challenger before it.
        sizes: Tuned ones, in place of those of the settings.
        tuned: What must be said of the tuning.
        shuffled: Skills of refits on shuffled labels, once they are found.
    """

    commit: str
    settings: str
    data: str
    code: str = ""
    champion: str | None = None
    trials_before: int = 0
    logged: int = 0
    remembered: int = 0
    said: str = ""
    sizes: dict[str, int | float] = field(default_factory=dict)
    tuned: str = ""
    shuffled: tuple[float, ...] | None = None

    def has_same_inputs(self, other: "Pinned") -> bool:
        """Whether the same bundle comes of both."""
        return (self.commit, self.code, self.settings, self.data) == (
            other.commit,
            other.code,
            other.settings,
            other.data,
        )


def decode_pin(stored: Mapping[str, Any] | None) -> Pinned | None:
    """What an earlier worker has pinned."""
    return None if stored is None else msgspec.convert(stored, Pinned)


def hash_of(settings: Settings) -> str:
    """Sixteen hex digits of every setting but where things are stored and how jobs are
    worked on.
    """
    told = msgspec.to_builtins(settings)
    for name in _ELSEWHERE:
        del told[name]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def up_to(history: History, at: int) -> History:
    """The trials that were on record at an instant.

    The log only grows, so this is always the same.
    """
    return History(
        trials=tuple(trial for trial in history.trials if trial.recorded_at <= at),
        damaged=history.damaged,
    )


def unchanged_before(recent: Sequence[Document], *, bot: str, name: str) -> int:
    """How many retrainings in a row, before this one, have left the champion as it was."""
    count = 0
    for document in recent:
        job, result = document.data["job"], document.data["result"]
        if (
            job["bot"] != bot
            or result is None
            or job["by_hand"]
            or document.path.endswith(f"/{name}")
        ):
            continue
        if result["outcome"] in CHANGES:
            break
        count += 1
    return count


def claim_view(stored: Document, *, whole: bool = True) -> dict[str, Any]:
    """A claim as people and programs are told it."""
    data = stored.data
    job, result = data["job"], data["result"]
    final = data["status"] in FINAL
    return {
        "retraining": stored.path.partition("/")[2],
        "week": job["week"],
        "status": data["status"],
        "more": not final,
        "doing": None if final else data["doing"],
        "share": 1.0 if data["status"] == "done" else data["share"],
        "as_of": utc_text(int(job["as_of"])),
        "days": job["days"],
        "seed": job["seed"],
        "calls": data["slices"],
        "created_at": utc_text(data["created_at"]),
        "updated_at": utc_text(data["updated_at"]),
        "error": data["error"],
        "result": (
            result
            if whole or result is None
            else {name: part for name, part in result.items() if name not in _LONG}
        ),
    }
