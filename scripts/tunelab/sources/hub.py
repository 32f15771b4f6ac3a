"""Set how the Hugging Face Hub is reached (mirror, proxy), and find and check the proxy that requests use.

The Hub's client reads its settings once, on import; so `configure_hub` comes before that.
"""

import os
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment

from tunelab.config.specs.sources import HubSettings
from tunelab.errors import UserError

# what Python's HTTP clients read
VARIABLES = tuple(f"{scheme}_proxy" for scheme in ("http", "https", "all"))  # in capitals too


def configure_hub(settings: HubSettings) -> None:
    """Set mirror and proxy; to be called before anything imports huggingface_hub or datasets."""
    if settings.endpoint:
        os.environ["HF_ENDPOINT"] = settings.endpoint
    if settings.proxy:
        # in lower case too, which goes before upper case where both are set
        os.environ |= {form: settings.proxy for name in VARIABLES for form in (name, name.upper())}


def find_proxy(address: str) -> str | None:
    """Return the proxy for requests to an address, with the variable that sets it, or None."""
    parts = urlsplit(address)
    if proxy_bypass_environment(parts.hostname):
        return None
    for name in (f"{parts.scheme}_proxy", "all_proxy"):
        if found := _read(name):
            return f"{_hide_password(found[1])} ({found[0]})"
    return None


def check_proxies() -> None:
    """Raise `UserError` if a variable has a value that is no HTTP proxy, as the Hub's client would fail with it."""
    for name, value in filter(None, map(_read, VARIABLES)):
        if not _is_usable(value):
            raise UserError(
                f"{name}: {_hide_password(value)!r} is no address of an HTTP proxy, such as http://host:3128, and the "
                "Hub's client takes none of another kind (SOCKS). Unset the variable, or set hub.proxy to an HTTP "
                "proxy, which goes before it."
            )


def _read(name: str) -> tuple[str, str] | None:
    """Return the form of a variable's name that is set, lower case first, and its value; None if none is set."""
    return next(((form, os.environ[form]) for form in (name, name.upper()) if os.environ.get(form)), None)


def _is_usable(value: str) -> bool:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a port that is none
        return False


def _hide_password(value: str) -> str:
    before, mark, host = value.rpartition("@")
    return f"{before[: before.find('://') + 3] if '://' in before else ''}***@{host}" if mark else value
