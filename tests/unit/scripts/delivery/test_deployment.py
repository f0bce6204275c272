"""The steps of a deployment, and what happens where one of them fails."""

from dataclasses import replace

import pytest

from scripts.delivery.carrying import DeployHands, carry_out_plan
from scripts.delivery.cloud_run import read_service
from scripts.delivery.deployment import ORDER, DeployedCloud, plan_deployment, warnings_of
from scripts.delivery.settings import chosen_settings
from scripts.delivery.specs import load_specs
from shared.core.errors import BotError, Unavailable, UserError
from tests.support.deployments import LIVE, NOTHING, RELEASE, TREES, deployed

REGION = RELEASE.region


def plan(present, release=RELEASE):
    return plan_deployment(load_specs(), release, present, trees=TREES)


def test_the_first_deployment_rests_the_schedule_until_its_tick_was_rehearsed() -> None:
    steps = plan(replace(NOTHING, jobs=("tick", "watch")))
    assert [step.what for step in steps] == [
        "pause the schedule of tick",
        "pause the schedule of watch",
        "deploy tick",
        "rehearse the tick",
        "deploy alerts",
        "deploy retrain",
        "deploy backtest",
        "wait until no tick is at work and no entry rests",
        "resume the schedule of tick",
        "resume the schedule of watch",
        "run a tick: what is held has its stop",
    ]
    assert not any("--no-traffic" in step.words for step in steps)
    assert not [step for step in steps if step.of_candidate]


def test_a_later_one_moves_traffic_only_after_the_rehearsal_and_the_wait() -> None:
    steps = plan(deployed())
    kinds = [step.kind for step in steps]
    first_traffic = next(i for i, step in enumerate(steps) if "update-traffic" in step.words)
    assert kinds.index("rehearse") < kinds.index("wait") == first_traffic - 1
    assert steps[kinds.index("rehearse")].of_candidate
    deploys = [step for step in steps if "deploy" in step.words]
    assert [step.function for step in deploys] == list(ORDER)
    assert all("--no-traffic" in step.words for step in deploys)
    assert not any("scheduler" in step.words for step in steps), "the schedule runs on"
    assert kinds[-1] == "protect"


def test_a_function_that_is_new_beside_old_ones_gets_traffic_at_once() -> None:
    present = replace(deployed("tick", "alerts", "retrain"), jobs=())
    steps = {step.function: step for step in plan(present) if "deploy" in step.words}
    assert "--no-traffic" not in steps["backtest"].words
    assert "--no-traffic" in steps["tick"].words
    moved = [step for step in plan(deployed("tick")) if "update-traffic" in step.words]
    assert [step.function for step in moved] == ["tick"]


@pytest.mark.parametrize(
    ("present", "stage", "wrong"),
    [
        (NOTHING, "paper", None),
        (NOTHING, "stage-10", "stage-10 cannot follow nothing"),
        (deployed(stage="paper"), "stage-10", None),
        (deployed(stage="paper"), "stage-50", "stage-50 cannot follow paper"),
        (deployed(stage="stage-10"), "live", "live cannot follow stage-10"),
        (deployed(stage="stage-50"), "live", None),
        (deployed(stage="live"), "paper", None),
        (deployed(stage="live"), "live", None),
    ],
)
def test_no_stage_is_skipped_and_down_is_always_possible(present, stage, wrong) -> None:
    release = replace(LIVE, stage=stage)
    if wrong is None:
        assert plan(present, release)
        return
    with pytest.raises(UserError, match=wrong):
        plan(present, release)


def test_what_the_functions_need_is_asked_for_before_anything_is_done() -> None:
    with pytest.raises(UserError, match="BOT_BUNDLE_PUBLIC_KEY is not set"):
        plan(NOTHING, replace(RELEASE, settings={}))
    with pytest.raises(UserError, match="BOT_CAPITAL_JPY is not set"):
        plan(deployed(), replace(LIVE, settings=RELEASE.settings))
    with pytest.raises(UserError, match="BITBANK_API_KEY, BITBANK_API_SECRET: no version"):
        plan(deployed(), replace(LIVE, versions=RELEASE.versions))


def test_other_deciding_code_is_said_to_void_the_proof() -> None:
    assert warnings_of(RELEASE, deployed()) == ()
    (told,) = warnings_of(RELEASE, deployed(code="other"))
    assert "a proof is of the code that made it" in told
    (told,) = warnings_of(replace(RELEASE, commit="abc-changed"), deployed())
    assert "differs from its commit" in told


