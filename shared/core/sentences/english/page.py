"""What every page says, whatever it shows."""

SENTENCES = {
    "page.read_first": "Read this first",
    "page.theme": "Light or dark",
    "page.language": "en",
    "page.light": "Light",
    "page.dark": "Dark",
    "page.show_light": "Show the page in light colours",
    "page.show_dark": "Show the page in dark colours",
}
