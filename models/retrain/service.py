"""The weekly retraining as a service: claimed by ISO week, worked on under a lease, resumable at
every step.

    retrains/{bot}~{week}     the claim (see `models.jobs.records`): what is pinned, how far
                              it is, and the result
    folds/...                 folds, cached by what they were made from
    bundles/...               the registry

The instant of the training, its seed, the code and the champion that it is judged against are
decided once and lie in the claim, as do the trials that count: whoever goes on after a crash comes
to the same bundle, byte for byte. Every step can be done again. Candles and folds are stored as
they come, so that little is lost; a bundle is sealed last, so that none is ever half there.
"""

from typing import Any

from models.jobs.records import JobDocuments
from models.jobs.worker import JobWorker, SliceEnd
from models.retrain import outbox
from models.retrain.asked import RetrainRequest
from models.retrain.claims import KIND, claim
from models.retrain.place import RetrainPorts, Tell
from models.retrain.records import claim_view
from models.retrain.slice import RetrainWork
from shared.core.errors import StoreBroken

COLLECTION = "retrains"


class Retrains:
    """Everything that a shell (the command, the function) can ask.

    >>> from models.retrain.place import ArchiveHistory
    >>> from shared.alerts.log_sink import LogSink
    >>> from shared.alerts.outlets import LogOutlet
    >>> from shared.core.clock import SystemClock
    >>> from shared.core.logs import log
    >>> from shared.core.settings import load_settings
    >>> from shared.market.archive import CandleArchive
    >>> from shared.stores.memory import MemoryBucket, MemoryDocuments
    >>> place = RetrainPorts(
    ...     settings=load_settings({}),
    ...     documents=MemoryDocuments(),
    ...     bucket=MemoryBucket(),
    ...     clock=SystemClock(),
    ...     history=ArchiveHistory(archive=CandleArchive(MemoryBucket())),
    ...     outlet=LogOutlet(LogSink(log)),
    ...     signing_key=lambda: "0" * 64,
    ...     public_keys=(),
    ...     commit="0" * 40,
    ... )
    >>> Retrains(place).recent()
    []
    """

    def __init__(self, ports: RetrainPorts) -> None:
        """Work at `ports`."""
        self._ports = ports
        self._jobs = JobDocuments(ports.documents, COLLECTION)
        lease_ms = int(ports.settings.retrain.lease_seconds * 1000)
        self._worker = JobWorker(self._jobs, ports.clock, kind=KIND, lease_ms=lease_ms)

    def recent(self) -> list[dict[str, Any]]:
        """The youngest retrainings of this bot, youngest first, without their tables."""
        mine = [
            one for one in self._jobs.recent() if one.data["job"]["bot"] == self._ports.settings.id
        ]
        return [claim_view(one, whole=False) for one in mine]

    def run(
        self,
        request: RetrainRequest,
        *,
        seconds: float | None = None,
        on_progress: Tell | None = None,
    ) -> dict[str, Any]:
        """Claim the week (or go on with it, or tell what came of it) and work for at most
        `seconds`.

        Told are `status` (`done`, `waiting` for the next call, `working`, `failed`), `busy` where
        another worker has it, and the result; `already` where it was done before. What makes the
        training impossible is told as its `error`, not raised.

        Raises:
            OtherRetrain: the week was claimed with other days or another seed.
            Unavailable, StoreBroken: a store or the exchange failed; the claim waits and can be
            worked on again.
        """
        name = claim(self._jobs, self._ports, request)
        work = RetrainWork(self._ports, self._jobs, on_progress=on_progress)
        limit = self._ports.settings.retrain.time_limit_seconds if seconds is None else seconds
        try:
            end = self._worker.run(name, work, seconds=limit)
        except StoreBroken:
            outbox.deliver(self._ports)
            raise
        if end is SliceEnd.WORKED:
            outbox.deliver(self._ports)
        stands = claim_view(self._jobs.get(name))
        if end is SliceEnd.WORKED:
            return stands
        return {**stands, "already" if end is SliceEnd.FINAL else "busy": True}
