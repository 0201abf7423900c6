"""Delimited text tables, read in blocks: only the wanted columns, with the line number of every row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray

from loads.errors import LoadDataError
from loads.readers.layout import BLANKS, COMMENT, GAPS, Layout, split_cells
from loads.readers.source import SourceFile
from loads.trace import TraceWarning

BLOCK_BYTES = 8 << 20
MOST_BAD_ROWS = 0.5
"""Share of malformed rows above which a table is refused."""

_TAIL_BYTES = 1 << 14
_FEWEST_ROWS_TO_JUDGE_A_CUT = 5


@dataclass(frozen=True, eq=False)
class Block:
    """Some consecutive rows.

    Parameters
    ----------
    line
        Shape (n,): line of the file, counted from 1.
    cells
        By column index: n texts, stripped.
    """

    line: NDArray[np.int64]
    cells: dict[int, pa.Array]


@dataclass
class Table:
    """The rows of a file, in one pass; what was skipped on the way is in `warnings` afterwards."""

    file: SourceFile
    layout: Layout
    rows: int = field(default=0, init=False)
    malformed: list[tuple[int, str]] = field(default_factory=list, init=False)
    cut_line: int | None = field(default=None, init=False)
    stray_bytes_line: int | None = field(default=None, init=False)
    _tail: bytes = field(default=b"", init=False, repr=False)

    def blocks(self, columns: Sequence[int]) -> Iterator[Block]:
        """Read the columns with these indices.

        Raises
        ------
        LoadDataError
            If more than `MOST_BAD_ROWS` of the rows have not as many cells as the header, or the file is damaged.
        """
        line = 1
        for chunk, last in self._chunks():
            data = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in chunk else chunk
            lines_in_data = data.count(b"\n") + (not data.endswith(b"\n"))
            if line + lines_in_data > self.layout.header_line + 1:
                block = self._parse(data, line, sorted(set(columns)), last)
                self.rows += block.line.size
                yield block
            line += lines_in_data
        if len(self.malformed) > MOST_BAD_ROWS * (self.rows + len(self.malformed)):
            number, text = self.malformed[0]
            cells = len(split_cells(text, self.layout.delimiter))
            raise LoadDataError(
                f"{len(self.malformed)} of {self.rows + len(self.malformed)} rows do not have the "
                f"{len(self.layout.names)} cells of the header; this is the first, with {cells}",
                path=self.file.path,
                line=number,
                hint=f"expected the columns {', '.join(self.layout.names[:12])}",
            )

    def warnings(self) -> list[TraceWarning]:
        """Return what was skipped."""
        found = []
        if self.malformed:
            count, (line, _) = len(self.malformed), self.malformed[0]
            cells = len(self.layout.names)
            message = f"rows without the {cells} cells of the header are skipped: {count}, the first at line {line}"
            found.append(TraceWarning("malformed_rows", count, message))
        if self.cut_line:
            message = f"line {self.cut_line}, the last, has no line end and seems cut short: skipped"
            found.append(TraceWarning("truncated_last_line", 1, message))
        if self.stray_bytes_line:
            message = (
                f"the text is not all UTF-8, first near line {self.stray_bytes_line}: what cannot be read is '\ufffd'"
            )
            found.append(TraceWarning("stray_bytes", 1, message))
        return found

    def _chunks(self) -> Iterator[tuple[bytes, bool]]:
        """Yield blocks of whole lines that end in ``\\n``, and whether it is the last."""
        rest = b""
        try:
            with self.file.stream() as stream:
                while read := stream.read(BLOCK_BYTES):
                    whole, end, rest_of_read = read.rpartition(b"\n")
                    if not end:
                        rest += read
                        continue
                    # Held back until it is known whether more comes.
                    if rest.endswith(b"\n"):
                        yield rest, False
                        rest = b""
                    data = rest + whole + end
                    rest = b""
                    if rest_of_read:
                        yield data, False
                        rest = rest_of_read
                    else:
                        rest = data
        except (OSError, pa.ArrowException) as error:
            raise LoadDataError(f"cannot be read to its end: {error}", path=self.file.path) from error
        if rest:
            yield rest, True

    def _parse(self, data: bytes, first_line: int, columns: list[int], last: bool) -> Block:
        data = self._clean(data, first_line)
        if last:
            data = self._without_a_cut_line(data, first_line, columns)
        self._tail = (self._tail + data[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        if data.isspace() or not data:
            return Block(np.empty(0, dtype=np.int64), {index: pa.array([], pa.string()) for index in columns})
        blank = _blank_lines(data)
        bad: list[int] = []

        def skip(row: pa.csv.InvalidRow) -> str:
            bad.append(row.number)
            if row.text.strip():
                line = first_line + row.number - 1
                if line > self.layout.header_line:
                    self.malformed.append((line, row.text))
            return "skip"

        names = [str(index) for index in range(len(self.layout.names))]
        try:
            parsed = pa.csv.read_csv(
                pa.BufferReader(data),
                read_options=pa.csv.ReadOptions(use_threads=False, column_names=names, block_size=len(data) + 1),
                parse_options=pa.csv.ParseOptions(
                    delimiter=self.layout.parsed_delimiter,
                    quote_char='"' if b'"' in data else False,
                    ignore_empty_lines=False,
                    invalid_row_handler=skip,
                ),
                convert_options=pa.csv.ConvertOptions(
                    include_columns=[str(index) for index in columns],
                    column_types={str(index): pa.string() for index in columns},
                    check_utf8=False,
                    strings_can_be_null=False,
                ),
            )
        except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
            raise LoadDataError(
                f"malformed table: {error}", path=self.file.path, line=max(first_line, self.layout.header_line)
            ) from error
        number = np.arange(data.count(b"\n") + (not data.endswith(b"\n")), dtype=np.int64) + 1
        if bad:
            number = np.delete(number, np.array(bad) - 1)
        keep = ~np.isin(number, blank) if blank.size else np.ones(number.size, dtype=bool)
        keep &= number + first_line - 1 > self.layout.header_line
        cells = {index: parsed.column(str(index)).combine_chunks() for index in columns}
        if not keep.all():
            mask = pa.array(keep)
            cells = {index: column.filter(mask) for index, column in cells.items()}
            number = number[keep]
        if self._may_have_blanks(data):
            cells = {index: pc.utf8_trim_whitespace(column) for index, column in cells.items()}
        return Block(number + first_line - 1, cells)

    def _clean(self, data: bytes, first_line: int) -> bytes:
        """Make every line one that the parser understands, without moving any to another line number."""
        # A machine that loses its power leaves NULs; they must not vanish from within a number.
        data = data.replace(b"\0", b"?")
        if not data.isascii():
            try:
                data.decode("utf-8")
            except UnicodeDecodeError as error:
                self.stray_bytes_line = self.stray_bytes_line or first_line + data[: error.start].count(b"\n")
                data = data.decode("utf-8", errors="replace").encode("utf-8")
        if COMMENT.encode() in data:
            data = re.sub(rb"(?m)^[ \t]*#[^\n]*", b"", data)
        if self.layout.delimiter == BLANKS:
            data = re.sub(rb"[ \t]+", b" ", data)
            data = re.sub(rb" ?\n ?", b"\n", data).strip(b" ")
        elif self.layout.delimiter == GAPS:
            data = re.sub(rb"(?m)^[ \t]+|[ \t]+$", b"", data)
            data = re.sub(rb"\t+| {2,}", b"\t", data)
        if b'"' in data:
            data = self._without_open_quotes(data, first_line)
        return data

    def _without_open_quotes(self, data: bytes, first_line: int) -> bytes:
        """Blank out lines with an odd number of quotes: the parser would read on to the next quote."""
        raw = np.frombuffer(data, dtype=np.uint8)
        ends = np.append(np.flatnonzero(raw == ord("\n")), raw.size)
        quotes = np.diff(np.searchsorted(np.flatnonzero(raw == ord('"')), ends), prepend=0)
        starts = np.concatenate([[0], ends[:-1] + 1])
        cleaned = bytearray(data)
        for at in np.flatnonzero(quotes % 2):
            self.malformed.append((first_line + int(at), data[starts[at] : ends[at]].decode("utf-8")))
            cleaned[starts[at] : ends[at]] = b" " * int(ends[at] - starts[at])
        return bytes(cleaned)

    def _without_a_cut_line(self, data: bytes, first_line: int, columns: list[int]) -> bytes:
        """Drop a last line without a line end whose last cell is wanted, and shorter than that of all others nearby.

        A number that is cut short is still a number, but a wrong one.
        """
        body, end, cut = data.rpartition(b"\n")
        delimiter = self.layout.parsed_delimiter.encode()
        cells = len(self.layout.names)
        if not cut.strip() or cut.count(delimiter) >= cells:
            return data
        nearby = (self._tail + body)[-_TAIL_BYTES:].split(b"\n")
        others = [line for line in nearby if line.count(delimiter) == cells - 1]
        if cut.count(delimiter) == cells - 1:
            if cells - 1 not in columns or len(others) < _FEWEST_ROWS_TO_JUDGE_A_CUT:
                return data
            length = len(cut.rpartition(delimiter)[2].strip())
            if length >= min(len(line.rpartition(delimiter)[2].strip()) for line in others):
                return data
        self.cut_line = first_line + data.count(b"\n")
        return body + end

    def _may_have_blanks(self, data: bytes) -> bool:
        delimiter = self.layout.parsed_delimiter.encode()
        at_borders = (delimiter + b" ", b" " + delimiter, b"\n ", b" \n", b'" ', b' "')
        if self.layout.delimiter == BLANKS:
            return False
        return data[:1].isspace() or data[-1:] == b" " or b"\t" in data or any(border in data for border in at_borders)


def _blank_lines(data: bytes) -> NDArray[np.int64]:
    """Return the numbers, from 1, of the lines without any character."""
    if b"\n\n" not in data and not data.startswith(b"\n"):
        return np.empty(0, dtype=np.int64)
    ends = np.flatnonzero(np.frombuffer(data, dtype=np.uint8) == ord("\n"))
    return np.flatnonzero(np.diff(ends, prepend=-1) == 1) + 1
