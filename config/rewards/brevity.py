"""A reward of one's own, which may be a metric as well; docs/rewards.md explains it."""

ENOUGH = 200  # characters


def brevity(prompts, completions, **columns):
    """Give 1 to an empty answer, 0 to one of ENOUGH characters or more, and what lies between to others."""
    lengths = [len(messages[-1]["content"]) for messages in completions]
    return [max(0.0, 1 - length / ENOUGH) for length in lengths]
