"""The kinds of resources that behave as REST's usual ones do, and what the server adds to each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.cloud import defaults
from tests.support.cloud.routes import Call
from tests.support.cloud.state import Refusal, Resource, State

Added = Callable[[Call, State, str], Resource]
"""What the server writes beside the body: of the call, the project and the resource's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How the resources of one collection come to be.

    `named_by`: the query parameter with the id (`secretId`), a field of the body (`body:name`),
    or `server`, which invents one. `body`: the field of the request that holds the resource, all
    of it where empty. `short`: the name in the answer is that of the body, not the whole path.
    """

    named_by: str
    body: str = ""
    short: bool = False
    added: Added = lambda call, state, name: {}


KINDS: Mapping[str, Kind] = {
    "artifactregistry.projects.locations.repositories": Kind(
        named_by="repositoryId", added=defaults.repository
    ),
    "billingbudgets.billingAccounts.budgets": Kind(named_by="server", added=defaults.budget),
    "cloudbuild.projects.locations.connections": Kind(
        named_by="connectionId", added=defaults.connection
    ),
    "cloudbuild.projects.locations.connections.repositories": Kind(
        named_by="repositoryId", added=defaults.source_repository
    ),
    "cloudbuild.projects.locations.triggers": Kind(
        named_by="server", short=True, added=defaults.trigger
    ),
    "cloudscheduler.projects.locations.jobs": Kind(named_by="body:name", added=defaults.job),
    "firestore.projects.databases": Kind(named_by="databaseId", added=defaults.database),
    "firestore.projects.databases.collectionGroups.indexes": Kind(
        named_by="server", added=defaults.index
    ),
    "iam.projects.serviceAccounts": Kind(
        named_by="body:accountId", body="serviceAccount", added=defaults.account
    ),
    "logging.projects.locations.buckets": Kind(named_by="bucketId", added=defaults.log_bucket),
    "logging.projects.metrics": Kind(named_by="body:name", short=True, added=defaults.metric),
    "monitoring.projects.alertPolicies": Kind(named_by="server", added=defaults.alert_policy),
    "monitoring.projects.notificationChannels": Kind(named_by="server", added=defaults.channel),
    "pubsub.projects.subscriptions": Kind(named_by="path", added=defaults.subscription),
    "pubsub.projects.topics": Kind(named_by="path"),
    "secretmanager.projects.secrets": Kind(named_by="secretId", added=defaults.secret),
}
"""By the id of their methods without the last word."""


def kind_of(call: Call) -> Kind | None:
    """The kind that a call is of, by the id of its method; None where it is a special one."""
    return KINDS.get(call.method.id.rpartition(".")[0])


def name_of(call: Call, kind: Kind, state: State) -> str:
    """The full name of what a call creates; 400 where the call does not say it."""
    if kind.named_by == "path":
        return call.resource
    if kind.named_by == "server":
        return f"{call.resource}/{10**18 + state.next()}"
    where, _, field = kind.named_by.rpartition(":")
    told: Any = call.body.get(field) if where else call.query.get(field)
    if not told:
        raise Refusal(400, f"{field} is missing")
    if kind.body == "serviceAccount":
        told = f"{told}@{state.project}.iam.gserviceaccount.com"
    return str(told) if "/" in str(told) else f"{call.resource}/{told}"