def test_settings_are_said_once_and_kept_and_secrets_are_not_taken() -> None:
    specs, present = load_specs(), deployed()
    kept = {"BOT_CAPITAL_JPY": "5", "BOT_STAGE": "live", "BOT_STATE": "x", "THREADS": "1"}
    tick = replace(present.services["tick"], environ=kept)
    present = replace(present, services={**present.services, "tick": tick})
    assert chosen_settings(present, specs, []) == {"BOT_CAPITAL_JPY": "5"}
    said = ["BOT_CAPITAL_JPY=7", "BOT_PROFILE=loose"]
    assert chosen_settings(present, specs, said) == {
        "BOT_CAPITAL_JPY": "7",
        "BOT_PROFILE": "loose",
    }
    assert chosen_settings(present, specs, ["BOT_CAPITAL_JPY="]) == {}
    for text in ("BOT_BUNDLE_SIGNING_KEY=1", "BITBANK_API_KEY=1", "BOT_STAGE=live", "BOT_X"):
        with pytest.raises(UserError):
            chosen_settings(present, specs, [text])


class CloudRun:
    """As much of Cloud Run as a deployment asks of gcloud: revisions, traffic, tags, jobs.

    `fails_at`: the call that fails, from 1; `after`: whether it was done all the same.
    """

    def __init__(self, present, *, fails_at: int = 0, after: bool = False) -> None:
        self.traffic = {name: one.revision for name, one in present.services.items()}
        self.newest = dict(self.traffic)
        self.paused: set[str] = set()
        self.calls, self.fails_at, self.after = 0, fails_at, after

    def __call__(self, words):
        if words[:3] == ("run", "services", "describe"):
            return self.describe(words[3])
        self.calls += 1
        if self.calls == self.fails_at and not self.after:
            raise Unavailable("the connection was lost")
        self.do(words)
        if self.calls == self.fails_at:
            raise Unavailable("the answer was lost")
        return None

    def do(self, words) -> None:
        if words[:2] == ("run", "deploy"):
            name, old = words[2], self.newest.get(words[2], f"{words[2]}-00000")
            self.newest[name] = f"{name}-{int(old[-5:]) + 1:05d}"
            if "--no-traffic" not in words:
                self.traffic[name] = self.newest[name]
        elif "update-traffic" in words:
            self.traffic[words[3]] = words[-1].partition("=")[2].removesuffix("=100")
        elif words[2] == "pause":
            self.paused.add(words[3])
        else:
            self.paused.remove(words[3])

    def describe(self, name: str):
        container = {"env": [{"name": "BOT_STAGE", "value": "paper"}]}
        target = {"tag": "candidate", "url": f"https://candidate---{name}-x.run.app"}
        return {
            "metadata": {"name": name, "labels": {}},
            "spec": {"template": {"spec": {"containers": [container]}}},
            "status": {
                "url": f"https://{name}-x.run.app",
                "latestCreatedRevisionName": self.newest[name],
                "latestReadyRevisionName": self.newest[name],
                "traffic": [{"revisionName": self.traffic[name], "percent": 100}, target],
            },
        }


def hands_on(cloud, asked: list, *, report=None, waits=None) -> DeployHands:
    def ask(url, *, audience, body):
        asked.append((url, audience, body))
        return report or {"status": "done"}

    return DeployHands(
        gcloud=cloud,
        ask_tick=ask,
        wait_until_quiet=waits or (lambda: None),
        tell=lambda _line: None,
    )


def test_a_candidate_is_asked_by_its_tag_with_a_token_for_the_service() -> None:
    present, asked = deployed(), []
    cloud = CloudRun(present)
    serving = carry_out_plan(plan(present), present, REGION, hands_on(cloud, asked))
    assert serving == {name: f"{name}-00002" for name in ORDER} == cloud.traffic
    assert asked == [
        ("https://candidate---tick-x.run.app", "https://tick-x.run.app", {"dry_run": True}),
        ("https://tick-x.run.app", "https://tick-x.run.app", {}),
    ]


def test_after_the_first_deployment_the_schedule_runs_again() -> None:
    present, asked = replace(NOTHING, jobs=("tick", "retrain", "watch")), []
    cloud = CloudRun(present)
    carry_out_plan(plan(present), present, REGION, hands_on(cloud, asked))
    assert cloud.paused == set()
    assert cloud.traffic == {name: f"{name}-00001" for name in ORDER}
    assert [body for _, _, body in asked] == [{"dry_run": True}, {}]


