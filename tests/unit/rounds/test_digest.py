"""The digest of a day: what it says, that it is told once with what waited for it, and that it fits
into a message.
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from typing import Any

import msgspec
import pytest
from PIL import Image

from shared.alerts.discord.sink import DiscordSink
from shared.alerts.office import Office
from shared.alerts.records import is_for_the_digest, record_write
from shared.core.calendar import DAY_MS, HOUR_MS, jst_day
from shared.core.errors import Unavailable
from shared.core.reasons import Reason
from shared.core.settings import load_settings
from shared.core.types import Alert, Level, Side, Trade
from shared.risk.limits import Limits
from shared.rounds import day_digest, digest_window
from shared.rounds.day import read_day
from shared.rounds.duties import MOST_MARKED, RoundsPlace, do_digest
from shared.rounds.picture import draw_equity
from shared.rounds.reading import MOST_TICKS
from shared.stores.memory import MemoryBucket, MemoryDocuments
from shared.stores.ports import Write
from shared.tick.documents import BotDocuments
from shared.turn.state import State
from tests.support.discord import LoopbackDiscord, loopback_discord
from tests.support.dying_store import DyingStore
from tests.support.fixed_clock import FixedClock
from tests.unit.alerts.test_discord import no_proxy  # noqa: F401 - a fixture

SETTINGS = load_settings({"BOT_DISCORD__TIMEOUT_SECONDS": "5"})
NOW = 1_769_871_540_123
BEGIN, END = digest_window(NOW, SETTINGS)


@pytest.fixture
def discord() -> Iterator[LoopbackDiscord]:
    with loopback_discord(limits=False) as running:
        yield running


class Bot:
    """A bot with a day behind it, and the round that tells of it."""

    def __init__(self, discord: LoopbackDiscord) -> None:
        self.documents, self.bucket = MemoryDocuments(), MemoryBucket()
        self.clock, self.discord = FixedClock(NOW), discord
        self.documents.create("bots/default", {"state": None, "lease": {"fence": 1}})

    def put(self, path: str, data: Any) -> None:
        self.documents.commit([Write(kind="put", path=path, data=data)])

    def alert(self, name: str, level: Level = Level.INFO, **more: Any) -> None:
        at = more.pop("at", BEGIN + HOUR_MS)
        title = f"Title of {name}."
        one = Alert(key=f"default:{name}", level=level, kind="kind", title=title, at=at)
        later = is_for_the_digest(one, SETTINGS)
        data = record_write(one, bot="default", for_digest=later).data or {}
        self.put(f"alerts/default:{name}", {**data, **more})

    def equity(self, points: list[tuple[int, int]]) -> None:
        days: dict[str, dict[str, str]] = {}
        for at, yen in points:
            days.setdefault(jst_day(at), {})[str(at)] = f"{yen}.0000"
        for date, equity in days.items():
            self.put(f"days/default~{date}", {"bot": "default", "date": date, "equity": equity})

    def trade(self, number: int, net: int, at: int) -> None:
        made = Trade(
            sequence=number,
            side=Side.LONG,
            opened_at=at - HOUR_MS,
            closed_at=at,
            lots=100,
            entry_price=Decimal(9_800_000),
            exit_price=9_900_000,
            reason=Reason.EXIT_TARGET,
            gross_jpy=Decimal(net + 10),
            fees_jpy=Decimal(10),
            interest_jpy=Decimal(0),
            slippage_jpy=Decimal(2),
            ends_position=True,
        )
        data = {"bot": "default", **msgspec.to_builtins(made)}
        self.put(f"trades/default~{number:08d}", data)

    def tick(self, number: int, status: str = "done", *, at: int | None = None) -> None:
        at = BEGIN + number * 180_000 if at is None else at
        report = {"status": status, "mark_price": None, "positions": [], "equity_jpy": None}
        data = {"bot": "default", "tick": f"t{number}", "claimed_at": at, "report": report}
        self.put(f"ticks/default~t{number:04d}", data)

    def place(self, documents: Any = None) -> RoundsPlace:
        sink = DiscordSink(
            dict.fromkeys(Level, self.discord.url), SETTINGS, write=lambda *_, **__: None
        )
        store = documents or self.documents
        return RoundsPlace(
            settings=SETTINGS,
            documents=store,
            bucket=self.bucket,
            clock=self.clock,
            office=Office(store, SETTINGS, self.clock, sink),
        )

    def fields(self) -> dict[str, str]:
        digest = day_digest(
            BotDocuments(self.documents, "default"), self.bucket, SETTINGS, now_ms=NOW
        )
        return {"title": digest.alert.title, **digest.alert.fields}


@pytest.fixture
def bot(discord: LoopbackDiscord) -> Bot:
    return Bot(discord)


def full_day(bot: Bot) -> None:
    first = BEGIN - HOUR_MS // 4
    bot.equity([(first + number * HOUR_MS, 1_000_000 + number * 100) for number in range(25)])
    for number, net in enumerate((500, -200, 2_100)):
        bot.trade(number, net, BEGIN + (number + 2) * HOUR_MS)
    for number in range(470):
        bot.tick(number, "degraded" if number % 100 == 7 else "done")
    bot.alert("resumed")
    bot.alert("warned", Level.WARNING, times=4)
    bot.alert("refused", Level.WARNING, dead_at=BEGIN + 5, dead_why="Discord answered 400")


def test_a_digest_tells_the_day_in_figures_that_a_reader_can_check(bot: Bot) -> None:
    full_day(bot)
    told = bot.fields()
    assert told["title"] == "2026-01-31: +2,400 yen (+0.24 %), 3 trades."
    assert "1,000,000 yen" in told["equity"]
    assert "1,002,400 yen" in told["equity"]
    assert "2,400 yen" in told["trades"]
    assert "30 yen" in told["costs"]
    assert "6 yen" in told["costs"]
    assert told["ticks"] == "470: 465 done, 5 degraded"
    text = "\n".join(told.values())
    assert "Title of resumed." in text
    assert "Discord answered 400" in text


@pytest.mark.parametrize("at", ["18:00", "00:00"])
@pytest.mark.parametrize("is_faster", [True, False], ids=["tick first", "digest first"])
def test_the_results_of_two_days_add_up_whoever_is_faster_at_their_border(
    bot: Bot, at: str, is_faster: bool
) -> None:
    settings = replace(SETTINGS, digest=replace(SETTINGS.digest, at=at))
    begin, end = digest_window(NOW, settings)
    step = HOUR_MS // 4
    points = [(begin - step + number * step, 1_000_000 + number**2) for number in range(194)]

    def change(until: int) -> Decimal:
        bot.equity([(when, yen) for when, yen in points if when < until + is_faster])
        from_at, to_at = digest_window(until, settings)
        assert to_at == until
        reader = BotDocuments(bot.documents, "default")
        day = read_day(reader, settings, begin_at=from_at, end_at=to_at)
        assert 96 < len(day.equity) <= 97
        return day.equity[-1][1] - day.equity[0][1]

    assert change(end) + change(end + DAY_MS) == 192**2


def test_a_digest_is_told_once_with_its_picture_and_what_waited_for_it(bot: Bot) -> None:
    full_day(bot)
    assert do_digest(bot.place())["is_due"]
    for _ in range(3):
        assert do_digest(bot.place()) == {"is_due": False}
    messages = [m for m in bot.discord.posted if "digest" in m.embeds[0]["footer"]["text"]]
    (message,) = messages
    (picture,) = message.pictures
    assert Image.open(BytesIO(picture)).size == (800, 400)
    assert message.embeds[0]["image"] == {"url": "attachment://picture.png"}
    stored = bot.documents.get("alerts/default:resumed")
    assert stored is not None
    assert (stored.data["told_by"], stored.data["digest_for"]) == ("digest", None)
    bot.clock.sleep_until(NOW + DAY_MS)
    assert do_digest(bot.place())["is_due"], "the next day has its own"


def test_a_clock_that_is_ahead_tells_of_no_day_before_it_is_over(bot: Bot) -> None:
    bot.clock = FixedClock(END - DAY_MS + HOUR_MS)
    assert do_digest(bot.place())["is_due"]
    bot.clock = FixedClock(END + HOUR_MS)
    ahead = replace(bot.place(), skew_ms=lambda: 6.0 * HOUR_MS)
    assert do_digest(ahead) == {"is_due": False}, "it is one o'clock"
    assert do_digest(replace(bot.place(), skew_ms=lambda: 0.0))["is_due"]


def test_what_a_digest_told_is_told_by_no_later_one_however_much_it_was(bot: Bot) -> None:
    for number in range(2 * MOST_MARKED + 7):
        bot.alert(f"resumed-{number}")
    assert do_digest(bot.place())["is_due"]
    waiting = bot.documents.query("alerts", field="digest_for", value="default", limit=10)
    assert waiting == []


def test_what_is_more_than_a_batch_is_told_by_one_digest_and_not_by_the_next(bot: Bot) -> None:
    for number in range(700):
        bot.alert(f"info-{number:03d}")
    bot.alert("a-later-one", at=END + 1)
    assert do_digest(bot.place())["is_due"]
    waiting = bot.documents.query("alerts", field="digest_for", value="default", limit=1_000)
    assert [one.path for one in waiting] == ["alerts/default:a-later-one"]


def test_a_dead_letter_is_told_by_the_next_digest_however_late_and_by_one(bot: Bot) -> None:
    """Nothing ran for three days after the refusal."""
    bot.discord.refuses = lambda body: "no" if "Title of bad" in str(body) else ""
    place = bot.place()
    bad = Alert(key="default:bad", level=Level.WARNING, kind="kind", title="Title of bad.", at=NOW)
    assert place.office.tell([bad], seconds=20.0).dead == 1
    bot.discord.refuses = lambda body: ""
    told = []
    for days in (3, 4, 5):
        bot.clock.sleep_until(NOW + days * DAY_MS)
        assert do_digest(bot.place())["is_due"]
        told.append("Title of bad" in str(bot.discord.posted[-1].embeds))
    assert told == [True, False, False]


def test_of_a_bot_that_never_ticked_nothing_is_told(discord: LoopbackDiscord) -> None:
    bot = Bot(discord)
    bot.documents = MemoryDocuments()
    assert do_digest(bot.place()) == {"is_due": False}
    assert discord.posted == []


def test_whoever_dies_while_telling_it_repeats_it_at_most_once(discord: LoopbackDiscord) -> None:
    died = 0
    for lives in range(60):
        discord.messages.clear()
        bot = Bot(discord)
        bot.equity([(BEGIN, 1_000_000), (END - HOUR_MS, 1_000_100)])
        bot.alert("resumed")
        finished = True
        try:
            do_digest(bot.place(DyingStore(bot.documents, lives)))
        except Unavailable:
            finished = False
            died += 1
        bot.clock.sleep_until(NOW + 900_000)
        place = bot.place()
        do_digest(place)
        place.office.deliver_due(seconds=20.0)
        told = [m for m in discord.posted if "digest" in m.embeds[0]["footer"]["text"]]
        assert 1 <= len(told) <= 2 - finished
        news = [m for m in told if "Title of resumed." in str(m.embeds)]
        assert len(news) == len(told), "what waited is told with it, never without"
        if finished:
            break
    assert died >= 12


def test_the_longest_day_fits_into_a_message(bot: Bot) -> None:
    rng = random.Random(3)
    bot.equity([(BEGIN + n * 900_000, 1_000_000 + rng.randint(-9_999, 9_999)) for n in range(96)])
    for number in range(500):
        bot.trade(number, rng.randint(-(10**6), 10**6), BEGIN + rng.randrange(DAY_MS))
    for number in range(1_000):
        level = rng.choice(list(Level))
        dead = {"dead_at": BEGIN + 1, "dead_why": "番" * 300} if number % 3 == 0 else {}
        bot.alert(f"{'長' * 60}{number}", level, times=rng.randint(1, 400), **dead)
    assert do_digest(bot.place())["is_due"]
    assert any("digest" in m.embeds[0]["footer"]["text"] for m in bot.discord.posted), (
        "a message above a limit is refused by this Discord"
    )


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("days/default~2026-01-31", {"bot": "default", "date": "2026-01-31", "equity": {"x": "y"}}),
        ("trades/default~00000009", {"bot": "default", "closed_at": BEGIN + 1}),
        ("ticks/default~t", {"bot": "default", "claimed_at": BEGIN + 1, "report": 7}),
        ("alerts/default:x", {"bot": "default", "last_at": BEGIN + 1, "alert": 7}),
    ],
)
def test_a_damaged_document_is_named_and_hides_nothing_else(bot: Bot, path: str, data: Any) -> None:
    full_day(bot)
    bot.put(path, data)
    told = bot.fields()
    assert path in told["damaged"]
    assert "Title of resumed." in "\n".join(told.values())


@pytest.mark.parametrize("wrong", ["NaN", "-Infinity", "1E+400"])
@pytest.mark.parametrize("where", ["equity", "peak", "gross_jpy", "fees_jpy", "mark_price"])
def test_a_number_that_is_none_is_named_and_ends_no_digest(
    bot: Bot, where: str, wrong: str
) -> None:
    full_day(bot)
    if where == "equity":
        path = f"days/default~{jst_day(END)}"
        stored = bot.documents.get(path)
        assert stored is not None
        bot.put(path, {**stored.data, "equity": {**stored.data["equity"], str(END - 7): wrong}})
    elif where == "peak":
        path = "bots/default"
        limits = Limits.first(equity_jpy=Decimal(wrong), now_ms=END)
        state = replace(State.decode_state(None, SETTINGS), limits=limits).encode_state()
        bot.put(path, {"state": state, "lease": {"fence": 1}})
    elif where == "mark_price":
        path = "ticks/default~t0469"
        stored = bot.documents.get(path)
        assert stored is not None
        bot.put(path, {**stored.data, "report": {**stored.data["report"], "mark_price": wrong}})
    else:
        path = "trades/default~00000001"
        stored = bot.documents.get(path)
        assert stored is not None
        bot.put(path, {**stored.data, where: wrong})
    told = bot.fields()
    assert path in told["damaged"]
    assert "nan" not in " ".join(told.values()).lower()
    assert do_digest(bot.place())["is_due"]


def test_of_more_ticks_than_are_read_the_digest_says_that_some_are_left_out(bot: Bot) -> None:
    full_day(bot)
    for number in range(470, MOST_TICKS + 1):
        bot.tick(number, at=BEGIN + number * (DAY_MS // (MOST_TICKS + 2)))
    told = bot.fields()
    assert "ticks" in told["left out"]
    assert told["ticks"] == f"{MOST_TICKS}: {MOST_TICKS - 5} done, 5 degraded"
    assert "1,002,400 yen" in told["equity"]
    assert do_digest(bot.place())["is_due"]


@pytest.mark.parametrize("kind", ["rising", "falling", "flat", "single", "empty", "30 days"])
def test_a_picture_of_every_kind_of_day_is_drawn(kind: str, tmp_path: Any) -> None:
    points = {
        "rising": [(BEGIN + n * HOUR_MS, Decimal(1_000_000 + n * 700)) for n in range(25)],
        "falling": [(BEGIN + n * HOUR_MS, Decimal(1_000_000 - n * 700)) for n in range(25)],
        "flat": [(BEGIN + n * HOUR_MS, Decimal(1_000_000)) for n in range(25)],
        "single": [(BEGIN, Decimal(1_000_000))],
        "empty": [],
        "30 days": [(END - n * 4 * HOUR_MS, Decimal(10**6 + n * n)) for n in range(180)][::-1],
    }[kind]
    begin = points[0][0] if kind == "30 days" else BEGIN
    data = draw_equity(points, (), begin_at=begin, end_at=END, title=f"{kind}: a day")
    (tmp_path / "picture.png").write_bytes(data)
    image = Image.open(BytesIO(data)).convert("RGB")
    colours = {colour for _, colour in image.getcolors(800 * 400) or []}
    assert image.size == (800, 400)
    blue = [c for c in colours if c[2] > 200 and c[0] < 120]
    assert bool(blue) == (kind != "empty")
    assert len(data) < 60_000


def test_the_window_is_of_japan_and_of_the_setting() -> None:
    assert END - BEGIN == DAY_MS
    later = replace(SETTINGS, digest=replace(SETTINGS.digest, at="07:30"))
    assert digest_window(NOW, later)[1] % DAY_MS == (22 * 60 + 30) * 60_000
