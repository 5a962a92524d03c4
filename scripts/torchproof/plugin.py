"""The MkDocs plugin: files that belong to a page and are not in docs/.

Pages are whole without it, as other builders show them: a picture is then data within its page.
"""

import base64
import hashlib
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import BasePlugin
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

__all__ = ["TorchproofPlugin"]


class TorchproofPlugin(BasePlugin):
    """Registered as `torchproof` in `plugins:` of mkdocs.yml."""

    def on_post_page(self, output: str, *, page: Page, config: MkDocsConfig) -> str:
        """Write the pictures that a page holds as data into files, and drop the blank lines of the template."""

        def stored(picture: re.Match[str]) -> str:
            path = _store(Path(config.site_dir), picture["kind"], base64.b64decode(picture["data"]))
            return picture["before"] + get_relative_url(path, page.url) + '"'

        return BLANKS.sub(lambda found: found["kept"] or "\n", PICTURE.sub(stored, output))


def _store(site: Path, kind: str, content: bytes) -> str:
    """Write a picture under a name that says what is in it; returns its path within the site."""
    path = f"assets/pictures/{hashlib.sha256(content).hexdigest()[:12]}.{kind}"
    file = site / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return path


PICTURE = re.compile(
    r'(?P<before><(?:image|img)\s[^>]*?(?:href|src)=")data:image/(?P<kind>\w+);base64,(?P<data>[^"]{500,})"'
)
"""A picture in a page; a smaller one weighs less than the request for a file would."""

BLANKS = re.compile(r"(?P<kept><article.*</article>|<script.*?</script>)|\s*\n\s*", re.S)
"""What lies around the lines of a template: a tenth of a page's bytes. What the page itself says stays as it is."""
