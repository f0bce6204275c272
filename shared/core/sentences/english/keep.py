"""What `keep` answers."""

SENTENCES = {
    "keep.none": "No report is protected.",
    "keep.line": "{name}  protected {at} by {who}{why}",
    "keep.protected": "The report {name} is protected.",
    "keep.released": "The report {name} goes when it is old.",
}
