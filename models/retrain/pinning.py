"""What a retraining depends on beside its job, decided once and written into the claim: whoever
goes on after a crash comes to the same bundle.
"""

from dataclasses import dataclass, replace

import msgspec

from models.jobs.held import HeldJob
from models.retrain import serving, shadowing, sizes
from models.retrain.gathering import Gathered, Learnable
from models.retrain.place import RetrainPorts, Tell
from models.retrain.proving import first_decision
from models.retrain.records import Pinned, decode_pin, hash_of
from models.retrain.sizes import Sizes
from shared.core import deciding
from shared.core.calendar import utc_text
from shared.core.errors import UserError
from shared.core.logs import log
from shared.core.settings import Settings
from shared.core.types import Timeframe
from shared.model.bundle import Bundle
from shared.model.registry import BundleRegistry


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningGround:
    """What is learned from: candles, the rows made of them, and the instant of the training."""

    gathered: Gathered
    rows: Learnable
    settings: Settings
    as_of: int


def pin(ports: RetrainPorts, held: HeldJob, ground: LearningGround, *, tell: Tell) -> Pinned:
    """What everything after it depends on.

    Pinned once; pinned anew where code, settings or candles are others now. On the way the
    challenger of the last time is settled, and the sizes are tuned where that is due.
    """
    known = decode_pin(held.data["pinned"])
    fresh = Pinned(
        commit=ports.commit,
        settings=hash_of(ground.settings),
        data=ground.gathered.hash,
        code=deciding.trees_hash(),
    )
    if known is not None and known.has_same_inputs(fresh):
        return known
    if known is not None:
        because = "code, settings or candles have changed"
        log("retrain.begun_again", severity="WARNING", because=because)
    registry, recorded_at = BundleRegistry(ports.bucket), int(held.data["created_at"])
    found, tuned = _sizes(ports, ground, recorded_at=recorded_at, tell=tell)
    said = _settle_challenger(ports, registry, ground) if held.data["job"]["promote"] else ""
    now = registry.current()
    done = replace(
        fresh,
        champion=None if now is None else now.version,
        said=said,
        trials_before=recorded_at,
        logged=ports.log.all().count,
        remembered=registry.most_logged(),
        sizes=dict(found),
        tuned=tuned,
    )
    keep(ports, held, done)
    return done


def keep(ports: RetrainPorts, held: HeldJob, pin: Pinned) -> None:
    """Write it into the claim. Raises `LeaseLost`."""
    held.save({"pinned": msgspec.to_builtins(pin)}, now_ms=ports.clock.now_ms())


def _sizes(
    ports: RetrainPorts, ground: LearningGround, *, recorded_at: int, tell: Tell
) -> tuple[Sizes, str]:
    """The tuned sizes, searched where they are due, and a sentence about them."""
    bot, settings, as_of = ports.settings.id, ground.settings, ground.as_of
    found = sizes.find_sizes(ports.bucket, bot, settings.learning)
    first_at = first_decision(settings, ground.rows.dataset, as_of=as_of)
    if first_at is not None and sizes.is_search_due(found, settings, as_of=as_of):
        try:
            found = sizes.search_sizes(
                ground.rows.dataset,
                settings,
                first_at=first_at,
                as_of=as_of,
                data_hash=ground.gathered.hash,
                log=ports.log,
                recorded_at=recorded_at,
                tell=tell,
            )
        except UserError as error:
            before = {} if found is None else found.sizes
            return before, f"The sizes of the learners were not tuned: {error}."
        sizes.store_sizes(ports.bucket, bot, found)
    if found is None or settings.retrain.tune_every_days == 0:
        return {}, ""
    day = utc_text(found.at)[:10]
    return found.sizes, (
        f"The sizes of the learners were tuned on {day} in {found.trials} trials, all of"
        " which count."
    )


def _settle_challenger(
    ports: RetrainPorts, registry: BundleRegistry, ground: LearningGround
) -> str:
    settings, pointer = ports.settings, registry.current()
    since = 0 if pointer is None else pointer.challenger_since or 0

    def refuted(champion: Bundle, challenger: Bundle) -> str | None:
        return shadowing.find_objection(
            shadowing.shadow_record(ports.documents, settings.id, since=since),
            champion,
            challenger,
            since=since,
            candles=ground.gathered.candles[Timeframe.M15],
            atr_jpy=ground.rows.stages.features.column("atr_14"),
            gate=settings.gate,
            seed=settings.learning.seed,
        )

    return serving.settle_challenger(
        registry,
        serving.load_serving_bundles(registry, ports.public_keys),
        settings=settings.retrain,
        as_of=ground.as_of,
        now_ms=ports.clock.now_ms(),
        refuted=refuted,
    )
