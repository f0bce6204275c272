"""How a replay's orders were filled, and how it was counted: the page's last section."""

SENTENCES = {
    "rules.closed_candles": (
        "A decision uses closed candles only; its order goes out at a tick after the close,"
        " never inside that candle."
    ),
    "rules.one_minute": (
        "Orders trade on one-minute candles, each read as four prices: open, the extreme"
        " nearer to it, the other, close."
    ),
    "rules.quarters": (
        "Orders trade on 15-minute candles alone: an approximation on the pessimistic side,"
        " not equal to the bot."
    ),
    "rules.tries": ", up to {attempts} attempts a candle",
    "rules.quarter_entry": (
        "An entry fills only where its candle trades strictly through the limit{tries}."
    ),
    "rules.quarter_costs": (
        "It then pays what crossing costs at that candle's open: taker fee, half the spread,"
        " slippage."
    ),
    "rules.quarter_target": "Its target is not live before that candle ends.",
    "rules.a_share": "a share",
    "rules.entry": (
        "An entry is a post-only limit at the touch, filled as maker at its own price, never"
        " better."
    ),
    "rules.strictly": (
        "It fills only where the price trades strictly through it; a mere touch fills nothing."
    ),
    "rules.volume": (
        "It may take {share} of a one-minute candle's volume, so that it can fill in parts,"
        " and lives inside its tick{tries}."
    ),
    "rules.held": " A position is closed after {candles} candles at the latest.",
    "rules.stop": (
        "A stop is live from its position's first moment, fires at the first price at or"
        " beyond it and fills whole, as taker."
    ),
    "rules.gap": "Where a candle opens beyond the stop (a gap), it fills at that open.",
    "rules.target": (
        "A target is a resting limit: it needs a price strictly through it; opened through, it"
        " fills at its limit, not better."
    ),
    "rules.both": "Where stop and target lie in one candle, the stop counts.{held}",
    "rules.interest": (
        "Interest on margin: {long} a day long, {short} short; each started 24 hours counts as"
        " a day."
    ),
    "rules.worse_unknown": "half the spread and the slippage",
    "rules.worse": "half of a {spread} spread and {slippage} slippage",
    "rules.fees": "Fees: {maker} as maker, {taker} as taker.",
    "rules.crossing": (
        "Whatever crosses the book (stops, market orders) pays {worse}, rounded against us."
    ),
    "rules.spot": "Spot: coins are paid at once, and there is no interest.",
    "rules.held_at_end": "What is still held at the end is valued at the last price, not sold.",
    "rules.not_modelled": (
        "Not modelled: an exchange that stands still, our orders moving the market beyond"
        " their share of its volume, taxes."
    ),
    "rules.strategy_weights": "strategy weights",
    "rules.of_record": "of record",
    "rules.approximation": "conservative approximation",
    "rules.general": "general",
    "rules.basis.1": (
        "All costs are taken off. Equity counts what is held at its price, with fees and"
        " interest so far."
    ),
    "rules.basis.2": (
        "Sharpe, Sortino and volatility come from daily returns, midnight to midnight in"
        " Japan, and are annualised with 365 days."
    ),
    "rules.basis.3": "No riskless rate is taken off.",
    "rules.basis.4": (
        "Drawdown is measured where the equity is: at the close of every 15m candle, or at"
        " each tick."
    ),
    "rules.basis.5": (
        "A position that was closed in parts counts once; amounts by exit reason follow the parts."
    ),
    "rules.basis.6": (
        "Slippage, with half the spread of orders that crossed, is inside the prices: net ="
        " gross - fees - interest."
    ),
    "rules.basis.7": (
        "Amounts by strategy are shared among the strategies that voted for an entry, in"
        " proportion to their confidence."
    ),
    "rules.basis.8": (
        "Buy and hold puts the same capital into whole lots at the first close, pays one taker"
        " fee, and never sells."
    ),
    "rules.basis.9": (
        "The probabilistic Sharpe is told in both published variants (2012, 2025); a gate"
        " takes the lower."
    ),
}
