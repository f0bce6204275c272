"""A topic of the real Pub/Sub emulator, and what arrived there."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
from google.pubsub_v1.services.publisher import PublisherClient
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.services.subscriber import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

from tests.support.emulators import fresh_project


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic with one subscription that has seen it from its beginning."""

    address: str
    subscription: str
    subscriber: SubscriberClient

    def pull(self, *, least: int = 0) -> list[Any]:
        """The messages that arrived since the last look, at least so many of them if they come
        within some seconds; each is acknowledged.
        """
        found: list[Any] = []
        for _ in range(20):
            try:
                answer = self.subscriber.pull(
                    subscription=self.subscription,
                    max_messages=1000,
                    timeout=5.0 if len(found) < least else 0.5,
                    retry=None,
                )
            except Exception as error:
                if type(error).__name__ != "DeadlineExceeded":
                    raise
                break
            found += [item.message for item in answer.received_messages]
            if answer.received_messages:
                self.subscriber.acknowledge(
                    subscription=self.subscription,
                    ack_ids=[item.ack_id for item in answer.received_messages],
                    timeout=5.0,
                )
        return found


@contextlib.contextmanager
def pubsub_clients(emulator: str) -> Iterator[tuple[str, PublisherClient, SubscriberClient]]:
    """A project of its own, and Google's clients for it."""
    with (
        PublisherClient(
            transport=PublisherGrpcTransport(channel=grpc.insecure_channel(emulator))
        ) as publisher,
        SubscriberClient(
            transport=SubscriberGrpcTransport(channel=grpc.insecure_channel(emulator))
        ) as subscriber,
    ):
        yield fresh_project(), publisher, subscriber


@contextlib.contextmanager
def made_topic(emulator: str, *, name: str = "alerts") -> Iterator[Topic]:
    """A topic in a project of its own."""
    with pubsub_clients(emulator) as (project, publisher, subscriber):
        topic = f"projects/{project}/topics/{name}"
        subscription = f"projects/{project}/subscriptions/{name}"
        publisher.create_topic(name=topic, timeout=30.0)
        subscriber.create_subscription(name=subscription, topic=topic, timeout=30.0)
        yield Topic(
            address=f"pubsub://{project}/{name}", subscription=subscription, subscriber=subscriber
        )
