"""Write every page that is made from the code: `python -m scripts.docs`."""

from scripts.docs.pages import DOCS, PAGES
from shared.core.files import write_file

for file, page in PAGES.items():
    write_file(DOCS / file, page())
