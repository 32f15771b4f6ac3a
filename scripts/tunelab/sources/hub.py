"""Say how the Hugging Face Hub is reached, before its client is imported: it reads its settings once, on import."""

import os

from tunelab.config.specs.sources import HubSettings
from tunelab.sources.proxies import VARIABLES


def configure_hub(settings: HubSettings) -> None:
    """Set the mirror and the proxy; call it before anything imports huggingface_hub or datasets."""
    if settings.endpoint:
        os.environ["HF_ENDPOINT"] = settings.endpoint
    if settings.proxy:
        # in lower case too, which goes before upper case where both are set
        os.environ |= {form: settings.proxy for name in VARIABLES for form in (name, name.upper())}
