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

import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec

from models.data.checks import check_candles
from models.data.dataset import Dataset
from models.data.findings import refuse
from models.data.labels import barriers_of
from models.data.leaks import inspect_dataset
from models.jobs.records import FINAL, HeldJob, JobDocuments, kept_alive
from models.retrain import serving, shadowing, sizes
from models.retrain.asked import OtherRetrain, RetrainRequest, week_of
from models.retrain.gathering import Gathered, Learnable, gather, learnable
from models.retrain.pace import JobPace, TimeIsUp
from models.retrain.place import RetrainPorts, Tell
from models.retrain.proving import Bench, Incumbent, JudgedTraining, first_decision, judged
from models.retrain.records import CHANGES, Pinned, hash_of, pinned, unchanged_before, up_to, view
from models.retrain.sealing import sealed
from models.retrain.sizes import Sizes
from models.retrain.telling import alert_of, failure_of, result_of
from shared.core import deciding
from shared.core.calendar import DAY_MS, utc_text
from shared.core.errors import (
    AlreadyExists,
    BadBundle,
    BadData,
    BotError,
    Conflict,
    LeaseLost,
    NotThere,
    StoreBroken,
    Unavailable,
    UserError,
)
from shared.core.logs import log
from shared.core.settings import Settings
from shared.core.types import Alert, Timeframe
from shared.model.bundle import Bundle
from shared.model.registry import BundleRegistry
from shared.tick import filing
from shared.tick.documents import BotDocuments

COLLECTION = "retrains"
KIND = "retrain"
SEND_SECONDS = 30.0


