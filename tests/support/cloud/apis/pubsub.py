"""What happens to subscriptions beside the usual verbs."""

from collections.abc import Mapping
from typing import Any

from tests.support.cloud.calls import Handler
from tests.support.cloud.routes import Call
from tests.support.cloud.state import State


def _push_config(call: Call, state: State) -> Any:
    state.read(call.key)["pushConfig"] = call.body.get("pushConfig", {})
    return {}


def _subscriptions(call: Call, state: State) -> Any:
    topic = call.resource.removesuffix("/subscriptions")
    state.read(f"pubsub/{topic}")
    every = state.below(f"pubsub/projects/{state.project}/subscriptions")
    return {"subscriptions": [told["name"] for told in every if told["topic"] == topic]}


def _delete_topic(call: Call, state: State) -> Any:
    state.remove(call.key)
    for told in state.below(f"pubsub/projects/{state.project}/subscriptions"):
        if told["topic"] == call.resource:
            told["topic"] = "_deleted-topic_"
    return {}


def _publish(call: Call, state: State) -> Any:
    state.read(call.key)
    return {"messageIds": [str(state.next()) for _ in call.body["messages"]]}


METHODS: Mapping[str, Handler] = {
    "pubsub.projects.subscriptions.modifyPushConfig": _push_config,
    "pubsub.projects.topics.delete": _delete_topic,
    "pubsub.projects.topics.publish": _publish,
    "pubsub.projects.topics.subscriptions.list": _subscriptions,
}
