"""What a fetched base model is called outside this project, taken from its card."""


def name_origin(card: dict) -> str:
    """Name the base model as others can find it: its repository or package, otherwise its name in the config."""
    source = card["source"]
    if "package" in source:
        return f"{source['package']}=={source['version']}"
    return source.get("repo_id") or card["model"]


def find_revision(card: dict) -> str | None:
    """Return the commit of a model from the Hub; other models have none that `from_pretrained` could use."""
    return card["revision"] if "repo_id" in card["source"] else None