class Retrains:
    """Everything that a shell (the command, the function) can ask.

    >>> from models.retrain.place import ArchiveHistory
    >>> from shared.alerts.discord import LogSink
    >>> from shared.core.clock import SystemClock
    >>> from shared.core.logs import log
    >>> from shared.core.settings import load
    >>> from shared.market.archive import CandleArchive
    >>> from shared.stores.memory import MemoryBucket, MemoryDocuments
    >>> place = RetrainPorts(
    ...     settings=load({}),
    ...     documents=MemoryDocuments(),
    ...     bucket=MemoryBucket(),
    ...     clock=SystemClock(),
    ...     history=ArchiveHistory(archive=CandleArchive(MemoryBucket())),
    ...     sink=LogSink(log),
    ...     signing_key=lambda: "0" * 64,
    ...     public_keys=(),
    ...     commit="0" * 40,
    ... )
    >>> Retrains(place).recent()
    []
    """

    def __init__(self, place: RetrainPorts) -> None:
        """Work at `place`."""
        self._place = place
        self._settings = place.settings
        self._jobs = JobDocuments(place.documents, COLLECTION)
        self._registry = BundleRegistry(place.bucket)

    def recent(self) -> list[dict[str, Any]]:
        """The youngest retrainings of this bot, youngest first, without their tables."""
        mine = [one for one in self._jobs.recent() if one.data["job"]["bot"] == self._settings.id]
        return [view(one, whole=False) for one in mine]

    def run(
        self,
        asked: RetrainRequest,
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
        name = self._claimed(asked)
        lease_ms = int(self._settings.retrain.lease_seconds * 1000)
        held = self._jobs.take(name, now_ms=self._now(), lease_ms=lease_ms)
        if held is None:
            stored = self._jobs.get(name)
            return {**view(stored), "already" if stored.data["status"] in FINAL else "busy": True}
        limit = self._settings.retrain.time_limit_seconds if seconds is None else seconds
        try:
            with kept_alive(held, self._place.clock):
                self._work(
                    held,
                    name,
                    JobPace(held, now_ms=self._now, seconds=limit, on_progress=on_progress),
                )
        except TimeIsUp as error:
            held.release({"doing": str(error)}, now_ms=self._now())
        except LeaseLost as error:
            log("retrain.lease_lost", severity="WARNING", name=name, error=str(error))
            return {**view(self._jobs.get(name)), "busy": True}
        except (
            Unavailable,
            StoreBroken,
            KeyboardInterrupt,
        ) as error:  # who ended it by hand goes on at once, not later
            self._wait(held, name, error)
            raise
        # A surprise must end the claim, or it is tried for ever.
        except Exception as error:  # noqa: BLE001
            self._fail(held, name, error)
        self._deliver()
        return view(self._jobs.get(name))

    # the claim

    def _claimed(self, asked: RetrainRequest) -> str:
        """The name of the claim, made where it is not there yet."""
        now = self._now()
        week = week_of(now)
        bot = self._settings.id
        digest = asked.digest()
        if asked.by_hand:  # another file, other settings or other code is another one
            digest = asked.digest(
                self._place.history.identity, hash_of(self._settings), self._place.commit
            )
        name = f"{bot}~{week}-{digest}" if asked.by_hand else self._of_the_week(f"{bot}~{week}")
        job = {
            "bot": bot,
            "week": week,
            "days": self._settings.learning.days if asked.days is None else asked.days,
            "seed": self._settings.learning.seed if asked.seed is None else asked.seed,
            "as_of": self._newest(now) if asked.as_of is None else asked.as_of,
            "promote": asked.promote,
            "by_hand": asked.by_hand,
        }
        try:
            self._jobs.create(
                name,
                kind=KIND,
                job=job,
                job_hash=digest,
                now_ms=now,
                more={"pinned": None, "doing": ""},
            )
        except Conflict as error:
            stored = self._jobs.get(name).data["job"]
            raise OtherRetrain(
                f"the retraining of {week} was claimed with {stored['days']} days and seed"
                f" {stored['seed']}",
                remedy="ask for the same, or wait for the next week",
            ) from error
        return name

    def _of_the_week(self, name: str) -> str:
        """The week's claim; where it is done by other code than this, one of this code beside it: a
        proof is of its code.
        """
        try:
            stored = self._jobs.get(name)
        except NotThere:
            return name
        known, code = pinned(stored.data["pinned"]), deciding.trees_hash()
        done_by_another = (
            stored.data["status"] in FINAL and known is not None and known.code != code
        )
        return f"{name}-{code[:8]}" if done_by_another else name

    def _newest(self, now: int) -> int:
        """The close of the newest 15m candle that is final."""
        settled = now - int(self._settings.tick.settle_seconds * 1000)
        return settled // Timeframe.M15.ms * Timeframe.M15.ms

    # the work

    def _work(self, held: HeldJob, name: str, pace: JobPace) -> None:
        job = held.data["job"]
        as_of = int(job["as_of"])
        learning = replace(self._settings.learning, days=int(job["days"]), seed=int(job["seed"]))
        settings = replace(self._settings, learning=learning)
        pace.tell("candles", 0.0)
        gathered = gather(self._place.history, settings, as_of=as_of, tell=pace.part(0.0, 0.12))
        refuse(check_candles(gathered.candles, settings.learning, as_of=as_of))
        pace.tell("features and checks of the data", 0.12)
        rows = learnable(gathered.candles, settings)
        refuse(
            inspect_dataset(rows.dataset, gathered.candles, barriers=barriers_of(settings.learning))
        )
        pin = self._pinned(held, gathered, rows, settings, as_of, pace)
        bench = self._bench(gathered, rows, settings, as_of, pin)
        outcome = judged(
            bench,
            known_shuffled=pin.shuffled,
            keep_shuffled=lambda found: self._pin(held, replace(pin, shuffled=found)),
            part=lambda first, last: pace.part(0.25 + 0.7 * first, 0.25 + 0.7 * last),
        )
        pace.tell("signing and publishing", 0.97)
        self._file(held, name, outcome, pin, bench, gathered)

    def _pinned(
        self,
        held: HeldJob,
        gathered: Gathered,
        rows: Learnable,
        settings: Settings,
        as_of: int,
        pace: JobPace,
    ) -> Pinned:
        """What everything after it depends on.

        Pinned once; pinned anew where code, settings or candles are others now.
        """
        known = pinned(held.data["pinned"])
        fresh = Pinned(
            commit=self._place.commit,
            settings=hash_of(settings),
            data=gathered.hash,
            code=deciding.trees_hash(),
        )
        if known is not None and known.same_inputs(fresh):
            return known
        if known is not None:
            log(
                "retrain.begun_again",
                severity="WARNING",
                because="code, settings or candles have changed",
            )
        recorded_at = int(held.data["created_at"])
        found, tuned = self._sizes(
            rows.dataset, settings, as_of, gathered.hash, recorded_at, pace.part(0.14, 0.25)
        )
        said = self._settle_challenger(gathered, rows, as_of) if held.data["job"]["promote"] else ""
        now = self._registry.current()
        champion = None if now is None else now.version
        done = replace(
            fresh,
            champion=champion,
            said=said,
            trials_before=recorded_at,
            logged=self._place.log.all().count,
            remembered=self._registry.most_logged(),
            sizes=dict(found),
            tuned=tuned,
        )
        self._pin(held, done)
        return done

    def _pin(self, held: HeldJob, pin: Pinned) -> None:
        held.save({"pinned": msgspec.to_builtins(pin)}, now_ms=self._now())

    def _sizes(
        self,
        dataset: Dataset,
        settings: Settings,
        as_of: int,
        data: str,
        recorded_at: int,
        tell: Tell,
    ) -> tuple[Sizes, str]:
        """The tuned sizes, searched where they are due, and a sentence about them."""
        bot, bucket = self._settings.id, self._place.bucket
        found = sizes.stored(bucket, bot, settings.learning)
        first_at = first_decision(settings, dataset, as_of=as_of)
        if first_at is not None and sizes.due(found, settings, as_of=as_of):
            try:
                found = sizes.search(
                    dataset,
                    settings,
                    first_at=first_at,
                    as_of=as_of,
                    data_hash=data,
                    log=self._place.log,
                    recorded_at=recorded_at,
                    tell=tell,
                )
            except UserError as error:
                return (
                    {} if found is None else found.sizes
                ), f"The sizes of the learners were not tuned: {error}."
            sizes.keep(bucket, bot, found)
        if found is None or settings.retrain.tune_every_days == 0:
            return {}, ""
        day = utc_text(found.at)[:10]
        return (
            found.sizes,
            (
                f"The sizes of the learners were tuned on {day} in {found.trials} trials, all of"
                " which count."
            ),
        )

    def _settle_challenger(self, gathered: Gathered, rows: Learnable, as_of: int) -> str:
        before = serving.standing(self._registry, self._place.public_keys)
        pointer = self._registry.current()
        since = 0 if pointer is None else pointer.challenger_since or 0

        def refuted(champion: Bundle, challenger: Bundle) -> str | None:
            return shadowing.against(
                shadowing.record_of(self._place.documents, self._settings.id, since=since),
                champion,
                challenger,
                since=since,
                candles=gathered.candles[Timeframe.M15],
                atr_jpy=rows.stages.features.column("atr_14"),
                gate=self._settings.gate,
                seed=self._settings.learning.seed,
            )

        return serving.settle_challenger(
            self._registry,
            before,
            settings=self._settings.retrain,
            as_of=as_of,
            now_ms=self._now(),
            refuted=refuted,
        )

    def _bench(
        self, gathered: Gathered, rows: Learnable, settings: Settings, as_of: int, pin: Pinned
    ) -> Bench:
        champion = None
        if pin.champion is not None:
            champion = Incumbent(
                version=pin.champion,
                files=self._files(pin.champion),
                public_keys=self._place.public_keys,
            )
        return Bench(
            settings=sizes.with_sizes(settings, pin.sizes),
            candles=gathered.candles,
            rows=rows,
            as_of=as_of,
            bucket=self._place.bucket,
            champion=champion,
            history=up_to(self._place.log.all(), pin.trials_before),
            logged=pin.logged,
            remembered=pin.remembered,
            recorded_at=pin.trials_before,
            commit=pin.commit,
            signing_key=self._place.signing_key(),
        )

    def _files(self, version: str) -> Mapping[str, bytes]:
        """A bundle's files; none where it is not whole: a champion that is damaged must not keep
        another from being trained.
        """
        try:
            return self._registry.files(version, audit=True)
        except BadBundle:
            return {}

    def _file(
        self,
        held: HeldJob,
        name: str,
        outcome: JudgedTraining,
        pin: Pinned,
        bench: Bench,
        gathered: Gathered,
    ) -> None:
        """Sign, publish, let serve what may, and write everything down.

        Each of these can be done twice.

        The trial first: what was looked at counts, whatever becomes of this run.
        """
        if outcome.proof is not None:
            self._place.log.append(outcome.proof.trial)
        bundle = sealed(outcome, bench.settings, signing_key=bench.signing_key)
        retrain, now = self._settings.retrain, self._now()
        served = serving.serve(
            self._registry,
            bundle,
            champion=pin.champion,
            at_once=outcome.unrivalled,
            settings=retrain,
            may_move=bool(held.data["job"]["promote"]),
            now_ms=now,
        )
        self._registry.archive(
            before_at=bench.as_of - retrain.archive_days * DAY_MS, keep=retrain.keep_versions
        )
        self._registry.retrained(at=now)
        pointer = self._registry.current()
        notes = [note for note in (*gathered.notes, pin.said, pin.tuned, *outcome.notes) if note]
        result = result_of(
            bundle,
            served,
            outcome,
            notes=notes,
            serves=None if pointer is None else pointer.version,
        )
        before = unchanged_before(self._jobs.recent(), bot=self._settings.id, name=name)
        count = 0 if served.outcome in CHANGES else before + 1
        self._outbox(held, alert_of(self._settings.id, name, result, at=now, unchanged=count))
        held.finish("done", {"result": result, "doing": "", "share": 1.0}, now_ms=self._now())

    def _wait(self, held: HeldJob, name: str, error: BaseException) -> None:
        """Leave the claim to the next call.

        A store that is broken (a damaged file) waits for a person, who is told.
        """
        with suppress(BotError):
            if isinstance(error, StoreBroken):
                self._outbox(
                    held,
                    failure_of(self._settings.id, name, str(error), error.remedy, at=self._now()),
                )
        with suppress(BotError):
            held.release({}, now_ms=self._now())
        if isinstance(error, StoreBroken):
            self._deliver()

    def _fail(self, held: HeldJob, name: str, error: Exception) -> None:
        named = (
            error if isinstance(error, BotError) else BotError(f"{type(error).__name__}: {error}")
        )
        if named is not error:
            log("retrain.surprise", severity="ERROR", name=name, trace=traceback.format_exc())
        remedy = named.remedy if isinstance(named, UserError) else ""
        wrong = {
            "error": str(named),
            "remedy": remedy,
            "ours": not isinstance(named, UserError | BadData),
        }
        with suppress(BotError):
            self._outbox(
                held, failure_of(self._settings.id, name, str(named), remedy, at=self._now())
            )
        with suppress(LeaseLost):
            held.finish("failed", {"error": wrong}, now_ms=self._now())

    # people

    def _outbox(self, held: HeldJob, alert: Alert) -> None:
        """Put an alert where the next delivery finds it; one that was put there before a crash is
        not put there again.

        Who trains by hand sees what comes of it.
        """
        if held.data["job"]["by_hand"]:
            return
        write = filing.outbox(alert, self._settings)
        with suppress(AlreadyExists):
            self._place.documents.create(write.path, write.data or {})

    def _deliver(self) -> None:
        """Send what waits.

        What cannot be sent now is sent by the next tick, which alone may give up: it knows the
        time.
        """
        bot = BotDocuments(self._place.documents, self._settings.id)
        with suppress(BotError):
            filing.deliver(
                bot.waiting_alerts(),
                bot=bot,
                sink=self._place.sink,
                now_ms=self._now(),
                sure=False,
                seconds_left=SEND_SECONDS,
            )

    def _now(self) -> int:
        return self._place.clock.now_ms()
