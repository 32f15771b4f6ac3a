"""Read what a running job reports from its log, which lies on a disk that all machines of a cluster share."""

import os
from pathlib import Path

from tunelab.jobs.job import mark_progress


class ProgressReader:
    """The progress lines of the job with this title, as its log grows.

    A log that lies there already is one of an earlier run; Snakemake removes it before the job begins its own.
    """

    def __init__(self, log: Path, title: str) -> None:
        self._log, self._mark = log, mark_progress(title, "").encode()
        self._earlier = _identify(os.stat(log)) if log.is_file() else None
        self._place, self._rest = 0, b""

    def read(self) -> list[str]:
        """Return what the job reported since the last call."""
        try:
            with open(self._log, "rb") as log:
                if _identify(os.fstat(log.fileno())) == self._earlier:
                    return []
                self._earlier = None
                log.seek(self._place)
                new = log.read()
        except OSError:  # it has not begun, or its disk does not answer for the moment
            return []
        self._place += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [line.removeprefix(self._mark).decode(errors="replace") for line in lines if line.startswith(self._mark)]


def _identify(found: os.stat_result) -> tuple[int, int]:
    return found.st_ino, found.st_mtime_ns
