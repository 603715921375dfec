"""A hook of the site's generator: links to files of the repository that are no pages become plain text.

As files, the pages link to the README, to examples and to folders; a site has none of these.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(([^)\s]+)\)")


def on_page_markdown(markdown: str, page: Any, config: dict[str, Any], files: Any) -> str:  # noqa: ARG001
    """Return a page's text with only those links that lead to another page, an anchor or an address.

    Args:
        markdown: the page as it is written.
        page: the page, as the generator knows it.
        config: settings of the generator.
        files: not used.
    """
    here = Path(page.file.src_uri).parent

    def kept(match: re.Match[str]) -> str:
        text, target = match[1], match[2].partition("#")[0]
        if not target or re.match(r"[a-z]+:", target):
            return match[0]
        path = Path(config["docs_dir"], here, target).resolve()
        inside = path.is_relative_to(Path(config["docs_dir"]).resolve())
        return match[0] if inside and path.is_file() else text

    outside = re.split(r"(^```.*?^```)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else LINK.sub(kept, part) for part in outside)
