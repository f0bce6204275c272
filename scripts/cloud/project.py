"""A project as a whole: what it is, what it should be, and the plan between."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.cloud.applying import StepFailure, ValueOf, apply_steps
from scripts.cloud.deleting import DeletionStep, deletion_steps, named_resources
from scripts.cloud.desired import RESOURCES, load_desired
from scripts.cloud.facts import CloudFacts
from scripts.cloud.gcloud import Gcloud
from scripts.cloud.planning import PlanStep, plan_steps
from scripts.cloud.reading import CloudReading
from scripts.cloud.resource import Resource

ROUNDS = 5
"""What is made lets something else be known: APIs the project's number, that the channel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudPlan:
    """What must be done so that a project is as it should be."""

    facts: CloudFacts
    steps: tuple[PlanStep, ...]

    def steps_of(self, *actions: str) -> tuple[PlanStep, ...]:
        """The steps of some actions."""
        return tuple(step for step in self.steps if step.action in actions)

    @property
    def is_empty(self) -> bool:
        """Whether everything is as it should be."""
        return len(self.steps_of("nothing")) == len(self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionPlan:
    """What goes when a project is taken away. `has_database`: whether there are documents."""

    facts: CloudFacts
    steps: tuple[DeletionStep, ...]
    has_database: bool

    @property
    def has_schedule(self) -> bool:
        """Whether what calls the ticks goes."""
        return any(
            (step.resource.kind, step.resource.id) == ("schedule", "tick") for step in self.steps
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudProject:
    """A project, at a stage, or some parts of it.

    `email`: whom to mail; empty: as it is. `data`: the file of the desired state.
    """

    gcloud: Gcloud
    region: str
    stage: str
    parts: tuple[str, ...] = ()
    email: str = ""
    data: Path = RESOURCES

    @classmethod
    def open(
        cls,
        project: str,
        *,
        region: str,
        stage: str,
        parts: tuple[str, ...],
        environ: Mapping[str, str],
        email: str = "",
    ) -> "CloudProject":
        """The project, by the gcloud of this machine. Raises `UserError` for a part that there is
        not, or without gcloud.
        """
        load_desired(CloudFacts.of(project, region), stage).of_parts(parts)
        gcloud = Gcloud(project, environ=environ)
        return cls(gcloud=gcloud, region=region, stage=stage, parts=parts, email=email)

    def plan(self) -> CloudPlan:
        """Read what is, and compare. Raises what `Gcloud.run` does, and `UserError`."""
        reading = CloudReading(self.gcloud)
        nothing = CloudFacts.of(self.gcloud.project, self.region)
        names = {name for one in self._desired_resources(nothing) for name in one.waits}
        facts = reading.project_facts(self.region, names=names, email=self.email)
        wanted = self._desired_resources(facts)
        return CloudPlan(facts=facts, steps=plan_steps(wanted, reading.resources(wanted)))

    def _desired_resources(self, facts: CloudFacts) -> tuple[Resource, ...]:
        return load_desired(facts, self.stage, resources=self.data).of_parts(self.parts)

    def deletion_plan(self, *, also: Sequence[str] = ()) -> DeletionPlan:
        """Read what is there, and say what goes; `also` names what would stay."""
        reading = CloudReading(self.gcloud)
        facts = reading.project_facts(self.region)
        everything = load_desired(facts, self.stage, resources=self.data)
        wanted = named_resources(everything.of_parts(self.parts))
        databases = [one for one in everything.resources if one.kind == "database"]
        found = reading.resources([*databases, *wanted])
        has_database = any(
            kind == "database" and one.body is not None for (kind, _), one in found.items()
        )
        steps = deletion_steps(wanted, found, facts, also=also)
        return DeletionPlan(facts=facts, steps=steps, has_database=has_database)

    def apply_plan(
        self,
        plan: CloudPlan,
        *,
        value_of: ValueOf,
        tell: Callable[[PlanStep], None],
        pauses: Sequence[float] | None = None,
    ) -> tuple[CloudPlan, list[StepFailure]]:
        """Make the plan so, and what waited for something that it made; what is left then, and
        what failed.
        """
        told = {} if pauses is None else {"pauses": pauses}
        for _ in range(ROUNDS):
            failures = apply_steps(self.gcloud, plan.steps, value_of=value_of, tell=tell, **told)
            before, plan = plan, self.plan()
            todo = plan.steps_of("create", "change")
            if failures or not todo or todo == before.steps_of("create", "change"):
                break
        return plan, failures
