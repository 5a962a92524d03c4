"""The built site on a server, and a browser to look at it with: what the tests of pages and of the search share."""

import contextlib
import gzip
import http.server
import mimetypes
import shutil
import threading
from functools import cache
from pathlib import Path

import pytest

try:
    from axe_playwright_python.base import AXE_FILE_PATH
    from playwright.sync_api import sync_playwright
except ImportError:  # a bare engine environment, without the site's tools
    AXE_FILE_PATH = sync_playwright = None

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
"""The first one takes three quarters of the second one's time."""

CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
MISSING = "" if CHROMIUM and sync_playwright else "no Chromium, or no playwright, on this machine"
"""Why there is no browser; empty where there is one."""

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class Web(http.server.ThreadingHTTPServer):
    """The site as GitHub Pages serves it: below /torchproof/, compressed, 404.html for what is not there."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.folder = folder
        self.address = f"http://127.0.0.1:{self.server_port}/torchproof/"
        self.sent: list[tuple[str, int]] = []
        """Path and size of every answer."""

    @cache  # noqa: B019  one server for the whole run
    def body(self, path: str) -> tuple[int, bytes, str]:
        file = self.folder / path.partition("?")[0].removeprefix("/torchproof/")
        file = file / "index.html" if file.is_dir() else file
        status = 200 if file.is_file() and path.startswith("/torchproof/") else 404
        file = file if status == 200 else self.folder / "404.html"
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        content = file.read_bytes()
        if file.name == "sitemap.xml":  # instant navigation follows what the sitemap lists
            content = content.replace(b"https://torchproof.github.io/torchproof/", self.address.encode())
        return status, gzip.compress(content, 6), kind


class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        status, body, kind = self.server.body(self.path)
        self.server.sent.append((self.path, len(body)))
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if kind.startswith("text/") else kind)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "max-age=600")
        self.end_headers()
        if self.command != "HEAD":
            with contextlib.suppress(ConnectionError):  # the browser has moved on
                self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def web(site_folder):
    server = Web(site_folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
