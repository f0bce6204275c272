"""What a tick came to: as `tick` tells it, and in a few words for the live table and the log."""

SENTENCES = {
    "tick.tick": "tick {tick} {status}, {at}",
    "tick.dry_run": "tick {tick} {status} (dry run), {at}",
    "tick.decision": "decision  {action}{size}: {reason}{facts}",
    "tick.size": " {side}, {lots} lots",
    "tick.issue": "issue     {reason}{facts}",
    "tick.issue_closed": "issue     {reason} (no entries){facts}",
    "tick.order": "order     {what} {purpose} {side} {lots} lots{price}: {outcome}{facts}",
    "tick.would_post": "would post {path} {body}",
    "tick.took": "took      {milliseconds} ms, {counts}",
    "tick.ending": "the tick goes on to its end; once more ends it at once",
    # in a few words
    "tick.trouble": "{status}: {why}",
    "tick.sent": "{purpose} {side} {size} at {price}{bracket}",
    "tick.sent_at_market": "{purpose} {side} {size} at the market{bracket}",
    "tick.bracket": ", stop {stop}, target {target}",
    "tick.answered": "{order}: {outcome} ({why})",
    "tick.filled": "filled {size} at {price}",
    "tick.ended": "{why} at {price}: {net}",
    "tick.ended_part": "{why} at {price} (a part): {net}",
    "tick.enters": "enter {side}{edge}",
    "tick.exits": "{action}: {why}",
    "tick.line": "{at}  BTC {price}  equity {equity}  {position}  {decision}",
}
