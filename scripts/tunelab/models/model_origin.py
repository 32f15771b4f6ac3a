"""Read from a fetched base model's card what it is called outside this project."""


def name_origin(card: dict) -> str:
    """Return the base model's repository or package, by which others find it; otherwise its name in the config."""
    source = card["source"]
    if "package" in source:
        return f"{source['package']}=={source['version']}"
    return source.get("repo_id") or card["model"]


def find_revision(card: dict) -> str | None:
    """Return the commit of a model from the Hub; None for other models, as `from_pretrained` could not use one."""
    return card["revision"] if "repo_id" in card["source"] else None
