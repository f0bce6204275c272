"""A demo in the terminal: its table while it runs, and its summary."""

SENTENCES = {
    "live.no_tick": "No tick was done, so there is no report.",
    "live.round_trips": "round trips  {count}, {won} won; max drawdown {drawdown}",
    "live.costs": "costs        fees {fees}, interest {interest}, slippage {slippage}",
    "live.took": (
        "took         {time}: {preparing} to prepare, {ticking} to tick, {milliseconds} ms each"
    ),
    "live.equity": "equity       {start} -> {end} ({total}); buy and hold {hold}",
    "live.ticks": "ticks        {ticks} ({statuses})",
    "live.kept": "kept         {place}",
    "live.why_not": "why not      {candles} candles: {why}",
    "live.why_not_either": "             {candles} candles: {why}",
    "live.decisions": "decisions so far: {reasons}",
    "live.each": "{milliseconds} ms a tick",
    "live.waiting": "waiting for the first tick",
    "live.head": "{at}   BTC {price}   ",
    "live.change": "equity {equity} ({change})",
    "live.position": "   position {position}",
    "live.progress": "{done}/{total} ticks",
    "live.so_far": "{each}, {time} so far",
    "live.column.decision": "decision and why",
    "live.column.events": "orders, fills and ends of trades",
    "live.plain.time": "time",
    "live.plain.price": "price",
    "live.plain.equity": "equity",
    "live.plain.position": "position",
}
