"""The end of a retraining: its bundle signed and published, what may serves, and all of it written
down.
"""

from models.jobs.held import HeldJob
from models.jobs.records import JobDocuments
from models.retrain import outbox, serving
from models.retrain.pinning import LearningGround
from models.retrain.place import RetrainPorts
from models.retrain.proving import Bench, JudgedTraining
from models.retrain.records import CHANGES, Pinned, unchanged_before
from models.retrain.sealing import seal_bundle
from models.retrain.telling import alert_of, result_of
from shared.core.calendar import DAY_MS
from shared.model.registry import BundleRegistry


def publish(
    ports: RetrainPorts,
    jobs: JobDocuments,
    held: HeldJob,
    *,
    ground: LearningGround,
    bench: Bench,
    pin: Pinned,
    outcome: JudgedTraining,
) -> None:
    """Sign, publish, let serve what may, write everything down, and end the job.

    Each of these can be done twice. The trial first: what was looked at counts, whatever becomes of
    this run. Raises `LeaseLost`.
    """
    settings, retrain = ports.settings, ports.settings.retrain
    registry = BundleRegistry(ports.bucket)
    if outcome.proof is not None:
        ports.log.append(outcome.proof.trial)
    bundle = seal_bundle(outcome, bench.settings, signing_key=bench.signing_key)
    now = ports.clock.now_ms()
    served = serving.serve_or_challenge(
        registry,
        bundle,
        champion=pin.champion,
        at_once=outcome.unrivalled,
        settings=retrain,
        may_move=bool(held.data["job"]["promote"]),
        now_ms=now,
    )
    registry.archive(
        before_at=bench.as_of - retrain.archive_days * DAY_MS, keep=retrain.keep_versions
    )
    registry.note_retraining(at=now)
    pointer = registry.current()
    told = (*ground.gathered.notes, pin.said, pin.tuned, *outcome.notes)
    result = result_of(
        bundle,
        served,
        outcome,
        notes=[note for note in told if note],
        serves=None if pointer is None else pointer.version,
    )
    before = unchanged_before(jobs.recent(), bot=settings.id, name=held.name)
    count = 0 if served.outcome in CHANGES else before + 1
    alert = alert_of(settings.id, held.name, result, at=now, unchanged=count)
    outbox.put(ports, held, alert)
    changes = {"result": result, "doing": "", "share": 1.0}
    held.finish("done", changes, now_ms=ports.clock.now_ms())
