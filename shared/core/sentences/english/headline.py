"""A replay's page: what came of it in two sentences, and its key figures."""

SENTENCES = {
    "headline.earned": (
        "In {days} days the account {total} after all costs; buying and holding {hold}."
    ),
    "headline.stayed": "stayed where it was",
    "headline.none_placed": "none placed",
    "headline.none_filled": (
        "{placed} placed, none filled: the price did not trade through their limits while they"
        " rested"
    ),
    "headline.in_part": ", {part} of them in part",
    "headline.filled": "{placed} placed, {filled} filled{part}, {unfilled} not filled",
    "headline.nothing_to_judge": (
        "No position was closed, so there is nothing to judge. Entries: {entries}."
    ),
    "headline.variants": "{trials} variants were tried",
    "headline.no_variant": "no other variant is known to have been tried",
    "headline.basis": "{positions} closed; {tried}.",
    "headline.too_little": "{basis} Too little to tell skill from luck.",
    "headline.no_edge": "{basis} Nothing here speaks for an edge.",
    "headline.beyond_luck": ", beyond the best of that many tries by luck,",
    "headline.chance": "The probability of an edge{beyond} is {chance}",
    "headline.likely": "{basis} {chance}.",
    "headline.unlikely": "{basis} {chance}: do not rely on it.",
    "headline.one_position": "1 position",
    "headline.positions": "{count} positions",
    "headline.a_year": " · {total} a year",
    "headline.name.net": "Net return",
    "headline.note.net": "{change} JPY, from {start} to {end}{yearly}",
    "headline.name.hold": "Buy and hold",
    "headline.note.hold": "the bot's return less this: {excess} · drawdown {drawdown}",
    "headline.longest": "longest {length} below a peak",
    "headline.never_fell": "equity never fell",
    "headline.name.drawdown": "Max drawdown",
    "headline.note.drawdown": "{longest} · Calmar {calmar}",
    "headline.interval": "{low} to {high}",
    "headline.note.sharpe": "{level} interval {interval} · Sortino {sortino}",
    "headline.one_trial": "1 trial",
    "headline.trials": "{trials} trials",
    "headline.note.deflated": (
        "probability of an edge after {trials} · probabilistic Sharpe (above zero) {above_zero}"
    ),
    "headline.name.win_rate": "Win rate",
    "headline.note.win_rate": (
        "{wins} of {positions} · profit factor {profit_factor} · expectancy {expectancy} JPY"
    ),
    "headline.name.costs": "Costs",
    "headline.note.costs": "fees {fees} · slippage {slippage} · interest {interest}",
    "headline.name.exposure": "Time in the market",
    "headline.note.exposure": "long {long} · short {short} · turnover {turnover} × equity",
    "headline.gained": "gained {share}",
    "headline.lost": "lost {share}",
    "headline.name.sharpe": "Sharpe, a year",
    "headline.name.deflated": "Deflated Sharpe",
}
