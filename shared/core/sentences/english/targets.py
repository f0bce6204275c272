"""The targets of a period, its performance, and what the strategies said."""

SENTENCES = {
    "targets.head": "report      bot {bot} ({mode}), {period}: {begin} to {end} JST",
    # what came of one
    "targets.met": "met",
    "targets.missed": "missed",
    "targets.too_few": "too few",
    "targets.unknown": "unknown",
    # limits
    "targets.least": ">= {limit}",
    "targets.most": "<= {limit}",
    "targets.seconds": "{seconds} s",
    # what each is made of
    "targets.uptime": "{up} of {due} ticks that were due{rest}",
    "targets.rest.late": "{count} late",
    "targets.rest.given_back": "{count} busy or not saved",
    "targets.rest.died": "{count} died",
    "targets.rest.never_came": "{count} never came",
    "targets.rest.failed": "{count} failed",
    "targets.rest.duplicate": "{count} sent again",
    "targets.answers": "mean of {count} ticks, slowest {slowest}{waits}{attended}{unmeasured}",
    "targets.waits": "; {count} waited {seconds} each for a candle, with that {whole}",
    "targets.attended": "; {count} stayed with an entry, {seconds} each",
    "targets.unmeasured": "; {count} of a version that did not measure the wait",
    "targets.errors": "in the worst hour, {mean} an hour on average{rest}",
    "targets.error.ticks": "{count} degraded or failed",
    "targets.error.claims": "{count} without a report",
    "targets.error.alerts": "{count} by critical alerts",
    "targets.error.undelivered": "{count} by alerts that nobody took",
    "targets.wins": "{wins} of {count} closed positions, {net} in all",
    "targets.confidence": "mean of {count} candles with a side{entered}",
    "targets.entered": "; {count} were entered, at {mean}",
    "targets.profit": "{change} in {days} days, {month} a month, less {cost}",
    "targets.profit_without": (
        "{change} in {days} days, {month} a month; the cloud's costs are not known: give"
        " --monthly-cost-jpy"
    ),
    "targets.nothing": "nothing to count",
    "targets.needed": "; judged from {needed} on",
    # performance
    "targets.equity": "equity      {start} to {end} ({total}); buy and hold {hold}",
    "targets.fall": "drawdown    {share} at most, {amount}; {below} of the time below the peak",
    "targets.costs": (
        "costs       {total}: fees {fees}, interest {interest}, slippage {slippage} (in the prices)"
    ),
    "targets.gross": (
        "result      {gross} before costs, {net} after fees and interest, {open} unrealised"
    ),
    "targets.since": "            since {at}: the capital or the stage was another before",
    "targets.no_performance": "equity      {why}",
    "targets.too_little": "fewer than two ticks of the period know the account's equity",
    "targets.damaged_curve": "what is stored contradicts itself: {why}",
    "targets.parity": "parity      {sentence}",
    "targets.parity_unmade": "parity      not compared: {why}",
    "targets.unasked": "it was not asked for",
    "targets.damaged": "damaged     {paths}",
    "targets.cut": "left out    there is more than is read of: {names}",
    # signals
    "targets.signals": "signals     strategy                     buy   sell   hold   strength",
    "targets.signal": "            {strategy}{buy}{sell}{hold}{strength}",
    "targets.no_signals": "signals     no candle of the period was read",
    "targets.written": "written     {rows} rows: {path}",
}
