"""What `doctor` found, a sentence a check, and what to do about it."""

SENTENCES = {
    "doctor.ready": "ready: a tick has what it needs",
    "doctor.not_ready": "not ready: {checks}",
    "doctor.remedy": "remedy: {remedy}",
    # checks
    "doctor.settings": "{mode} mode, stage {stage}, {account}, {sides}{profile}, hash {hash}",
    "doctor.usable": "{place} can be read and written",
    "doctor.documents": "state, account, control and open intents can be read",
    "doctor.account": "its capital is the one that is set, {capital}",
    "doctor.never_ticked": "none was ever run with this state",
    "doctor.ticks": "the last one finished at {at}",
    "doctor.no_model": (
        "none that may serve ({found}): what is held is managed, nothing is entered"
    ),
    "doctor.model": "{model}, signature and golden rows are right",
    "doctor.model_but": "{model} serves, but {found}",
    "doctor.model_unproven": (
        "{said}; its edge is not proven: it trades on paper and would enter nothing in live mode"
    ),
    "doctor.overrules_another": ("{said}; risk.overrule_model names {model}, which does not serve"),
    "doctor.alerts_published": "go to {topic}; nothing was sent now",
    "doctor.alerts": "go to Discord ({names}); nothing was sent now",
    "doctor.alerts_logged": "are only logged",
    "doctor.exchange": (
        "answers in {milliseconds} ms: {status}, circuit break {mode}, maker {maker}, taker"
        " {taker}{spread}"
    ),
    "doctor.spread": ", spread {spread}",
    "doctor.exchange_closed": "{said}; entries are forbidden now: {why}",
    "doctor.no_book": "no book",
    "doctor.clock": "{at}, as the exchange's to its header's second",
    "doctor.clock_wrong": ("differs from the exchange's by {seconds} s; {allowed} s are allowed"),
    "doctor.clock_unknown": "the exchange's answers carried no usable time to compare with",
    "doctor.candles_of": "{count} closed {timeframe} candles",
    "doctor.candles": "{said}; the newest closed {age} ago",
    "doctor.candles_few": "{said}: too few to decide on",
    "doctor.capital": "one order needs {stages}; BOT_CAPITAL_JPY is {capital}",
    "doctor.capital_at": "{amount} at stage {stage}",
    "doctor.capital_unknown": "the smallest capital cannot be told from so few candles",
    # remedies
    "doctor.take_away": "take them away",
    "doctor.check_the_network": "check the network and BOT_EXCHANGE__PUBLIC_URL",
    "doctor.start_ticking": "start paper trading or the scheduler",
    "doctor.look_at_the_scheduler": "look at the scheduler, and at this machine's clock",
    "doctor.collect_and_train": "scripts/bot collect, then scripts/bot train",
    "doctor.list_or_train": "`scripts/bot models` lists what there is; scripts/bot train",
    "doctor.name_another": (
        "`scripts/bot models` lists the versions; take BOT_RISK__OVERRULE_MODEL away, or name the"
        " one that serves"
    ),
    "doctor.set_a_webhook": "set DISCORD_WEBHOOK_URL to hear of them",
    "doctor.set_the_clock": "let this machine keep its time (timedatectl set-ntp true)",
    "doctor.wait": "wait, or see `exchange`",
    "doctor.raise_the_capital": (
        "raise BOT_CAPITAL_JPY, or choose a stage that may use more of it"
    ),
}
