"""The claim of a retraining: one a week and bot, or one of its own by hand."""

from models.jobs.records import FINAL, JobDocuments
from models.retrain.asked import OtherRetrain, RetrainRequest, week_of
from models.retrain.place import RetrainPorts
from models.retrain.records import decode_pin, hash_of
from shared.core import deciding
from shared.core.errors import Conflict, NotThere
from shared.core.types import Timeframe

KIND = "retrain"


def claim(jobs: JobDocuments, ports: RetrainPorts, request: RetrainRequest) -> str:
    """The name of the claim, made where it is not there yet.

    Raises `OtherRetrain` where the week was claimed with other days or another seed.
    """
    settings, now = ports.settings, ports.clock.now_ms()
    week, bot = week_of(now), settings.id
    if request.by_hand:  # another file, other settings or other code is another one
        digest = request.digest(ports.history.identity, hash_of(settings), ports.commit)
        name = f"{bot}~{week}-{digest}"
    else:
        digest = request.digest()
        name = _of_the_week(jobs, f"{bot}~{week}")
    job = {
        "bot": bot,
        "week": week,
        "days": settings.learning.days if request.days is None else request.days,
        "seed": settings.learning.seed if request.seed is None else request.seed,
        "as_of": _newest(ports, now) if request.as_of is None else request.as_of,
        "promote": request.promote,
        "by_hand": request.by_hand,
    }
    more = {"pinned": None, "doing": ""}
    try:
        jobs.create(name, kind=KIND, job=job, job_hash=digest, now_ms=now, more=more)
    except Conflict as error:
        stored = jobs.get(name).data["job"]
        raise OtherRetrain(
            f"the retraining of {week} was claimed with {stored['days']} days and seed"
            f" {stored['seed']}",
            remedy="ask for the same, or wait for the next week",
        ) from error
    return name


def _of_the_week(jobs: JobDocuments, name: str) -> str:
    """The week's claim; where it is done by other code than this, one of this code beside it: a
    proof is of its code.
    """
    try:
        stored = jobs.get(name)
    except NotThere:
        return name
    known, code = decode_pin(stored.data["pinned"]), deciding.trees_hash()
    is_of_another = stored.data["status"] in FINAL and known is not None and known.code != code
    return f"{name}-{code[:8]}" if is_of_another else name


def _newest(ports: RetrainPorts, now: int) -> int:
    """The close of the newest 15m candle that is final."""
    settled = now - int(ports.settings.tick.settle_seconds * 1000)
    return settled // Timeframe.M15.ms * Timeframe.M15.ms
