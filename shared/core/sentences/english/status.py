"""What `status` and `paper status` say of a bot: a line a fact, its label in the first columns."""

SENTENCES = {
    "status.bot": "bot       {bot}: {mode} mode, stage {stage}{profile}, settings {hash}",
    "status.profile": ", profile {profile}",
    "status.other_mode": "tick      none yet in mode {mode}; the last one was in {left}, {at}",
    "status.never_ticked": "tick      none was ever run with the state in {state}",
    "status.tick": "tick      {tick} {status}, {at}, {age} ago",
    "status.tick_of_future": "tick      {tick} {status}, {at}, {age} in the FUTURE",
    "status.not_well": "NOT WELL  {trouble}",
    "status.because": "because   {reason}: {detail}",
    # what is held
    "status.equity": "equity    {equity}",
    "status.equity_at": "equity    {equity}, BTC at {price}",
    "status.no_position": "position  none",
    "status.position": "position  {side} {size} from {price} since {at}, {guard}{plan}",
    "status.plan": ", target {target}, ends by {end}",
    "status.stop": "stop {prices}",
    "status.no_full_stop": "NO FULL STOP",
    "status.resting": "resting   {purpose} {kind} {side} {size}{price} since {at}",
    "status.at_price": " at {price}",
    # halts and limits
    "status.halted": "HALTED    by {who} at {at}: {why}; `{command}` takes it back",
    "status.flattening": "CLOSES    all that it holds, by {who} at {at}: {why}",
    "status.moved": "MOVED     {where}",
    "status.open_order": "OPEN      {order}; {command}",
    "status.halted_all": (
        "HALTED    by {who} at {at} for every bot: {why}; `{command}` takes it back"
    ),
    "status.damaged_control": "DAMAGED   {found}: nothing is entered; `{command}` writes it anew",
    "status.damaged_state": "DAMAGED   {found}: what is held is protected, nothing is decided",
    "status.drawdown_resumed": (
        "resumed   from the drawdown halt of {at}; the next tick honours it"
    ),
    "status.drawdown_halted": (
        "HALTED    by the drawdown limit at {at}; `scripts/bot resume` takes it back"
    ),
    "status.resumed": "resumed   by {who} at {at}: {why}",
    "status.cooling": "COOLING   after losses in a row: no entries until {until}",
    "status.day_lost": "DAY LOST  {lost} since {equity}: no entries until tomorrow (JST)",
    "status.unknown": "UNKNOWN   whether anything halts it: {error}",
    # the model
    "status.model": "model     {model}",
    "status.no_model": "none: what is held is managed, nothing is entered",
    "status.model_unknown": "unknown: {error}",
    "status.model_never": (
        "none: no bundle was ever promoted; what is held is managed, nothing is entered"
    ),
    "status.model_since": "{model} serves since {since}; the last tick {decided}",
    "status.model_serves": "{model} serves; the last tick {decided}",
    "status.decided_with": "decided with {model}",
    "status.decided_without": "found none that it could use",
    # the last candle's decision
    "status.undecided": "decision  none on a candle yet: {why}",
    "status.enters": (
        "decision  enter {side} {size} on the candle that closed at {at}{edge}: {came}"
    ),
    "status.exits": "decision  {action} on the candle that closed at {at}: {why}",
    "status.denies": (
        "decision  nothing entered on the candle that closed at {at}: {why}{edge}{facts}"
    ),
    "status.no_order": "no order was sent",
    "status.edge": " (edge {edge})",
    "status.until": "until {until}",
    # what the last tick found wrong
    "status.issue_model": "model     {issue}",
    "status.issue_model_closed": "MODEL     {issue}",
    "status.issue": "noted     {issue}",
    "status.issue_closed": "FORBIDS   {issue}",
}
