"""A picture of the page that `visualize --html` writes: page_picture.py PAGE.html PICTURE.png START STOP.

Of the documentation: charrnn visualize demo argparse.py --unit L1.c.84 --html page.html, of Python 3.11's argparse.py,
with START and STOP 4041 and 4049.
"""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main() -> None:
    """Open a page in Chromium, select characters of the text, and take a picture."""
    page_path, picture = map(Path, sys.argv[1:3])
    start, stop = map(int, sys.argv[3:])
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": 850})
        page.goto(page_path.resolve().as_uri())
        page.evaluate("opened")
        page.evaluate(f"go({start}, true); select({start}, {stop})")
        page.wait_for_timeout(500)
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main()
