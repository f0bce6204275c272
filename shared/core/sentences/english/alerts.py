"""Alerts: their titles, the names of their fields, and what a field says where it says a
sentence.
"""

SENTENCES = {
    # titles: what holds as long as it holds
    "alerts.title.tick_failed_unsaved": "The tick failed and nothing was saved.",
    "alerts.title.tick_failed": "The tick failed: {reason}.",
    "alerts.title.degraded": "The tick ran degraded, without new entries: {reason}.",
    "alerts.title.account_unknown": (
        "The account could not be read while a {side} position may be open."
    ),
    "alerts.title.no_stop": "The {side} position of {size} has no stop at the exchange.",
    "alerts.title.small_stop": (
        "The {side} position of {size} has a stop for only {stopped} at the exchange."
    ),
    "alerts.title.drawdown_halt": (
        "Trading is halted by the drawdown limit until a person resumes it."
    ),
    "alerts.title.daily_loss": (
        "The loss of the day reached its limit: no entries until tomorrow (JST)."
    ),
    "alerts.title.cooldown": "Too many losses in a row: no entries until the cool-down is over.",
    "alerts.title.capital": (
        "The capital that is set is not what the account began with; its money was not changed."
    ),
    "alerts.title.no_entries": "No entries: {reason}.",
    "alerts.title.account": "The real account is not as the bot's book says: {reason}.",
    "alerts.title.money": "Money or coins came to the account, or went.",
    "alerts.title.time_impossible": "A time that lies in the future is not believed: {what}.",
    "alerts.title.late": (
        "{ticks} ticks in a row came too late: nothing is entered and no time exit is made."
    ),
    # titles: the model
    "alerts.title.model_unwatched": "The model could not be watched; decisions are not disturbed.",
    "alerts.title.model_unwatched_closed": "The model could not be watched; nothing is entered.",
    "alerts.title.model_before": "{reason}; the champion before it serves ({model}).",
    "alerts.title.model_none": "{reason}; nothing is entered.",
    "alerts.title.model_held": (
        "{title} The open position is managed by its stop and target alone."
    ),
    "alerts.title.model_changed": "Another model serves.",
    "alerts.model.model_not_proven": "The edge of {model} is not proven",
    "alerts.model.model_overruled": "A person lets {model} enter, whatever its gate said",
    "alerts.model.model_drifted": (
        "What {model} sees or says has drifted away from what it was judged on"
    ),
    "alerts.model.model_worse": "{model} does worse than it promised, beyond bad luck",
    "alerts.model.model_still": "{model} stands still: it says nearly the same of every candle",
    "alerts.model.model_old": "{model} is too old",
    "alerts.watch.retrain_overdue": "No retraining has ended for too long",
    "alerts.model.challenger_invalid": (
        "The challenger failed its checks and is not heard; {model} is not disturbed"
    ),
    "alerts.title.watch": "{finding}.",
    "alerts.title.watch_closed": "{finding}; nothing is entered.",
    "alerts.value.the_model": "the model",
    # titles: orders, entries and trades
    "alerts.title.order_unknown": (
        "Nobody knows whether the exchange took our {purpose} order of {size}."
    ),
    "alerts.title.cancel_unknown": (
        "Nobody knows whether the exchange took our cancel of the {purpose} order of {size}."
    ),
    "alerts.title.stop_rejected": (
        "The exchange rejected the stop of the {side} position ({size})."
    ),
    "alerts.title.rejected_one": "The exchange rejected an order: {reason}.",
    "alerts.title.rejected_many": "The exchange rejected {orders} orders: {reason}.",
    "alerts.title.entered": "Entered {side}: {size} at {price}.",
    "alerts.title.entered_many": "{entries} entries were filled, {size} in all.",
    "alerts.title.closed": "Closed {side} {size} with {result}: {reason}.",
    "alerts.title.closed_part": "Closed a part of the {side} {size} with {result}: {reason}.",
    "alerts.title.closed_many": "{trades} trades were closed.",
    "alerts.value.profit": "a profit of {amount}",
    "alerts.value.loss": "a loss of {amount}",
    "alerts.title.resumed": "Trading was resumed after the drawdown halt.",
    # titles: retraining
    "alerts.title.retrained": "Retrained: {version} - {why}.",
    "alerts.title.retrain_failed": "The retraining stopped, and nothing was changed.",
    # titles: what a person did
    "alerts.audit.halt": "{who} halted {what}: nothing is entered.",
    "alerts.audit.flatten": "{who} let {what} close all that it holds.",
    "alerts.audit.resume": "{who} took back what halted {what}.",
    "alerts.audit.promote": "{who} let the model {what} serve.",
    "alerts.audit.rollback": "{who} went back to the model {what}.",
    "alerts.audit.overrule": "{who} lets the model {what} enter, whatever its gate said.",
    "alerts.audit.mend": "{who} closed a document that no tick could read: {what}.",
    "alerts.audit.rotate": "{who} changed {what}.",
    "alerts.audit.deploy": "{who} deployed {what}.",
    "alerts.audit.move": "{who} moved {what}.",
    "alerts.audit.settle": "{who} settled the order {what} by name.",
    "alerts.audit.adopt": "{who} let {what} take over a position.",
    "alerts.audit.forget": "{who} let {what} forget a position that is gone.",
    "alerts.audit.start": "{who} started trading with real money: {what}.",
    "alerts.audit.stop": "{who} stopped trading with real money: {what}.",
    "alerts.audit.lower": "{who} allows {what} at most.",
    "alerts.audit.rights": "{who} said what the key {what} may do.",
    "alerts.audit.probe": "{who} asked the exchange of {what} what no document says.",
    "alerts.value.this_bot": "this bot",
    "alerts.value.every_bot": "every bot",
    "alerts.value.by_setting": "whoever sets this bot",
    "alerts.field.who": "who",
    # titles: paper
    "alerts.title.paper_killed": "Paper trading was killed, and nothing ticks any more.",
    # names of fields
    "alerts.field.liquidity": "as",
    "alerts.field.what_was_done": "what was done",
    "alerts.field.by_when": "by when",
    "alerts.field.command": "type",
    "alerts.field.average_price": "average price",
    "alerts.field.before": "before",
    "alerts.field.before_costs": "before costs",
    "alerts.field.bot": "bot",
    "alerts.field.entry": "entry",
    "alerts.field.equity": "equity",
    "alerts.field.exit": "exit",
    "alerts.field.fee": "fee",
    "alerts.field.fees": "fees",
    "alerts.field.halted_since": "halted since",
    "alerts.field.held": "held",
    "alerts.field.interest": "interest",
    "alerts.field.likely": "likely",
    "alerts.field.net": "net",
    "alerts.field.now": "now",
    "alerts.field.open_since": "open since",
    "alerts.field.order": "order",
    "alerts.field.purpose": "purpose",
    "alerts.field.says": "says",
    "alerts.field.serves_now": "serves now",
    "alerts.field.side": "side",
    "alerts.field.stop": "stop",
    "alerts.field.target": "target",
    "alerts.field.time": "time",
    "alerts.field.trained": "trained",
    "alerts.field.unchanged": "unchanged",
    "alerts.field.verdict": "verdict",
    "alerts.field.what": "what",
    "alerts.field.what_to_do": "what to do",
    "alerts.field.why": "why",
    # what a field says
    "alerts.title.test": "A test of this channel: type {code} where you began it.",
    "alerts.test.ask": "The code that {channel} brought",
    "alerts.test.not_sent": "{channel} took nothing; the log says why",
    "alerts.test.passed": "{channel}: passed",
    "alerts.test.failed": "{channel}: failed",
    "alerts.list.none": "nothing was told in {period}",
    "alerts.list.told": "told",
    "alerts.list.dead": "dead: {why}",
    "alerts.list.digest": "in the next digest",
    "alerts.list.waiting": "waiting",
    "alerts.list.second": "{by}; the second channel has named it",
    "alerts.list.often": " ({times} times)",
    "alerts.value.noticed": "{times} times since {since}",
    "alerts.value.more_titles": "and {count} more",
    "alerts.value.list_them": "`scripts/bot alerts` lists them",
    "alerts.title.summary": "{count} alerts at once: here is a summary.",
    "alerts.second.one": "crypto-bot: {title}",
    "alerts.second.many": "crypto-bot: {title} (and {more} more)",
    "alerts.field.noticed": "noticed",
    "alerts.field.since": "since",
    "alerts.field.until": "until",
    "alerts.value.clock_was_wrong": "a clock that was wrong wrote it",
    "alerts.value.maker": "maker",
    "alerts.value.taker": "taker",
    "alerts.value.trained": "{since} to {until}, {rows} candles",
    "alerts.value.nothing_serves": "nothing: no entries",
    "alerts.value.unchanged": "{weeks} retrainings in a row have left the champion as it was",
    "alerts.value.paper_killed": (
        "process {pid}, which ran since {since}, ended without being asked to"
    ),
    "alerts.value.paper_stands": (
        "nothing is entered; what is held keeps its stop and target, and the first tick settles it"
    ),
    "alerts.value.start_paper": "type `scripts/bot paper start` within five minutes",
}