@pytest.mark.parametrize("after", [False, True])
def test_whatever_call_fails_what_served_before_serves(after) -> None:
    present = deployed()
    before = {name: f"{name}-00001" for name in ORDER}
    tried = 0
    for number in range(1, 20):
        cloud = CloudRun(present, fails_at=number, after=after)
        try:
            carry_out_plan(plan(present), present, REGION, hands_on(cloud, []))
        except BotError:
            tried += 1
            assert cloud.traffic == before, f"call {number}"
        else:
            assert cloud.calls < number
    assert tried == 8  # four deployments, four changes of traffic


@pytest.mark.parametrize("status", ["failed", "late", "duplicate", None])
def test_a_rehearsal_that_does_not_come_to_its_end_moves_nothing(status) -> None:
    present = deployed()
    cloud = CloudRun(present)
    with pytest.raises(BotError, match="the rehearsal ended"):
        carry_out_plan(
            plan(present), present, REGION, hands_on(cloud, [], report={"status": status})
        )
    assert set(cloud.traffic.values()) == {f"{name}-00001" for name in ORDER}


@pytest.mark.parametrize("status", ["done", "degraded", "halted"])
def test_a_bot_without_a_model_or_halted_by_a_person_can_be_deployed(status) -> None:
    present = deployed()
    cloud = CloudRun(present)
    carry_out_plan(plan(present), present, REGION, hands_on(cloud, [], report={"status": status}))
    assert cloud.traffic["tick"] == "tick-00002"


@pytest.mark.parametrize("after", [False, True])
def test_a_first_deployment_that_failed_anywhere_is_ended_by_the_next(after) -> None:
    tried = 0
    for number in range(1, 20):
        present = replace(NOTHING, jobs=("tick", "retrain", "watch"))
        cloud = CloudRun(present, fails_at=number, after=after)
        try:
            carry_out_plan(plan(present), present, REGION, hands_on(cloud, []))
            break
        except BotError:
            tried += 1
        there = present_of(cloud)
        carry_out_plan(plan(there), there, REGION, hands_on(cloud, []))
        assert set(cloud.traffic) == set(ORDER)
        assert cloud.traffic == cloud.newest
        if len(there.services) < len(ORDER):
            assert cloud.paused == set()
        elif there.paused:  # nobody knows any more who paused it: it is said, and `verify` finds it
            assert "goes on resting" in warnings_of(RELEASE, there)[0]
    assert tried == 10  # three jobs paused, four deployments, three jobs resumed


def present_of(cloud):
    services = {name: read_service(cloud.describe(name)) for name in cloud.newest}
    running = [job for job in ("tick", "retrain", "watch") if job not in cloud.paused]
    return DeployedCloud(services=services, jobs=running, paused=sorted(cloud.paused))


def test_no_quiet_moment_moves_nothing() -> None:
    present = deployed()
    cloud = CloudRun(present)

    def never() -> None:
        raise Unavailable("a tick is at work")

    with pytest.raises(Unavailable):
        carry_out_plan(plan(present), present, REGION, hands_on(cloud, [], waits=never))
    assert set(cloud.traffic.values()) == {f"{name}-00001" for name in ORDER}


def test_a_protecting_tick_that_fails_gives_all_traffic_back() -> None:
    present = deployed()
    cloud = CloudRun(present)

    def ask(_url, *, audience, body):
        return {"status": "done"} if body else {"status": "failed", "reason": "store_broken"}

    hands = replace(hands_on(cloud, []), ask_tick=ask)
    with pytest.raises(BotError, match="the protecting tick ended failed: store_broken"):
        carry_out_plan(plan(present), present, REGION, hands)
    assert set(cloud.traffic.values()) == {f"{name}-00001" for name in ORDER}


def test_traffic_goes_to_the_revision_that_was_rehearsed_whoever_else_deploys() -> None:
    present = deployed()
    cloud = CloudRun(present)

    def somebody_else() -> None:
        cloud.newest = {name: f"{name}-00009" for name in ORDER}

    carry_out_plan(plan(present), present, REGION, hands_on(cloud, [], waits=somebody_else))
    assert set(cloud.traffic.values()) == {f"{name}-00002" for name in ORDER}
