"""Say how the Hugging Face Hub is reached, before its client is imported: it reads its settings once, on import."""

import os

from tunelab.config.specs.sources import HubSettings


def configure_hub(settings: HubSettings) -> None:
    """Set the mirror and the proxy; call it before anything imports huggingface_hub or datasets."""
    if settings.endpoint:
        os.environ["HF_ENDPOINT"] = settings.endpoint
    if settings.proxy:
        # in lower case too, which goes before upper case where both are set
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            os.environ[name] = settings.proxy
