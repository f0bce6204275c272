"""Who may do what with one resource: the bindings of its policy that are ours.

Ours are the accounts that the data names, those of Google's agents that it gives something to, and
everybody. What other people hold is none of our business and stays as it is: a policy is written
back whole, at the etag at which it was read.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scripts.cloud.comparing import FieldDifference
from scripts.cloud.kinds.kind import PlainKind, call
from scripts.cloud.resource import DOCUMENT, Body, FoundResource, GcloudCall, Resource

_PUBLIC = ("allUsers", "allAuthenticatedUsers")
_OURS = re.compile(r"serviceAccount:bot-[a-z-]+@")


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyGroup:
    """Where policies of some resources are read and written.

    Attributes:
        pattern: Of the resources' names.
        words: Of gcloud's command.
        api: Without which there is no such resource; empty where every project has it.
        before: What gcloud wants before the last part of the name.
    """

    pattern: str
    words: str
    api: str
    before: str = ""


_GROUPS = tuple(
    PolicyGroup(pattern=pattern, words=words, api=api, before=before)
    for pattern, words, api, before in (
        (r"projects/[^/]+", "projects", "cloudresourcemanager.googleapis.com", ""),
        (r".+/serviceAccounts/[^/]+", "iam service-accounts", "iam.googleapis.com", ""),
        (r"b/[^/]+", "storage buckets", "", "gs://"),
        (r".+/secrets/[^/]+", "secrets", "secretmanager.googleapis.com", ""),
        (r".+/topics/[^/]+", "pubsub topics", "pubsub.googleapis.com", ""),
        (r".+/subscriptions/[^/]+", "pubsub subscriptions", "pubsub.googleapis.com", ""),
        (r".+/locations/[^/]+/services/[^/]+", "run services", "run.googleapis.com", ""),
    )
)


class RightsKind(PlainKind):
    """The bindings of one resource."""

    schema = "cloudresourcemanager.v1 Policy"
    reads_first = True

    def api_of(self, resource: Resource) -> str:
        """That of the resource."""
        return _group(resource).api

    def question(self, resource: Resource) -> GcloudCall:
        """The policy of the resource."""
        return call(*_about(resource, "get-iam-policy"))

    def resource_body(self, resource: Resource, answer: Any) -> Body | None:
        """Our bindings: by role and condition, with the members that are ours."""
        bindings = [
            {**one, "members": members}
            for one in answer.get("bindings", [])
            if (members := sorted(filter(_is_ours(resource), one["members"])))
        ]
        return {"bindings": _in_order(bindings)}

    def create_calls(self, resource: Resource) -> Sequence[GcloudCall]:
        """Nothing yet: its resource is made in the same run, and comes with a policy."""
        return []

    def change_calls(
        self, resource: Resource, found: FoundResource, differences: Sequence[FieldDifference]
    ) -> Sequence[GcloudCall]:
        """The policy as it was read, with our bindings as they should be."""
        return [
            _set(
                resource,
                found.whole,
                _merge_bindings([*_others(resource, found), *resource.body["bindings"]]),
            )
        ]

    def delete_calls(self, resource: Resource, found: FoundResource) -> Sequence[GcloudCall]:
        """Those in the project; elsewhere they go with their resource."""
        if _group(resource).words != "projects" or not found.body or not found.body["bindings"]:
            return []
        return [_set(resource, found.whole, _others(resource, found))]


def wanted_bindings(bindings: Sequence[Body]) -> list[Body]:
    """Bindings as the data has them, in the one order in which they are compared.

    >>> wanted_bindings([{"role": "b", "members": ["z", "a"]}, {"role": "a", "members": ["q"]}])[1]
    {'role': 'b', 'members': ['a', 'z']}
    """
    return _in_order([{**one, "members": sorted(one["members"])} for one in bindings])


def _others(resource: Resource, found: FoundResource) -> list[Body]:
    """What people and accounts hold that are not ours."""
    is_ours = _is_ours(resource)
    return [
        {**one, "members": members}
        for one in found.whole.get("bindings", [])
        if (members := [who for who in one["members"] if not is_ours(who)])
    ]


def _is_ours(resource: Resource) -> Any:
    given = {who for one in resource.body["bindings"] for who in one["members"]}
    return lambda who: who in given or who in _PUBLIC or bool(_OURS.match(who))


def _in_order(bindings: Iterable[Body]) -> list[Body]:
    return sorted(bindings, key=_role_and_condition)


def _role_and_condition(binding: Body) -> tuple[str, str]:
    return binding["role"], binding.get("condition", {}).get("expression", "")


def _merge_bindings(bindings: Iterable[Body]) -> list[Body]:
    """One binding a role and condition."""
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for one in bindings:
        kept = merged.setdefault(_role_and_condition(one), {**one, "members": []})
        kept["members"] = sorted({*kept["members"], *one["members"]})
    return list(merged.values())


def _set(resource: Resource, policy: Mapping[str, Any], bindings: Sequence[Body]) -> GcloudCall:
    """At the etag that was read: whoever was faster makes it a conflict."""
    document = {**policy, "version": 3, "bindings": bindings}
    return call(*_about(resource, "set-iam-policy", DOCUMENT), document=document)


def _group(resource: Resource) -> PolicyGroup:
    return next(one for one in _GROUPS if re.fullmatch(one.pattern, resource.name))


def _about(resource: Resource, verb: str, *more: str) -> tuple[str, ...]:
    group = _group(resource)
    where = (f"--region={resource.region}",) if group.words == "run services" else ()
    return (*group.words.split(), verb, f"{group.before}{resource.id}", *more, *where)
