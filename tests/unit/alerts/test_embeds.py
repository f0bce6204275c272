"""Discord's limits, kept whatever the alerts are."""

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.alerts.embeds import COLOURS, messages, shorten_text
from shared.core.types import Alert, Level

AT = 1_893_456_000_123


def alert(number=0, *, level=Level.WARNING, title="A title", fields=None):
    return Alert(
        key=f"k{number}",
        level=level,
        kind="kind",
        title=title,
        at=AT,
        fields={"why": "so"} if fields is None else fields,
    )


def made(alerts):
    return list(messages(alerts, mask=lambda text: text))


def units(text):
    return len(text.encode("utf-16-le")) // 2


def test_an_alert_is_an_embed_with_colour_time_and_fields():
    ((group, body),) = made([alert(fields={"why": "so", "long": "x" * 30})])
    assert [item.key for item in group] == ["k0"]
    assert body["embeds"] == [
        {
            "title": "A title",
            "color": 0xF39C12,
            "timestamp": "2030-01-01T00:00:00.123Z",
            "footer": {"text": "k0"},
            "fields": [
                {"name": "why", "value": "so", "inline": True},
                {"name": "long", "value": "x" * 30, "inline": False},
            ],
        }
    ]
    assert body["allowed_mentions"] == {"parse": []}
    assert "content" not in body
    assert COLOURS == {Level.CRITICAL: 0xE74C3C, Level.WARNING: 0xF39C12, Level.INFO: 0x3498DB}


def test_critical_alerts_carry_their_titles_as_content_for_the_phone():
    alerts = [
        alert(number, level=Level.CRITICAL, title=title)
        for number, title in enumerate(["No stop.", "Halted.", "No stop."])
    ]
    ((_, body),) = made(alerts)
    assert body["content"] == "No stop.\nHalted."
    ((_, body),) = made([alert(n, level=Level.CRITICAL, title=f"{n}" * 256) for n in range(10)])
    assert units(body["content"]) == 2000


def test_eleven_alerts_are_two_messages_and_long_ones_are_more():
    assert [len(group) for group, _ in made([alert(number) for number in range(11)])] == [10, 1]
    assert [
        len(group)
        for group, _ in made(
            [alert(n, fields={"a": "x" * 1024, "b": "x" * 1024, "c": "x" * 900}) for n in range(4)]
        )
    ] == [2, 2]
    assert made([]) == []


def test_every_text_passes_the_mask():
    texts = []
    list(messages([alert(fields={"name": "value"})], mask=lambda text: texts.append(text) or text))
    assert {"A title", "k0", "name", "value"} <= set(texts)


TEXT = st.text(
    st.sampled_from("a é😀\n\x00*") | st.characters(exclude_categories=["Cs"]), max_size=30
).flatmap(
    lambda text: st.integers(0, 200).map(lambda times: text * times),
)
ALERTS = st.lists(
    st.builds(
        Alert,
        key=TEXT,
        level=st.just(Level.CRITICAL),
        kind=st.just("kind"),
        title=TEXT,
        at=st.integers(0, 4_000_000_000_000),
        fields=st.dictionaries(TEXT, TEXT, max_size=30),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(alerts=ALERTS)
def test_no_message_ever_breaks_a_limit_and_no_alert_is_lost(alerts):
    told = []
    for group, body in made(alerts):
        told += group
        assert 1 <= len(body["embeds"]) == len(group) <= 10
        assert units(body["content"]) <= 2000
        total = 0
        for embed in body["embeds"]:
            texts = [embed["title"], embed["footer"]["text"]]
            assert 1 <= units(embed["title"]) <= 256
            assert units(embed["footer"]["text"]) <= 2048
            assert len(embed["fields"]) <= 25
            for field in embed["fields"]:
                assert 1 <= units(field["name"]) <= 256
                assert 1 <= units(field["value"]) <= 1024
                texts += [field["name"], field["value"]]
            total += sum(map(units, texts))
        assert total <= 6000
    assert told == alerts


def test_a_text_is_cut_between_characters():
    assert shorten_text("  abc ", 3) == "abc"
    assert shorten_text("abcd", 3) == "ab…"
    assert shorten_text("😀😀😀", 4) == "😀…"
