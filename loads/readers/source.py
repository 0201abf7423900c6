"""A file to read: found, hashed, decompressed and decoded, with its first lines at hand for detection."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from loads.errors import LoadDataError

HEAD_BYTES = 65_536
"""Bytes read for detection."""

_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"
_MOST_STRAY_BYTES = 0.05


@dataclass(frozen=True, eq=False)
class SourceFile:
    """A file, opened once to look at its head; compressed ones (.gz, .bz2, .zst, .lz4) are read through.

    Parameters
    ----------
    path
        As the user wrote it.
    head_bytes
        The first bytes, decompressed, at most `HEAD_BYTES`.
    """

    path: str
    head_bytes: bytes

    @classmethod
    def open(cls, path: str | Path) -> SourceFile:
        """Look at a file; `LoadDataError` if it is missing, unreadable or empty."""
        name = str(path)
        try:
            with Path(path).open("rb"), pa.input_stream(name, compression="detect") as stream:
                head = stream.read(HEAD_BYTES)
        except OSError as error:
            raise LoadDataError(f"cannot be read: {error.strerror or error}", path=name) from error
        if not head.strip():
            raise LoadDataError("the file is empty", path=name)
        return cls(name, head)

    @cached_property
    def sha256(self) -> str:
        """Hash of the file as it lies on disk."""
        with Path(self.path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()

    @property
    def encoding(self) -> str:
        """``"utf-16"`` where the file begins with its mark (PowerShell writes it), else ``"utf-8"``."""
        return "utf-16" if self.head_bytes.startswith(_UTF16) else "utf-8"

    @cached_property
    def head(self) -> list[str]:
        """Whole lines of the head; none if the file is not text. Stray bytes that are not UTF-8 become U+FFFD."""
        text = self.head_bytes.removeprefix(_BOM).decode(self.encoding, errors="replace")
        if "\0" in text or text.count("\ufffd") > len(text) * _MOST_STRAY_BYTES:
            return []
        # Not `str.splitlines`: it splits at form feeds and other characters that end no line of a table.
        lines = re.split("\r\n|\n|\r", text)
        return lines if len(self.head_bytes) < HEAD_BYTES or len(lines) < 2 else lines[:-1]

    def stream(self) -> BinaryIO:
        """Open the content as UTF-8 bytes without a byte order mark, decompressed."""
        if self.encoding == "utf-16":
            return io.BytesIO(self.text().encode("utf-8"))
        stream = pa.input_stream(self.path, compression="detect")
        if self.head_bytes.startswith(_BOM):
            stream.read(len(_BOM))
        return stream

    def text(self) -> str:
        """Return the whole content decoded.

        Raises
        ------
        LoadDataError
            If it is not text.
        """
        with pa.input_stream(self.path, compression="detect") as stream:
            data = stream.read()
        try:
            text = data.removeprefix(_BOM).decode(self.encoding)
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            raise LoadDataError("the file is not UTF-8 text", path=self.path, hint="expected a table or log of power")
        return text
