"""Turn errors of the Hub's client into messages with the config key, the value and the remedy."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tunelab.config.specs.sources import HubDataset, HubModel
from tunelab.errors import UserError
from tunelab.sources.hub import check_proxies, find_proxy
from tunelab.sources.transfer import read_wait

LOG_IN = "Then log in with `hf auth login`, or set HF_TOKEN."
GO_ON = "the download goes on where it stopped"


@contextlib.contextmanager
def explain_errors(spec: HubModel | HubDataset, key: str) -> Iterator[None]:
    """Raise `UserError` for what the Hub's client and its HTTP library raise inside the block."""
    from httpx2 import ConnectError, ConnectTimeout, ProxyError, RequestError, UnsupportedProtocol
    from huggingface_hub import constants, errors

    address, repo_id = constants.ENDPOINT, spec.repo_id
    check_proxies()
    try:
        yield
    except errors.GatedRepoError as error:
        raise UserError(
            f"{key}.repo_id: {repo_id} is gated; accept its terms on its page on the Hub. {LOG_IN}{quote_server(error)}"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise UserError(
            f"{key}.revision: {repo_id} has no revision {spec.revision!r}; give a commit hash, branch or tag."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"{key}.repo_id: {address} has no {repo_id!r}, or hides it because it is private. Check the "
            f"spelling (owner/name); if it is private, ask its owner for access. {LOG_IN}"
        ) from error
    except errors.HFValidationError as error:
        raise UserError(f"{key}.repo_id: {repo_id!r} is not of the form owner/name ({error}).") from error
    except ProxyError as error:
        raise UserError(
            f"{key}: the proxy refuses to connect to {address} ({error}). Check hub.proxy, or HTTPS_PROXY if hub.proxy "
            "is not set; hosts to be reached without it belong into NO_PROXY."
        ) from error
    except UnsupportedProtocol as error:
        raise UserError(
            f"hub.endpoint (or HF_ENDPOINT): {address!r} is no web address; begin it with https://."
        ) from error
    except RequestError as error:
        proxy = find_proxy(address) if isinstance(error, ConnectError | ConnectTimeout) else None
        if proxy:
            raise UserError(
                f"{key}: {address} cannot be reached for {repo_id} through the proxy {proxy}: {type(error).__name__}. "
                "See whether that proxy runs and is spelt right, in hub.proxy or else in the variable; hosts to be "
                f"reached without it belong into NO_PROXY. Then run again, {GO_ON}."
            ) from error
        raise UserError(
            f"{key}: {address} cannot be reached for {repo_id} ({name_failure(error)}). Run again when it can, "
            f"{GO_ON}. Or set hub.endpoint to a mirror or hub.proxy to a proxy; or fetch on another machine, bring "
            "its work/downloads here and set HF_HUB_OFFLINE=1; or use `source: local` with files of your own; or "
            "choose the default study, which needs no Hub."
        ) from error
    except errors.HfHubHTTPError as error:
        raise UserError(f"{key}{explain_status(error, address, repo_id)}{quote_server(error)}") from error


def name_failure(error) -> str:
    """Name a failure and the host, which differs from the endpoint where that redirects to its store."""
    return f"{type(error).__name__} at {error.request.url.host}"


def explain_status(error, address: str, repo_id: str) -> str:
    """Explain an HTTP status by which the Hub refuses a request, and what to do."""
    from huggingface_hub import get_token

    status = error.response.status_code
    if status in (401, 403):
        what = "is expired, misspelt or lacks the right to read this repository" if get_token() else "is missing"
        return f".repo_id: {address} refuses access to {repo_id} ({status}): the token {what}. {LOG_IN}"
    if status == 429:
        told = read_wait(error.response)
        wait = f"asks to wait {told} s" if told is not None else "does not say for how long to wait"
        return (
            f": {address} has too many requests (429) for {repo_id} and {wait}. Run again after that, {GO_ON}; those "
            "who are logged in (`hf auth login`) may ask for more."
        )
    return f": {address} answered {status} for {repo_id}; wait a little and run again, {GO_ON}."


@contextlib.contextmanager
def explain_vanished(
    spec: HubModel | HubDataset, key: str, commit: str | None, pin: Path, file: str = ""
) -> Iterator[None]:
    """Raise `UserError` if the commit recorded in `pin`, or a file of it, is no longer on the Hub."""
    from huggingface_hub import errors

    try:
        yield
    except errors.RevisionNotFoundError as error:
        if not pin.exists():
            raise
        raise UserError(
            f"{key}.revision: commit {commit}, which was recorded for {spec.revision or 'main'!r} when it was first "
            f"fetched, is no longer in {spec.repo_id}. To use the newest instead, delete {pin} and run again."
        ) from error
    except errors.RemoteEntryNotFoundError as error:
        raise UserError(
            f"{key}.repo_id: {spec.repo_id} lists {file!r} at commit {commit} and does not have it (404). Give another "
            f"revision, or another mirror in hub.endpoint."
        ) from error


def explain_offline(spec: HubModel | HubDataset, key: str, lacking: str) -> None:
    """Raise `UserError` if HF_HUB_OFFLINE forbids requests to the Hub."""
    from huggingface_hub import is_offline_mode

    if is_offline_mode():
        raise UserError(
            f"{key}.repo_id: HF_HUB_OFFLINE is set, and of {spec.repo_id} {lacking}. Unset HF_HUB_OFFLINE and run once "
            "with a connection; or bring work/downloads from a machine where the study was fetched."
        )


def quote_server(error) -> str:
    """Quote the server's reason, if it gives one, with the token hidden."""
    from huggingface_hub import get_token

    said = " ".join((error.server_message or "").split())[:200]
    if token := get_token():
        said = said.replace(token, "***")
    return f" It says: {said!r}." if said else ""
