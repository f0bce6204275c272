"""What `halt` and `resume` have done, and what stays."""

SENTENCES = {
    "halts.bot": "bot {bot}",
    "halts.every_bot": "every bot",
    "halts.all_at_once": "every bot at once",
    "halts.store": "every bot of this store",
    "halts.halted": "{whose} halted at {at} by {who}: {why}",
    "halts.meaning": "No position will be opened; what is held keeps its stop.",
    "halts.lifted": "Taken back by {who} at {at} ({why}): {what}.",
    "halts.nothing": "Nothing was halted for {whose}; nothing was written.",
    "halts.halt": "the halt of {who} at {at} ({why})",
    "halts.drawdown": (
        "the drawdown halt of {at}: the drawdown counts from the next tick's equity"
    ),
    "halts.mended": "{path}, which was damaged, is written anew",
    "halts.stays": "Stays: {what}.",
    "halts.other": "the halt of {whose} by {who} at {at} ({why}); `{command}` takes it back",
    "halts.damaged": "{found}; `{command}` writes it anew",
    "halts.state_unknown": (
        "the state cannot be read, so that a drawdown halt in it is not known; `scripts/bot"
        " doctor` says what is wrong"
    ),
    "halts.other_drawdown": (
        "bot {bot}'s drawdown halt of {at}; `scripts/bot resume` takes it back"
    ),
    "halts.cooldown": "the cool-down until {until}",
    "halts.streak": "the losing streak of {trades}",
    "halts.day": "the loss of the day, which counts from {equity} ({day}, JST)",
}
