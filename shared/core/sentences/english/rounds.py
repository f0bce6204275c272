"""The watch beside the ticks: what is wrong, what the bot did about it, what a person should do."""

SENTENCES = {
    # titles: what begins
    "rounds.title.documents_down": "The document store does not answer.",
    "rounds.title.silent": "No tick finishes: nobody manages what is held.",
    "rounds.title.unsettled": "Nobody knows what came of an order.",
    "rounds.title.drawdown_halt": (
        "Trading is halted by the drawdown limit until a person resumes it."
    ),
    "rounds.title.bucket_down": "The bucket does not answer.",
    "rounds.title.blind": "The watch cannot see everything.",
    "rounds.title.errors": "Too many ticks fail.",
    "rounds.title.late": "Every tick comes too late.",
    "rounds.title.unscheduled": "Nobody calls the tick but the watch.",
    "rounds.title.clock": "The clocks disagree.",
    "rounds.title.halt": "A person has halted the bot.",
    "rounds.title.model_old": "The model is too old.",
    "rounds.title.retrain_overdue": "No retraining has ended for too long.",
    "rounds.title.budget": "The costs of the month are above a threshold of the budget.",
    # titles: what is over
    "rounds.over.documents_down": "All clear: the document store answers again.",
    "rounds.over.silent": "All clear: ticks finish again.",
    "rounds.over.unsettled": "All clear: what came of every order is known.",
    "rounds.over.bucket_down": "All clear: the bucket answers again.",
    "rounds.over.blind": "All clear: the watch sees everything again.",
    "rounds.over.errors": "All clear: ticks go through again.",
    "rounds.over.late": "All clear: ticks come in time again.",
    "rounds.over.unscheduled": "All clear: the scheduler calls the tick again.",
    "rounds.over.clock": "All clear: the clocks agree.",
    "rounds.over.halt": "All clear: no person halts the bot any more.",
    "rounds.over.model_old": "All clear: the model is fresh enough.",
    "rounds.over.retrain_overdue": "All clear: a retraining has ended.",
    "rounds.over.budget": "All clear: the month whose costs were above the budget is over.",
    # what was found
    "rounds.found.silent": "the last tick finished {at}, {silent} ago",
    "rounds.found.silent_unknown": (
        "no tick has finished within {silent}; when the last one did cannot be told"
    ),
    "rounds.found.never_ticked": "no tick was ever finished; the watch has looked for {silent}",
    "rounds.found.unscheduled": (
        "in {rounds} rounds of the watch in a row a tick finished only because the watch called it"
    ),
    "rounds.found.clock_ahead": "this machine's clock is {off} ahead of the exchange's",
    "rounds.found.clock_behind": "this machine's clock is {off} behind the exchange's",
    "rounds.found.clock_future": "a tick stored a time that lies {ahead} in the future",
    "rounds.found.clock_past": "a tick that has just finished says that this was {age} ago",
    "rounds.found.errors": (
        "{ticks} ticks of the last hour: {failed} failed, {degraded} degraded, {lost} without a"
        " report"
    ),
    "rounds.found.unsettled": "{orders} of them, the oldest {first}, written {at}",
    "rounds.found.halt": "by {who}, {at}: {why}",
    "rounds.found.drawdown": "it began {at}",
    "rounds.found.late": "{ticks} ticks in a row came too late",
    "rounds.found.budget": "{budget}, {month}: {cost}, above {share} of {amount}",
    # what the bot did
    "rounds.called.none": "Stops at the exchange stay in place. Nobody could call a tick.",
    "rounds.called.answered": (
        "Stops at the exchange stay in place. The watch called a tick, which answered, but none"
        " has finished."
    ),
    "rounds.called.unanswered": (
        "Stops at the exchange stay in place. The watch called a tick and got no answer."
    ),
    "rounds.did.documents_down": (
        "Without it no tick can run; stops at the exchange stay in place. The watch looks again."
    ),
    "rounds.did.silent": "Stops at the exchange stay in place.",
    "rounds.did.unsettled": "Nothing is entered until a tick has settled it.",
    "rounds.did.drawdown_halt": "It enters nothing and protects what is held.",
    "rounds.did.bucket_down": (
        "Ticks go on with the model that they have loaded; without one they enter nothing."
    ),
    "rounds.did.blind": "The rest was looked at.",
    "rounds.did.errors": "A tick that fails enters nothing; the next one tries again.",
    "rounds.did.late": "Late ticks protect what is held; they enter nothing and make no time exit.",
    "rounds.did.unscheduled": "The watch calls a tick in every round: far too few.",
    "rounds.did.clock": "The exchange's clock is believed where it answers.",
    "rounds.did.halt": "It enters nothing and protects what is held.",
    "rounds.did.model_old": "The model serves on, unless watch.forbid_entries is set.",
    "rounds.did.retrain_overdue": "The model serves on, unless watch.forbid_entries is set.",
    "rounds.did.budget": "Nothing: the bot runs on, and a budget stops no costs.",
    # what a person should do
    "rounds.todo.documents_down": (
        "See whether the store's service or disk is well; close by hand at the exchange what must"
        " not wait."
    ),
    "rounds.todo.silent": "Run a tick by hand and read what it says; then look at the scheduler.",
    "rounds.todo.unsettled": "Compare the orders with those that the exchange shows.",
    "rounds.todo.drawdown_halt": "Find out what lost the money; resume only then.",
    "rounds.todo.bucket_down": "See whether the bucket's service or disk is well.",
    "rounds.todo.blind": "See what is damaged and mend it.",
    "rounds.todo.errors": "Read why the last ticks failed; see whether the exchange is down.",
    "rounds.todo.late": "Look at the scheduler, and at the clock of this machine.",
    "rounds.todo.unscheduled": "See whether the scheduler is paused or its calls are refused.",
    "rounds.todo.clock": "Set the clock of the machine that is wrong.",
    "rounds.todo.halt": "Resume when the reason is gone.",
    "rounds.todo.model_old": "See why no newer model was promoted, or train one.",
    "rounds.todo.retrain_overdue": "See why the retraining does not end, or run one.",
    "rounds.todo.budget": "See what costs so much; halt the bot if it is the bot.",
    "rounds.todo_nothing": "nothing",
    # by when
    "rounds.by.critical": "within 5 minutes",
    "rounds.by.warning": "within 30 minutes",
    # names of fields
    "rounds.field.bot": "bot",
    "rounds.field.by": "by when",
    "rounds.field.command": "type",
    "rounds.field.did": "what the bot did",
    "rounds.field.found": "what was found",
    "rounds.field.lasted": "lasted",
    "rounds.field.since": "since",
    "rounds.field.time": "time",
    "rounds.field.todo": "what to do",
    # what the command answers
    "rounds.done": "{name}: {line}",
    "rounds.cleaned": "took away {removed}{more}",
    "rounds.nothing": "nothing",
    "rounds.more": "; more is left for the next round",
    "rounds.watched": "{conditions}; told {alerts}",
    "rounds.all_well": "all is well",
    "rounds.untold": "nobody could be told of it, and it waits for the next round: {conditions}",
    "rounds.beaten": "another round is at work",
    "rounds.digest_told": "told: {title}",
    "rounds.digest_not_due": "not due",
}
