"""Download files from the Hub, resume interrupted downloads, and check every hash.

Requests use the session of the Hub's client, which has the token, the proxy and the offline switch. The rest is done
here, because the client (2.4) deletes a half-received file when its process ends, loses up to 10 MB at every
interruption, gives up at a reset connection or a 502, waits as long as the server says, and compares no hashes. Files
come over plain HTTP, which works with mirrors and proxies; Xet, the client's other protocol, bypasses a mirror.
"""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from tunelab import records
from tunelab.errors import UserError
from tunelab.jobs.job import report_progress

WAITS = [1, 2, 4, 8]  # seconds, one after each failed attempt in a row
LONGEST_WAIT = 330  # the Hub counts requests in windows of five minutes
# an attempt that receives less than this counts as failed, as does a connection that receives less in PATIENCE seconds:
# the client's own time-out is for one read, which a server that sends a byte now and then never exceeds
LEAST_BYTES = 64 * 1024
PATIENCE = 60
Answer = TypeVar("Answer")


class HubFile(NamedTuple):
    """A file of a repository; `digest` is the content's sha256 if the Hub keeps it in its store, else git's sha1."""

    path: str
    bytes: int
    digest: str


def compute_digest(path: Path, digest: str) -> str:
    """Hash a file by the algorithm of `digest`, sha256 or git's sha1."""
    if len(digest) == 64:
        return records.hash_file(path)
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def download_file(address: str, file: HubFile, target: Path, key: str) -> None:
    """Download a file to `target`, resuming what an earlier call or process received.

    Raises:
        UserError: if the hash is wrong after two complete downloads.
    """
    part = target.with_name(target.name + ".incomplete")
    for _ in range(2):
        part.touch()
        if part.stat().st_size < file.bytes:
            insist(lambda: receive(address, part, file.bytes), key, lambda: part.stat().st_size)
        found, size = compute_digest(part, file.digest), part.stat().st_size
        if found == file.digest:
            part.replace(target)
            return
        part.unlink()
        wrong = (
            f"{key}: {file.path} does not have the content that the repository lists: expected {file.digest} "
            f"({file.bytes} bytes), found {found} ({size} bytes)."
        )
        print(wrong, flush=True)
    raise UserError(
        f"{wrong} It was fetched twice and is not used. A proxy or mirror may have changed it: try another one with "
        "hub.proxy or hub.endpoint, or run again later."
    )


def receive(address: str, part: Path, size: int) -> None:
    """Append to `part` the missing bytes of the file at `address`, which has `size` bytes."""
    from httpx2 import ReadTimeout
    from huggingface_hub import constants
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    # unbuffered, so that a kill loses nothing that was received
    with open(part, "ab", buffering=0) as file:
        have = file.tell()
        headers = build_hf_headers() | {"accept-encoding": "identity"} | ({"range": f"bytes={have}-"} if have else {})
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        with get_session().stream("GET", address, headers=headers, timeout=timeout) as response:
            if response.status_code == 416:  # its file is shorter than what we have, so it is not the listed one
                return
            hf_raise_for_status(response)
            if response.status_code == 200:  # the server knows no ranges and begins anew
                file.truncate(have := 0)
            began, begun_with = time.monotonic(), have
            for chunk in response.iter_bytes():
                file.write(chunk)
                have += len(chunk)
                if have > size:  # not the listed file, so the rest does not matter
                    return
                if time.monotonic() - began > PATIENCE:
                    if have - begun_with < LEAST_BYTES:
                        raise ReadTimeout(f"{have - begun_with} bytes in {PATIENCE} s", request=response.request)
                    began, begun_with = time.monotonic(), have


def insist(attempt: Callable[[], Answer], key: str, measure: Callable[[], int] = lambda: 0) -> Answer:
    """Return what `attempt` returns, and repeat it while the Hub is busy, broken or out of reach.

    Gives up after more failures in a row than there are `WAITS`.

    Args:
        measure: returns the bytes that were received so far; an attempt that received enough ends a row of failures.
    """
    from httpx2 import NetworkError, RemoteProtocolError, TimeoutException
    from huggingface_hub.errors import HfHubHTTPError

    failures = 0
    while True:
        before = measure()
        try:
            return attempt()
        except (HfHubHTTPError, NetworkError, RemoteProtocolError, TimeoutException) as error:
            failures = 1 if measure() - before >= LEAST_BYTES else failures + 1
            wait = choose_wait(error, failures)
            if wait is None:
                raise
            status = f"answer {error.response.status_code}" if isinstance(error, HfHubHTTPError) else ""
            report_progress(f"{key}: {status or type(error).__name__}; trying again in {wait} s")
            time.sleep(wait)


def choose_wait(error: Exception, failures: int) -> float | None:
    """Return the seconds to wait before the next attempt; None to give up."""
    response = getattr(error, "response", None)
    if response is not None and response.status_code not in (408, 429) and response.status_code < 500:
        return None
    if failures > len(WAITS):
        return None
    told = read_wait(response)
    if told is None:
        return WAITS[failures - 1]
    return told if told <= LONGEST_WAIT else None


def read_wait(response) -> int | None:
    """Return the seconds that a busy server asks to wait; None if it does not say."""
    from huggingface_hub.utils import parse_ratelimit_headers

    if response is None:
        return None
    limit = parse_ratelimit_headers(response.headers)
    if limit is not None and not limit.remaining:
        return limit.reset_in_seconds
    told = response.headers.get("Retry-After", "")
    return int(told) if told.isdigit() else None
