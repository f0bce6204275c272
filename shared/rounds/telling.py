"""What the digest says of a day, field by field, within Discord's limits. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from shared.alerts.embeds import shorten_text
from shared.core.calendar import jst_day
from shared.core.sentences import reason_then, say
from shared.core.sentences.figures import btc, fall_percent, jst_minute, percent, yen_words
from shared.core.types import Level, Trade
from shared.rounds.day import DayFacts
from shared.rounds.reading import DayAlert

MOST_IN_A_FIELD = 420
"""Characters: all fields together stay below what one message of the sink takes (3,000)."""
_MOST_LINES = 8
_LONGEST_LINE = 110


def title_of(day: DayFacts) -> str:
    """The digest's title: a JST date, the day's result and how many trades it had."""
    date = jst_day(day.end_at - 1)
    if not day.trades and day.equity and _change(day) == 0:
        return say("digest.quiet", date=date, equity=yen_words(day.equity[-1][1]))
    return say("digest.title", date=date, result=result_words(day), trades=_trades(len(day.trades)))


def result_words(day: DayFacts) -> str:
    """How the equity changed, in yen and percent."""
    if not day.equity:
        return say("digest.unknown_result")
    change, begin = _change(day), day.equity[0][1]
    amount = f"{'+' if change > 0 else ''}{yen_words(change)}"
    rate = percent(change / begin if begin > 0 else None, sign=True)
    return say("digest.result", change=amount, rate=rate)


def day_fields(day: DayFacts, *, model: str, bot: str) -> dict[str, str]:
    """The fields; what has nothing to say is left out."""
    told = {
        say("digest.name.equity"): _equity(day),
        say("digest.name.trades"): _closing_line(day.trades),
        say("digest.name.costs"): _costs(day.trades),
        say("digest.name.elsewhere"): "; ".join(
            say("digest.elsewhere", mode=mode, told=_closing_line(trades))
            for mode, trades in sorted(day.elsewhere.items())
        ),
        say("digest.name.position"): "; ".join(
            say(
                "digest.position",
                side=held.side,
                size=btc(held.lots),
                price=yen_words(held.average_price),
            )
            for held in day.positions
        ),
        say("digest.name.model"): model,
        say("digest.name.ticks"): _ticks(day),
        say("digest.name.alerts"): _counts(_alerts_of_day(day)),
        say("digest.name.waiting"): _counts(
            [one for one in day.alerts if one.is_waiting and not one.is_for_digest]
        ),
        say("digest.name.dead"): _lines(_dead(one) for one in dead_letters(day)),
        say("digest.name.news"): _lines(one.alert.title for one in alerts_for_digest(day)),
        say("digest.name.damaged"): _lines(day.damaged),
        say("digest.name.cut"): say("digest.cut", names=", ".join(day.cut)) if day.cut else "",
        say("digest.name.time"): say(
            "digest.to", begin=jst_minute(day.begin_at), end=jst_minute(day.end_at)
        ),
        say("digest.name.bot"): bot,
    }
    return {name: shorten_text(text, MOST_IN_A_FIELD) for name, text in told.items() if text}


def dead_letters(day: DayFacts) -> list[DayAlert]:
    """The alerts that nobody took and no digest has told, however long ago that was."""
    return [
        one
        for one in day.alerts
        if one.dead_at is not None
        and not one.is_in_digest
        and (one.is_for_digest or one.dead_at >= day.begin_at)
    ]


def alerts_for_digest(day: DayFacts) -> list[DayAlert]:
    """The alerts that waited for this digest to tell them."""
    return [
        one
        for one in day.alerts
        if one.is_for_digest and one.dead_at is None and one.alert.at < day.end_at
    ]


def _alerts_of_day(day: DayFacts) -> list[DayAlert]:
    return [
        one
        for one in day.alerts
        if day.begin_at <= one.alert.at < day.end_at and one.alert.kind != "digest"
    ]


def _change(day: DayFacts) -> Decimal:
    return day.equity[-1][1] - day.equity[0][1]


def _trades(count: int) -> str:
    if count == 0:
        return say("digest.no_trades")
    return say("digest.one_trade") if count == 1 else say("digest.trades", trades=count)


def _equity(day: DayFacts) -> str:
    if not day.equity:
        return say("digest.unknown_result")
    begin, end = yen_words(day.equity[0][1]), day.equity[-1][1]
    known = (
        say("digest.equity", begin=begin, end=yen_words(end))
        if len(day.equity) > 1
        else say("digest.equity_once", end=yen_words(end))
    )
    told = [known]
    if day.peak_jpy is not None and day.peak_jpy > 0:
        below = float((day.peak_jpy - end) / day.peak_jpy)
        told.append(
            say("digest.below_peak", share=fall_percent(below), peak=yen_words(day.peak_jpy))
            if below > 0
            else say("digest.at_peak")
        )
    if day.marks is not None and day.marks[0] > 0:
        rate = percent(day.marks[1] / day.marks[0] - 1, sign=True)
        told.append(say("digest.holding", rate=rate))
    return "; ".join(told)


def _closing_line(trades: Sequence[Trade]) -> str:
    if not trades:
        return ""
    won = sum(trade.net_jpy > 0 for trade in trades)
    net = sum((trade.net_jpy for trade in trades), start=Decimal(0))
    told = [say("digest.closed", trades=len(trades), won=won, net=yen_words(net))]
    if len(trades) > 1:
        best = max(trades, key=lambda trade: trade.net_jpy)
        worst = min(trades, key=lambda trade: trade.net_jpy)
        told.append(
            say(
                "digest.best",
                net=yen_words(best.net_jpy),
                side=best.side,
                reason=reason_then(best.reason),
            )
        )
        told.append(
            say(
                "digest.worst",
                net=yen_words(worst.net_jpy),
                side=worst.side,
                reason=reason_then(worst.reason),
            )
        )
    return "; ".join(told)


def _costs(trades: Sequence[Trade]) -> str:
    if not trades:
        return ""
    zero = Decimal(0)
    return say(
        "digest.costs",
        fees=yen_words(sum((trade.fees_jpy for trade in trades), start=zero)),
        interest=yen_words(sum((trade.interest_jpy for trade in trades), start=zero)),
        slippage=yen_words(sum((trade.slippage_jpy for trade in trades), start=zero)),
    )


def _ticks(day: DayFacts) -> str:
    if not day.statuses:
        return say("digest.no_ticks")
    endings = ", ".join(
        say("digest.counted", count=count, name=name)
        for name, count in sorted(day.statuses.items(), key=lambda item: -item[1])
    )
    return say("digest.ticks", count=sum(day.statuses.values()), endings=endings)


def _counts(records: Sequence[DayAlert]) -> str:
    counts = Counter(record.alert.level for record in records)
    times: Counter[Level] = Counter()
    for record in records:
        times[record.alert.level] += record.times
    return ", ".join(
        say("digest.counted", count=counts[level], name=level)
        if times[level] == counts[level]
        else say("digest.repeated", count=counts[level], name=level, times=times[level])
        for level in Level
        if counts[level]
    )


def _dead(record: DayAlert) -> str:
    why = f": {record.dead_why}" if record.dead_why else ""
    title, key = shorten_text(record.alert.title, 60), shorten_text(record.alert.key, 40)
    return say("digest.dead", title=title, key=key, why=why)


def _lines(texts: Iterable[str]) -> str:
    """The first of them, a line each, as many as fit, and how many more there are."""
    every = list(texts)
    shown = list(_fitting(every))
    if len(shown) < len(every):
        shown.append(say("digest.more", count=f"{len(every) - len(shown):,}"))
    return "\n".join(shown)


def _fitting(texts: Sequence[str]) -> Iterator[str]:
    left = MOST_IN_A_FIELD - len(say("digest.more", count="1,000,000")) - 1
    for text in texts[:_MOST_LINES]:
        line = shorten_text(text, _LONGEST_LINE) or "-"
        left -= 2 * len(line) + 1 if not line.isascii() else len(line) + 1
        if left < 0:
            return
        yield line
