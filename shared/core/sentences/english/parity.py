"""What `parity` found between a bot and its replay."""

SENTENCES = {
    "parity.begins.first_tick": "with the bot's first tick",
    "parity.begins.flat": (
        "where the bot held nothing, with its {cash}; peak, day and losing streak are those"
        " that its reports since {since} tell"
    ),
    "parity.bot": "parity    bot {bot} ({mode}), {start} to {end}",
    "parity.sentence": "          {sentence}",
    "parity.begins": "begins    {begins}",
    "parity.more": " and {facts} more",
    "parity.episode": "  {at}  {cause}, {price} yen in {ticks}: {shown}{more}",
    "parity.replay": "replay    settings {hash}, model {model}, 1m candles, the same schedule",
    "parity.in_time_costs": (
        "in time   had no tick been missed or late, it would have ended at {equity}: they cost"
        " {amount}"
    ),
    "parity.in_time_brings": (
        "in time   had no tick been missed or late, it would have ended at {equity}: they"
        " brought {amount}"
    ),
    "parity.ticks": "{ticks} ticks",
    "parity.one_tick": "1 tick",
    "parity.counts": "{ticks} ticks, {missed} missed, {late} late: decisions equal in {equal}",
    "parity.all_equal": "{counts}, and so is everything else, to 0.0001 yen.",
    "parity.partly_equal": (
        "{counts}, everything equal in {alike}; at the end the bot has {gap} yen ({causes})."
    ),
    "parity.fills": (
        "fills     orders that have ended brought {amount} yen beside those of the replay: {causes}"
        "{open}"
    ),
    "parity.fills_equal": "fills     orders that have ended brought the same, to 0.0001 yen{open}",
    "parity.orders": (
        "orders    {orders} that open were sent, {shared} of them by the replay too, which sent"
        " {replayed}; {entries} fills opened, {exits} closed"
    ),
    "parity.cash": (
        "cash      apart by {gap} yen: by these orders, and {open} by what else was booked{untold}"
    ),
    "parity.untold": "; {amount} yen of it are told by no order",
    "parity.still_open": "; {orders} of both have not ended and are not in it",
    "parity.from_15m": (
        "from 15m  a replay of the 15m candles alone ends at {equity}, {gap} yen from it"
    ),
}
