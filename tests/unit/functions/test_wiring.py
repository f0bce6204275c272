"""Which adapter a setting opens, and what a wrong address is told."""

import pytest

from functions import wiring
from shared.alerts.outlets import TopicOutlet
from shared.core.clock import SystemClock
from shared.core.errors import BadSettings
from shared.stores.google.storage import GoogleBucket
from shared.stores.memory import MemoryDocuments

WEBHOOK = "https://discord.com/api/webhooks/123456/abcdef"
TOPIC = "pubsub://my-project/alerts"


def outlet(**environ: str) -> object:
    settings = wiring.settings_from(environ)
    return wiring.outlet_for(settings, environ, MemoryDocuments(), SystemClock())


@pytest.mark.parametrize(
    ("address", "told"),
    [
        (TOPIC, "projects/my-project/topics/alerts"),
        ("pubsub://example.com:my-project/a.b_c~d+e%f-g", None),
        ("pubsub://project-1/abc", "projects/project-1/topics/abc"),
    ],
)
def test_an_address_of_a_topic_is_taken(address, told) -> None:
    made = outlet(BOT_ALERTS=address)
    assert isinstance(made, TopicOutlet)
    assert told is None or repr(made) == f"TopicOutlet(PubSubSink({told}), None)"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "digest",
        "discord",
        "pubsub://",
        "pubsub://my-project",
        "pubsub://my-project/",
        "pubsub://my-project/alerts/more",
        "pubsub://My-Project/alerts",
        "pubsub://my-project/1alerts",
        "pubsub://my-project/ab",
        "http://my-project/alerts",
    ],
)
def test_an_address_that_names_no_topic_is_refused_with_a_remedy(address) -> None:
    with pytest.raises(BadSettings, match="alerts") as told:
        wiring.settings_from({"BOT_ALERTS": address})
    assert "pubsub://PROJECT/TOPIC" in told.value.remedy or not address


def test_discord_stands_behind_the_topic_for_what_is_critical_alone() -> None:
    made = outlet(BOT_ALERTS=TOPIC, DISCORD_WEBHOOK_URL=WEBHOOK)
    told = "TopicOutlet(PubSubSink(projects/my-project/topics/alerts), Office(default, discord))"
    assert repr(made) == told
    assert repr(outlet(BOT_ALERTS=TOPIC, DISCORD_WEBHOOK_INFO=WEBHOOK)).endswith(", None)")
    assert repr(outlet(BOT_ALERTS=TOPIC, BOT_SECOND_CHANNEL="command:true")).endswith(
        ", Office(default, log))"
    )
    assert repr(outlet(DISCORD_WEBHOOK_URL=WEBHOOK)) == "LocalOutlet(Office(default, discord))"
    assert (
        repr(outlet(BOT_ALERTS="log", DISCORD_WEBHOOK_URL=WEBHOOK))
        == "LocalOutlet(Office(default, log))"
    )


def test_the_second_channel_is_what_is_named_and_on_cloud_run_a_line_of_the_log() -> None:
    assert wiring.second_for({}) is None
    assert wiring.second_for({"K_SERVICE": "alerts"}).name == "log line"
    mail = {"BOT_SECOND_CHANNEL": "smtp://me@mail.test/?from=a@b.test&to=c@d.test"}
    assert repr(wiring.second_for(mail)) == "Mail(mail.test)"
    assert wiring.second_for({"BOT_SECOND_CHANNEL": "command:say 'it is down'"}).name == "command"
    for wrong in (
        "mail.test",
        "smtp://mail.test",
        "command:",
        "command:'open",
        "https://x/?from=a&to=b",
    ):
        with pytest.raises(BadSettings) as told:
            wiring.second_for({"BOT_SECOND_CHANNEL": wrong})
        assert told.value.remedy


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("gs://my-bucket", "GoogleBucket(gs://my-bucket/)"),
        ("gs://my-bucket/bots/one", "GoogleBucket(gs://my-bucket/bots/one/)"),
        ("gs://my.bucket_2/", "GoogleBucket(gs://my.bucket_2/)"),
    ],
)
def test_an_address_of_a_bucket_opens_it_without_asking_anybody(address, told) -> None:
    made = wiring.bucket_for(wiring.settings_from({"BOT_BUCKET": address}))
    assert isinstance(made, GoogleBucket)
    assert repr(made) == told


@pytest.mark.parametrize(
    "address", ["gs://", "gs://a", "gs://My-Bucket", "gs://my-bucket/../up", "gs://my-bucket/.x"]
)
def test_an_address_that_names_no_bucket_is_refused_with_a_remedy(address) -> None:
    with pytest.raises(BadSettings, match="BOT_BUCKET") as told:
        wiring.bucket_for(wiring.settings_from({"BOT_BUCKET": address}))
    assert "gs://my-bucket" in told.value.remedy


def test_on_cloud_run_a_bucket_and_a_topic_are_what_may_be_set() -> None:
    cloud = {"K_SERVICE": "tick", "BOT_STATE": "firestore://p/d", "BOT_BUCKET": "gs://my-bucket"}
    assert wiring.settings_from({**cloud, "BOT_ALERTS": TOPIC}).alerts == TOPIC
    with pytest.raises(BadSettings) as told:
        wiring.settings_from(cloud)
    assert "pubsub://PROJECT/TOPIC" in told.value.remedy
