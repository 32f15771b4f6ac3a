"""Put the settings that were chosen for a tuned run in the place of its own."""

from typing import Any

Settings = dict[str, Any]  # field (`training.learning_rate`) → value
SECTIONS = ("training", "adapter")
VALIDATION = "{}.validation"  # the task that a tuned run's trials are compared on, by the name of the run's own task


def merge_settings(run: Any, settings: Settings) -> Any:
    """Return a run's entry, as plain values or as a spec, with other settings."""
    sections: dict[str, dict[str, Any]] = {}
    for field, value in settings.items():
        section, _, name = field.partition(".")
        sections.setdefault(section, {})[name] = value
    if isinstance(run, dict):
        return run | {section: (run.get(section) or {}) | values for section, values in sections.items()}
    return run.model_copy(update={section: getattr(run, section) | values for section, values in sections.items()})
