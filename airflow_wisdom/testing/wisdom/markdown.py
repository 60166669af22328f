"""The plain text of a markdown quick response."""

# Marks go, and a link keeps both of its parts. No pattern is searched for, so that the work grows with the text alone.
_MARKS = str.maketrans({**dict.fromkeys("*_~`#>[", ""), "]": " "})


def plain_text(markdown: str) -> str:
    """Strip the marks; text of nothing but marks stays as it is, because a content is never empty."""
    lines = (line.strip() for line in markdown.translate(_MARKS).splitlines())
    return "\n".join(lines).strip() or markdown
