"""How each function runs on Cloud Run, as `infra/functions.yaml` says, and the words for gcloud
that make it so. Pure, but for reading that file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from scripts.delivery.staged import PYTHON
from scripts.installation.checkout import ROOT

SPECS = Path("infra/functions.yaml")
CANDIDATE = "candidate"
"""The tag of a revision that is not trusted with traffic yet."""
BASE_IMAGE = f"python{PYTHON.replace('.', '')}"
_BETWEEN = "^|^"
"""How gcloud is told that `|` stands between variables: a value may hold commas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """How one function runs; the fields are explained in `infra/functions.yaml`."""

    memory: str
    cpu: int
    boost: bool
    concurrency: int
    instances: int
    timeout_seconds: int
    secrets: tuple[str, ...]
    real_money: tuple[str, ...]
    environ: Mapping[str, str]

    def secrets_at(self, stage: str) -> tuple[str, ...]:
        """The secrets that it is given in a stage."""
        return (*self.secrets, *(self.real_money if stage != "paper" else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Specs:
    """Those of all functions, and the variables that all of them have."""

    every: Mapping[str, str]
    tick: FunctionSpec
    retrain: FunctionSpec
    backtest: FunctionSpec
    alerts: FunctionSpec

    def function_spec(self, function: str) -> FunctionSpec:
        """The one of a function."""
        spec: FunctionSpec = getattr(self, function)
        return spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """What is deployed, and where: one commit, at one stage, into one project.

    Attributes:
        commit: Of the staged trees.
        epoch: When that commit was made, seconds.
        code: The hash of the code that decides (`shared.core.deciding`).
        settings: Variables of the bot that its owner has chosen, as `BOT_CAPITAL_JPY`.
        versions: The newest enabled version of each secret.
    """

    project: str
    region: str
    stage: str
    commit: str
    epoch: int
    code: str
    settings: Mapping[str, str]
    versions: Mapping[str, str]


def load_specs(root: Path = ROOT) -> Specs:
    """What `infra/functions.yaml` says. Raises `msgspec.ValidationError` for a misspelt field."""
    told = msgspec.yaml.decode((root / SPECS).read_bytes())
    unknown = {
        f"{function}.{field}"
        for function, fields in told.items()
        if function != "every"
        for field in set(fields) - set(FunctionSpec.__dataclass_fields__)
    } | (set(told) - set(Specs.__dataclass_fields__))
    if unknown:
        raise msgspec.ValidationError(f"{SPECS} names {', '.join(sorted(unknown))}")
    return msgspec.convert(told, Specs)


def environment_of(
    function: str, specs: Specs, release: Release, *, tick_url: str = ""
) -> dict[str, str]:
    """The variables of a function, without its secrets."""
    filled = {"${project}": release.project, "${tick_url}": tick_url}
    spec = specs.function_spec(function)
    named = {**specs.every, **spec.environ}
    for mark, value in filled.items():
        named = {name: text.replace(mark, value) for name, text in named.items()}
    return {
        **release.settings,
        **named,
        "BOT_MODE": "paper" if release.stage == "paper" else "live",
        "BOT_STAGE": release.stage,
        "COMMIT_SHA": release.commit,
        "CLOUD_RUN_TIMEOUT_SECONDS": str(spec.timeout_seconds),
    }


def deploy_words(
    function: str,
    specs: Specs,
    release: Release,
    *,
    folder: Path,
    tick_url: str,
    is_new: bool,
) -> tuple[str, ...]:
    """What gcloud is told so that the tree in `folder` becomes a revision of the function.

    A service that is new gets its traffic at once, for gcloud refuses to make one without; a
    revision of an old one gets a tag and none.
    """
    spec = specs.function_spec(function)
    environ = environment_of(function, specs, release, tick_url=tick_url)
    secrets = [f"{name}={name}:{release.versions[name]}" for name in spec.secrets_at(release.stage)]
    return (
        *("run", "deploy", function, f"--region={release.region}"),
        f"--source={folder}",
        f"--function={function}",
        f"--base-image={BASE_IMAGE}",
        "--no-automatic-updates",
        f"--set-build-env-vars=SOURCE_DATE_EPOCH={release.epoch}",
        f"--build-service-account={_account('build', release, in_full=True)}",
        f"--service-account={_account(function, release)}",
        "--no-allow-unauthenticated",
        f"--memory={spec.memory}",
        f"--cpu={spec.cpu}",
        "--cpu-boost" if spec.boost else "--no-cpu-boost",
        f"--concurrency={spec.concurrency}",
        f"--max-instances={spec.instances}",
        f"--timeout={spec.timeout_seconds}s",
        f"--set-env-vars={_BETWEEN}{'|'.join(_pairs(environ))}",
        f"--set-secrets={','.join(secrets)}" if secrets else "--clear-secrets",
        f"--labels={','.join(_pairs(_labels(release)))}",
        *(() if is_new else ("--no-traffic", f"--tag={CANDIDATE}")),
    )


def traffic_words(function: str, region: str, revision: str) -> tuple[str, ...]:
    """What gives all traffic of a function to a revision of it, by its name and not by `latest`."""
    return (
        *("run", "services", "update-traffic", function, f"--region={region}"),
        f"--to-revisions={revision}=100",
    )


def schedule_words(action: str, job: str, region: str) -> tuple[str, ...]:
    """What pauses or resumes a job of the scheduler."""
    return ("scheduler", "jobs", action, job, f"--location={region}")


def _account(name: str, release: Release, *, in_full: bool = False) -> str:
    address = f"bot-{name}@{release.project}.iam.gserviceaccount.com"
    return f"projects/{release.project}/serviceAccounts/{address}" if in_full else address


def _labels(release: Release) -> dict[str, str]:
    return {
        "commit": release.commit.removesuffix("-changed")[:12],
        "code": release.code,
        "stage": release.stage,
    }


def _pairs(named: Mapping[str, str]) -> Sequence[str]:
    return [f"{name}={value}" for name, value in sorted(named.items())]
