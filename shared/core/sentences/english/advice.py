"""What every alert says besides what happened: what the bot did about it, what a person should do,
and what to type. The keys end in the alert's kind, and where it matters in a variant of it.
"""

SENTENCES = {
    # by when, by level
    "advice.by.critical": "within {minutes} minutes: by {at} JST",
    "advice.by.warning": "within {minutes} minutes: by {at} JST",
    # what the bot did
    "advice.did.account_unknown": (
        "It decided nothing and left the stop where it was; the next tick asks the account again."
    ),
    "advice.did.anomaly": "It enters nothing until this is over; stops and exits go on.",
    "advice.did.audit": "It wrote it down, with who and why.",
    "advice.did.audit_adopt": "Its next tick books it and gives it a stop.",
    "advice.did.audit_flatten": "Its next tick closes what it holds.",
    "advice.did.audit_forget": "Its next tick books it as closed.",
    "advice.did.audit_halt": "It enters nothing any more; what it holds keeps stop and exits.",
    "advice.did.audit_overrule": "It enters with this model, because a setting says so.",
    "advice.did.audit_probe": "It ended flat, and keeps what it saw; no rule follows from that.",
    "advice.did.audit_promote": "Its next tick asks this model.",
    "advice.did.audit_resume": "Its next tick may enter again, where no limit forbids it.",
    "advice.did.audit_lower": "Its next tick uses no more of the capital than this stage gives.",
    "advice.did.audit_rights": "It wrote it down; a start asks for it.",
    "advice.did.audit_rollback": "Its next tick asks this model.",
    "advice.did.audit_settle": "Its next tick follows what was found, and enters again.",
    "advice.did.audit_start": "Its next tick may enter with real money.",
    "advice.did.audit_stop": "It enters nothing any more; what it holds keeps stop and exits.",
    "advice.did.capital": "It goes on with the money that the account has.",
    "advice.did.challenger": "It does not hear the challenger; the champion decides as before.",
    "advice.did.clock": (
        "It enters nothing while the clocks differ; stops and exits go on, by the exchange's time."
    ),
    "advice.did.cooldown": "It enters nothing until the cool-down is over; what is held goes on.",
    "advice.did.daily_loss": "It enters nothing until 00:00 JST; what is held goes on.",
    "advice.did.account": "It enters nothing; what its own book holds keeps its stop.",
    "advice.did.account_fills_late": "It protects what the orders say, and waits for the fills.",
    "advice.did.account_fills_beyond": (
        "It booked no more than its orders executed, and enters nothing while this is told."
    ),
    "advice.did.account_close_beyond": (
        "It left its book as it is: what was closed counts as yours, neither profit nor loss."
    ),
    "advice.did.account_order_missing": "It counts on that order no longer, and protects anew.",
    "advice.did.account_another_writer": "It enters nothing, and touches no order but its own.",
    "advice.did.money": "It counts it as yours: neither profit nor loss.",
    "advice.did.damaged": "It enters nothing until this is mended; stops and exits go on.",
    "advice.did.data": (
        "It enters nothing until the market can be read again; stops and exits go on."
    ),
    "advice.did.degraded": "It entered nothing; what is held stays protected, the next tick tries.",
    "advice.did.degraded_state_damaged": (
        "It left the stored state as it is and decided nothing; what is held stays protected."
    ),
    "advice.did.drawdown_halt": "It enters nothing any more; what is held keeps stop and exits.",
    "advice.did.entry_filled": "It entered by its rules; the stop is placed at once.",
    "advice.did.exchange": "It enters nothing until the exchange trades again; stops stay there.",
    "advice.did.late": "It lets them pass: old prices decide nothing. Stops stay at the exchange.",
    "advice.did.model": "It lets the model before this one decide.",
    "advice.did.model_none": "It enters nothing; what is held is ended by its stop and target.",
    "advice.did.model_changed": "It asks the new one from this tick on.",
    "advice.did.model_drifted": "It goes on with this model.",
    "advice.did.model_drifted_closed": "It enters nothing with this model; exits go on.",
    "advice.did.model_old": "It goes on with this model.",
    "advice.did.model_old_closed": "It enters nothing with this model; exits go on.",
    "advice.did.model_overruled": "It enters with this model, because a person said so.",
    "advice.did.model_overruled_closed": "It enters nothing with this model; exits go on.",
    "advice.did.model_proof": "It goes on with this model, on paper.",
    "advice.did.model_proof_closed": "It enters nothing with this model; exits go on.",
    "advice.did.model_still": "It goes on with this model.",
    "advice.did.model_still_closed": "It enters nothing with this model; exits go on.",
    "advice.did.model_unwatched": "It decides as before, unwatched; the next candle tries again.",
    "advice.did.model_unwatched_closed": "It enters nothing until the watch works again.",
    "advice.did.model_worse": "It goes on with this model.",
    "advice.did.model_worse_closed": "It enters nothing with this model; exits go on.",
    "advice.did.not_live": "It enters nothing with real money; what it holds keeps its stop.",
    "advice.did.outcome_unknown": (
        "It never sends an order twice. It enters nothing, and the next tick asks the exchange what"
        " became of it."
    ),
    "advice.did.position_closed": "It closed by its rules and counts anew.",
    "advice.did.position_closed_unprotected": (
        "It closed at the market, because a position without a stop is not kept."
    ),
    "advice.did.rejected": "It does not repeat the order; the next tick decides anew.",
    "advice.did.resumed": "It enters again; the drawdown counts from the present equity.",
    "advice.did.retrain_failed": "It changed nothing: what serves goes on serving.",
    "advice.did.retrain_overdue": "It goes on with the model that there is.",
    "advice.did.retrain_overdue_closed": "It enters nothing until a retraining has ended.",
    "advice.did.retrained": "It stored the model with its verdict; the gate decided what serves.",
    "advice.did.stop_rejected": (
        "It tries again in this tick and in every one after it, and closes at the market where the"
        " price is beyond the stop."
    ),
    "advice.did.tick_failed": "It saved nothing of it; stops at the exchange stay as they are.",
    "advice.did.time_impossible": "It believes its own clock, compared with the exchange's.",
    "advice.did.unprotected": (
        "It asks for the stop again in every tick, before it does anything else."
    ),
    # what a person should do
    "advice.do.account_unknown": (
        "Look at the position on bitbank's own page; where it has no stop, set one there."
    ),
    "advice.do.anomaly": "Nothing, unless it lasts for more than an hour.",
    "advice.do.audit": (
        "Nothing, unless nobody of yours did it: then halt the bot, and change the keys."
    ),
    "advice.do.capital": (
        "Set capital_jpy back, or use another bot id for an account of that size."
    ),
    "advice.do.challenger": "Look at why it fails; the next retraining makes another one.",
    "advice.do.clock": "Set this machine's clock by a time server, then look again.",
    "advice.do.cooldown": "Look at the last trades; halt the bot where they look wrong.",
    "advice.do.daily_loss": "Look at the day's trades; halt the bot where they look wrong.",
    "advice.do.account": "Compare the account with the bot's book; adopt or settle by name.",
    "advice.do.account_fills_late": "Nothing, unless it lasts.",
    "advice.do.account_fills_beyond": (
        "Nothing, unless it lasts for half an hour: then compare the order with bitbank's own page."
    ),
    "advice.do.account_close_beyond": (
        "Look at the order on bitbank's own page: it closed what is yours, or what somebody had"
        " closed already."
    ),
    "advice.do.account_order_missing": "Nothing, unless it lasts.",
    "advice.do.account_account_unsettled": "Nothing, unless it lasts: the exchange may be slow.",
    "advice.do.account_another_writer": "Find who else sends orders to this account, and stop it.",
    "advice.do.account_margin_called": "Look at the margin account at once; add yen or close.",
    "advice.do.money": "Nothing, if it was you.",
    "advice.do.damaged": "Let the doctor name the document and the command that mends it.",
    "advice.do.data": "Nothing, unless it lasts for an hour: then see what the doctor says.",
    "advice.do.data_data_hole": (
        "Nothing: it ends by itself once enough candles follow the hole. See what the doctor says."
    ),
    "advice.do.degraded": "See what the doctor says; where every tick says this, halt the bot.",
    "advice.do.degraded_state_damaged": (
        "Let the doctor say what is damaged. Do not delete it: it holds plan and limits."
    ),
    "advice.do.drawdown_halt": (
        "Find out why it lost. Resume when you know, with the reason; nobody else does."
    ),
    "advice.do.entry_filled": "Nothing.",
    "advice.do.exchange": "Nothing, unless it lasts: then read bitbank's status page.",
    "advice.do.late": "Look at the scheduler, and at the clock of this machine.",
    "advice.do.model": "Go back to a bundle that loads, or train; then see whether it serves.",
    "advice.do.model_none": "Promote a bundle that loads, or train one.",
    "advice.do.model_model_mismatch": (
        "Promote a bundle that answers what these settings ask, or set back what was changed."
    ),
    "advice.do.model_model_missing": "Train a model, or promote one that there is.",
    "advice.do.model_changed": "Nothing.",
    "advice.do.model_drifted": "Compare the models; go back to the one before, or retrain.",
    "advice.do.model_old": "See why no retraining gave another one, and train.",
    "advice.do.model_overruled": "Take risk.overrule_model away when the reason for it is gone.",
    "advice.do.model_proof": "Prove it again with this code and these settings: train.",
    "advice.do.model_still": "Compare the models; go back to the one before, or retrain.",
    "advice.do.model_unwatched": "See what the doctor says.",
    "advice.do.model_worse": "Compare the models; go back to the one before, or halt the bot.",
    "advice.do.not_live": "See what is missing, mend it, and start it where you mean it.",
    "advice.do.outcome_unknown": (
        "Look on bitbank's own page whether the order is there. The bot resolves it by itself;"
        " halt it where the next tick did not."
    ),
    "advice.do.position_closed": "Nothing.",
    "advice.do.position_closed_unprotected": (
        "See that nothing is held any more, and halt the bot until you know why no stop was taken."
    ),
    "advice.do.rejected": "See what the doctor says of exchange, rules and capital.",
    "advice.do.resumed": "Nothing.",
    "advice.do.retrain_failed": "Read what was found, mend it, and train again.",
    "advice.do.retrain_overdue": "See that the retraining is scheduled, and train by hand.",
    "advice.do.retrained": "Nothing.",
    "advice.do.retrained_unchanged": (
        "Read what the gate says of the last ones: nothing new has served for weeks."
    ),
    "advice.do.stop_rejected": (
        "See whether the stop is in place after the next tick; where it is not, close the position"
        " on bitbank's own page."
    ),
    "advice.do.tick_failed": "See what the doctor says of store, settings and exchange.",
    "advice.do.time_impossible": "Look at this machine's clock, and at the scheduler's.",
    "advice.do.unprotected": (
        "Look at the position on bitbank's own page; where it has no stop, set one there or close"
        " it."
    ),
    # what to type
    "advice.type.account_unknown": "scripts/bot status",
    "advice.type.anomaly": "scripts/bot status",
    "advice.type.audit": "scripts/bot status",
    "advice.type.audit_probe": "scripts/bot doctor",
    "advice.type.audit_promote": "scripts/bot models",
    "advice.type.audit_rollback": "scripts/bot models",
    "advice.type.audit_overrule": "scripts/bot models",
    "advice.type.capital": "scripts/bot doctor",
    "advice.type.challenger": "scripts/bot models",
    "advice.type.clock": "scripts/bot doctor",
    "advice.type.cooldown": "scripts/bot status",
    "advice.type.daily_loss": "scripts/bot status",
    "advice.type.account": "scripts/bot doctor; scripts/bot status",
    "advice.type.money": "scripts/bot status",
    "advice.type.damaged": "scripts/bot doctor",
    "advice.type.data": "scripts/bot doctor",
    "advice.type.degraded": "scripts/bot doctor",
    "advice.type.drawdown_halt": 'scripts/bot status; then scripts/bot resume --why "..."',
    "advice.type.entry_filled": "scripts/bot status",
    "advice.type.exchange": "scripts/bot doctor",
    "advice.type.late": "scripts/bot paper status; scripts/bot doctor",
    "advice.type.model": 'scripts/bot models; then scripts/bot rollback --why "..."',
    "advice.type.model_none": 'scripts/bot models; then scripts/bot promote VERSION --why "..."',
    "advice.type.model_model_mismatch": (
        'scripts/bot models; then scripts/bot promote VERSION --why "..."'
    ),
    "advice.type.model_model_missing": "scripts/bot train",
    "advice.type.model_changed": "scripts/bot models",
    "advice.type.model_drifted": 'scripts/bot models; then scripts/bot rollback --why "..."',
    "advice.type.model_old": "scripts/bot train",
    "advice.type.model_overruled": "scripts/bot models",
    "advice.type.model_proof": "scripts/bot train",
    "advice.type.model_still": 'scripts/bot models; then scripts/bot rollback --why "..."',
    "advice.type.model_unwatched": "scripts/bot doctor",
    "advice.type.model_worse": 'scripts/bot models; then scripts/bot rollback --why "..."',
    "advice.type.not_live": 'scripts/bot doctor; then scripts/bot live start --why "..."',
    "advice.type.outcome_unknown": 'scripts/bot status; scripts/bot halt --why "..."',
    "advice.type.position_closed": "scripts/bot status",
    "advice.type.position_closed_unprotected": ('scripts/bot status; scripts/bot halt --why "..."'),
    "advice.type.rejected": "scripts/bot doctor",
    "advice.type.resumed": "scripts/bot status",
    "advice.type.retrain_failed": "scripts/bot train",
    "advice.type.retrain_overdue": "scripts/bot train",
    "advice.type.retrained": "scripts/bot models",
    "advice.type.stop_rejected": 'scripts/bot status; scripts/bot halt --why "..."',
    "advice.type.tick_failed": "scripts/bot doctor",
    "advice.type.time_impossible": "scripts/bot doctor",
    "advice.type.unprotected": 'scripts/bot status; scripts/bot halt --why "..."',
}
