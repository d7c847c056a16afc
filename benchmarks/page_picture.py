"""A picture for the README of the page that `visualize --html` writes: page_picture.py PAGE.html PICTURE.png."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright


def main() -> None:
    """Open a page in Chromium, select some text, and take a picture."""
    page_path, picture = map(Path, sys.argv[1:])
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1360, "height": 850})
        page.goto(page_path.resolve().as_uri())
        page.evaluate("opened")
        page.evaluate("go(213, true); select(210, 217)")
        page.wait_for_timeout(500)
        page.screenshot(path=picture)
        browser.close()


if __name__ == "__main__":
    main()
