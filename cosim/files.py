"""Files that are written whole or not at all."""

from pathlib import Path


def write_whole(path: str | Path, content: str | bytes) -> None:
    """Write a file in place of one that may exist; a write that is cut short leaves no half of one."""
    target = Path(path)
    partial = target.with_name(target.name + ".partial")
    partial.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    partial.replace(target)
