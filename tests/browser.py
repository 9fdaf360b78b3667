"""Chromium without a window, in a home of its own, which can reach nobody."""

import os
import shutil
import subprocess
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for path in map(shutil.which, _NAMES) if path), None)
_OPTIONS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"),
    *("--disable-extensions", "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr"),
)


def browse(page: Path, home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page from disk.

    Args:
        page: The page.
        home: Where the browser keeps what it keeps.
        options: What it is to do with the page.
    """
    assert CHROMIUM is not None, "no Chromium: install it as `chromium`"
    command = [CHROMIUM, *_OPTIONS, f"--user-data-dir={home / 'profile'}", *options, page.absolute().as_uri()]
    environment = os.environ | {"HOME": str(home)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=True, timeout=120)
