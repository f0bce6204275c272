"""What every page says, whatever it shows."""

SENTENCES = {
    "page.read_first": "Read this first",
    "page.theme": "Light or dark",
}
