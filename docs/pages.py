"""Hooks of MkDocs that turn documents written for the repository into a site.

The README and similar documents become pages, and links point to pages. Links to files without a
page, such as code, become plain text.
"""

import posixpath
import re
from functools import partial
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
PAGES = {
    "README.md": "index.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
_SOURCES = {page: document for document, page in PAGES.items()}
_LINK = re.compile(r"\[([^]]*)]\((?!https?:|#)([^)#\s]+)(#[^)]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for document, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / document).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    name = page.file.src_uri
    return _LINK.sub(partial(_link, folder="" if name in _SOURCES else "docs"), markdown)


def _link(link: re.Match[str], folder: str) -> str:
    text, target, anchor = link.groups(default="")
    path = posixpath.normpath(posixpath.join(folder, target))
    if path in PAGES:
        return f"[{text}]({PAGES[path]}{anchor})"
    if path.startswith("docs/"):
        return f"[{text}]({path.removeprefix('docs/')}{anchor})"
    return text
