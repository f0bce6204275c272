"""Units, and what a number is called that is not there."""

SENTENCES = {
    "figures.unknown": "unknown",
    "figures.yen": "{amount} yen",
    "figures.seconds": "{seconds} s",
    "figures.minutes": "{minutes} min",
    "figures.minutes_seconds": "{minutes} min {seconds} s",
    "figures.hours": "{hours} h",
    "figures.hours_minutes": "{hours} h {minutes} min",
    "figures.days": "{days} days",
    "figures.days_hours": "{days} d {hours} h",
}
