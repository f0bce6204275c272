"""What `paper start`, `status` and `stop` say of the process that trades in the background."""

SENTENCES = {
    "paper.started": (
        "Paper trading runs (process {pid}), a tick every {seconds} s; its log is {log}."
    ),
    "paper.commands": (
        "`scripts/bot paper status` says how it is, `scripts/bot paper stop` ends it."
    ),
    "paper.has_ended": "Paper trading has ended (process {pid}).",
    "paper.runs_not": "Paper trading does not run.",
    "paper.left_ended": (
        "Ended the {name} process (group {group}) of a supervisor that was killed"
    ),
    "paper.left": "LEFT      the {name} process (group {group}) of a supervisor that was killed",
    "paper.runs": "running   process {pid}",
    "paper.no": "running   no",
    "paper.never_scheduled": "tick      none was ever scheduled here",
    "paper.since": "since     {at} ({utc}), every {seconds} s",
    "paper.doing": "doing     {doing}",
    "paper.next": "next      {at}",
    "paper.ticks": "ticks     {ticks} done{since}, {skipped} skipped because they were late",
    "paper.counted_since": " since {at}",
    "paper.trouble": "TROUBLE   {trouble}{tries}",
    "paper.tries": " ({failed} in a row; every schedule time tries again)",
    "paper.learning": "learning  {learning}",
    "paper.errand": "{name}{told}",
    "paper.last": "last {at}",
    "paper.not_yet": "not yet",
    "paper.due": "next {at}",
    "paper.last_tick": "last tick {at} ({utc}), {status}{detail}",
    "paper.decision": "decision  {decision}",
}
