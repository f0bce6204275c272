"""A demo's page: what the market and the model were, and what became of each decision."""

SENTENCES = {
    "demo.period": "{first} to {last}",
    "demo.market.file": "Real candles from {file}, {period} (JST).",
    "demo.market.exchange": (
        "Live public prices from {address}, {period} (JST); orders and fills are simulated."
    ),
    "demo.market.planted": (
        "This market is generated (seed {seed}) with a planted, learnable pattern: {drift} bp"
        " of drift per 15m candle in trending regimes. Profit here shows that the machine"
        " works, not that real markets can be beaten."
    ),
    "demo.market.plain": (
        "This market is generated (seed {seed}) without any planted pattern: there is nothing"
        " to learn in it."
    ),
    "demo.training.missing": "No model: {why}.",
    "demo.training.before": (
        "The model was trained on the period before it, {period}; it was not asked by the"
        " gate, so nothing is proven."
    ),
    "demo.training.later": (
        "The model was trained on a LATER period, {period}, because too little lies before: no"
        " candle is shared, but this is not a forecast."
    ),
    "demo.training.overlapping": (
        "The model was trained on {period}, which overlaps the period shown: its numbers mean"
        " nothing."
    ),
    "demo.overruled": (
        "{line} A PERSON LETS THE MODEL {model} ENTER, whatever its gate said"
        " (risk.overrule_model)."
    ),
    "demo.no_luck": "{positions} closed in so few days: nothing tells skill from luck yet.",
    "demo.costs": "expected costs {costs}",
    "demo.vote": "{strategy}: {side}, confidence {confidence}",
    "demo.attempts": ", {attempts} attempts",
    "demo.expired": "not filled, expired{tries}",
    "demo.not_traded_through": "the price did not trade through the order",
    "demo.part": " ({size} of it)",
    "demo.filled": "filled at {price}{part}{tries}",
    "demo.still_open": "{filled}; still open",
    "demo.profit_so_far": "its profit so far is in the equity",
    "demo.ended": "{filled}; {why} at {price}",
    "demo.closed_at": "closed {jst} ({utc})",
    "demo.with_the_above": "with the above",
    "demo.added": "this order added to the position that an earlier one had opened",
    "demo.after_costs": "after fees {fees} and interest {interest}",
    "demo.left": "Of {candles} candles without an entry, {count} were left because {why}.",
    "demo.best_refused": " The best refused edge was {edge} a trade after costs.",
    "demo.nothing_to_learn": (
        " The prices hold nothing to learn, so a model that tells the truth finds no trade"
        " worth its costs."
    ),
    "demo.title": "Paper trading BTC/JPY",
    "demo.enter": "enter {side}",
    "demo.exit": "exit {side}",
    "demo.open": "open",
    "demo.ticks": "Ticks",
    "demo.smallest_capital": "Smallest capital",
    "demo.one_lot": "at which a stage can place one lot",
    "demo.heading.decisions": "Every decision that led to an order",
    "demo.decisions": "{decisions} in all; times in JST, point at one for UTC",
    "demo.column.time": "Time (JST)",
    "demo.column.decision": "Decision",
    "demo.votes": (
        "the strategies in this order: ATR, もちぽよ, multi-timeframe, Fibonacci, Donchian, ADX,"
        " slow trend"
    ),
    "demo.column.votes": "Votes",
    "demo.model": "the model's probabilities: lower barrier first, neither, upper first",
    "demo.column.model": "Model: down · neither · up",
    "demo.edge": "expected profit of the trade after all costs",
    "demo.column.edge": "Edge",
    "demo.column.size": "Size BTC",
    "demo.column.stop": "Stop",
    "demo.column.target": "Target",
    "demo.column.ended": "What became of it",
    "demo.column.profit": "Profit JPY",
    "demo.chances": "down {down}, neither {neither}, up {up}",
    "demo.no_decision": "No decision led to an order. The table of reasons says why.",
    "demo.heading.orders": "Orders sent",
    "demo.column.for": "For",
    "demo.column.answer": "Answer",
    "demo.column.count": "Count",
    "demo.footer": (
        "Paper trading: fills are simulated along one-minute prices, with fees, interest,"
        " spread and slippage. Slippage is already inside the prices. Times are Japan’s (JST)."
        " Nothing here is advice."
    ),
}
