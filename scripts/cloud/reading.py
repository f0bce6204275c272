"""What is: asked of gcloud, each question once, several at a time."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from scripts.cloud.facts import AWAITED, CloudFacts, service_facts, traffic_of
from scripts.cloud.gcloud import Gcloud
from scripts.cloud.kinds import KINDS
from scripts.cloud.kinds.kind import call
from scripts.cloud.resource import FoundResource, GcloudCall, Resource
from shared.core.errors import NotThere, Unavailable
from shared.core.retry import retry

AT_ONCE = 4
PAUSES_SECONDS = (1.0, 4.0)

ENABLED = GcloudCall(arguments=("services", "list", "--enabled"))
_PROJECTS, _BILLING, _RUN, _BUILDS, _MONITORING = (
    f"{name}.googleapis.com"
    for name in ("cloudresourcemanager", "cloudbilling", "run", "cloudbuild", "monitoring")
)
CONNECTION, REPOSITORY = "github", "crypto-bot"
MAIL_CHANNEL = "crypto-bot"
"""The display name of the channel that mails."""


class CloudReading:
    """Answers of one moment; a question that comes again is not asked again."""

    def __init__(self, gcloud: Gcloud, *, has_all_apis: bool = False) -> None:
        """Ask nothing yet. `has_all_apis`: do not even ask whether an API is enabled."""
        self._gcloud, self._has_all_apis = gcloud, has_all_apis
        self._answers: dict[GcloudCall, Any] = {}
        self._apis: frozenset[str] | None = None

    def project_facts(
        self, region: str, *, names: Collection[str] = AWAITED, email: str = ""
    ) -> CloudFacts:
        """What is known of the project, of what has one of the names. Raises what `Gcloud.run`
        does.
        """
        project = self._gcloud.project
        told = self._ask_all(
            {
                api: question
                for api, (question, prefixes) in _fact_questions(project, region).items()
                if any(name.startswith(prefixes) for name in names) and self._is_enabled(api)
            }
        )
        services = told.get(_RUN) or []
        channel = _mail_channel(told.get(_MONITORING) or [])
        known = {
            "number": (told.get(_PROJECTS) or {}).get("projectNumber", ""),
            "billing": (told.get(_BILLING) or {}).get("billingAccountName", ""),
            "repository": (told.get(_BUILDS) or {}).get("name", ""),
            "channel": channel.get("name", ""),
            "email": email or channel.get("labels", {}).get("email_address", ""),
            **service_facts(services, project, region),
        }
        facts = CloudFacts.of(project, region, **known)
        return replace(facts, traffic=traffic_of(services))

    def resources(self, wanted: Iterable[Resource]) -> Mapping[tuple[str, str], FoundResource]:
        """What is there of what is wanted, by kind and name."""
        asked = {
            (one.kind, one.name): (one, KINDS[one.kind].question(one))
            for one in wanted
            if not one.waits and self._is_enabled(KINDS[one.kind].api_of(one))
        }
        answers = self._ask_all({question: question for _, question in asked.values()})
        found = {}
        for key, (resource, question) in asked.items():
            answer = answers[question]
            body = None if answer is None else KINDS[resource.kind].resource_body(resource, answer)
            found[key] = FoundResource(body=body, whole=answer)
        return found

    def _is_enabled(self, api: str) -> bool:
        if self._has_all_apis or not api:
            return True
        if self._apis is None:
            listed = self._ask_all({ENABLED: ENABLED})[ENABLED] or []
            self._apis = frozenset(one["name"].rpartition("/")[2] for one in listed)
        return api in self._apis

    def _ask_all(self, questions: Mapping[Any, GcloudCall]) -> dict[Any, Any]:
        new = list(dict.fromkeys(q for q in questions.values() if q not in self._answers))
        with ThreadPoolExecutor(max_workers=AT_ONCE) as threads:
            self._answers |= dict(zip(new, threads.map(self._ask, new), strict=True))
        return {name: self._answers[question] for name, question in questions.items()}

    def _ask(self, question: GcloudCall) -> Any:
        """The answer, None where there is nothing; asking is repeated, for it changes nothing."""
        try:
            return retry(
                lambda: self._gcloud.run(question),
                on=Unavailable,
                pause_seconds=lambda _, number: dict(enumerate(PAUSES_SECONDS, 1)).get(number),
            )
        except NotThere:
            return None


def _fact_questions(project: str, region: str) -> Mapping[str, tuple[GcloudCall, tuple[str, ...]]]:
    """By the API that it needs: what to ask, and how the names begin that it tells."""
    described = (REPOSITORY, f"--connection={CONNECTION}", f"--region={region}")
    return {
        _PROJECTS: (call("projects", "describe", project), ("number",)),
        _BILLING: (call("billing", "projects", "describe", project), ("billing",)),
        _RUN: (call("run", "services", "list", f"--region={region}"), ("url:", "service:")),
        _BUILDS: (call("builds", "repositories", "describe", *described), ("repository",)),
        _MONITORING: (call("beta", "monitoring", "channels", "list"), ("channel", "email")),
    }


def _mail_channel(channels: Sequence[Any]) -> Mapping[str, Any]:
    """The channel that mails, or nothing."""
    return next((one for one in channels if one.get("displayName") == MAIL_CHANNEL), {})
