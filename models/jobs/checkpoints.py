"""Where the next worker of a job goes on: states in the bucket, to the newest of which the job's
document points.

    backtests/{id}/checkpoints/{fence}-{at}
"""

import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from models.jobs.held import HeldJob
from shared.core.logs import log
from shared.stores.ports import Bucket


class Checkpoints:
    """The checkpoints of one job."""

    def __init__(self, bucket: Bucket, folder: str, *, kind: str) -> None:
        """Keep them below `folder`, which ends in /; `kind` names the job in the log."""
        self._bucket, self._folder, self._kind = bucket, f"{folder}checkpoints/", kind

    def find(self, held: HeldJob, *, fingerprint: str) -> Mapping[str, Any] | None:
        """Where to go on; None to begin: there is none yet, it is damaged, or it is of other inputs
        than `fingerprint` (candles, code).
        """
        key = held.data["checkpoint"]
        blob = self._bucket.get(key) if key else None
        if blob is None:
            return None
        because = "the inputs have changed"
        try:
            stored = msgspec.json.decode(zlib.decompress(blob.data))
            made_of, state = stored["fingerprint"], stored["replay"]
        except (zlib.error, msgspec.DecodeError, KeyError, TypeError) as error:
            made_of, state = None, None
            because = f"the checkpoint is damaged ({type(error).__name__})"
        if made_of != fingerprint:
            log(f"{self._kind}.begun_again", severity="WARNING", id=held.name, because=because)
            return None
        found: Mapping[str, Any] = state
        return found

    def save(
        self,
        held: HeldJob,
        state: Mapping[str, Any],
        changes: Mapping[str, Any],
        *,
        at: int,
        fingerprint: str,
        now_ms: int,
    ) -> None:
        """Write the `state` that was reached `at`, point to it with `changes` beside, and take the
        one before away.

        Raises `LeaseLost`.
        """
        before = held.data["checkpoint"]
        key = f"{self._folder}{held.fence}-{at}"
        data = msgspec.json.encode({"fingerprint": fingerprint, "replay": state})
        self._bucket.put(key, zlib.compress(data, level=1))
        held.save({**changes, "checkpoint": key}, now_ms=now_ms)
        if before and before != key:
            self._bucket.delete(before)

    def forget(self) -> None:
        """Take all of them away: the job is over."""
        for key in self._bucket.keys(self._folder):
            self._bucket.delete(key)
