"""Standard output that never ends a run: not by a reader that left, not by a letter it lacks."""

from __future__ import annotations

import io
import sys
from typing import TextIO


class _Forgiving(io.FileIO):
    """A file descriptor whose reader may leave, as ``head`` does: what follows goes nowhere."""

    def write(self, data: object, /) -> int:
        """As a file's; what nobody reads counts as written."""
        try:
            return super().write(data)  # type: ignore[arg-type]  # any buffer, as the base takes
        except BrokenPipeError:
            return memoryview(data).nbytes  # type: ignore[arg-type]


def forgive() -> None:
    """From here on, what stdout and stderr cannot take is escaped or dropped."""
    sys.stdout = _forgiving(sys.stdout, 1)
    sys.stderr = _forgiving(sys.stderr, 2)


def _forgiving(stream: TextIO, number: int) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # none at all, or one that somebody has put in its place
    try:
        if stream.fileno() != number:
            return stream
        stream.flush()
    except (OSError, ValueError):
        return stream
    return io.TextIOWrapper(
        io.BufferedWriter(_Forgiving(number, "w", closefd=False)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=True,
    )
