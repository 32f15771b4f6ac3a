"""Tell from the cards of its jobs where a study's numbers come from: which code made them, and when."""

from pathlib import Path
from typing import Any

from tunelab import records
from tunelab.jobs.checkout import find_address
from tunelab.jobs.layout import StudyFolder

PROJECT = "tunelab"


def describe_origin(study: StudyFolder) -> dict[str, Any]:
    """Return the project's name and web address, and of the jobs behind results.json the days and commits.

    days: the first and the last, as ISO 8601 in UTC, none where no card is left; commits: of the code, newest first,
    `dirty` where files differed from it.
    """
    cards = sorted(find_cards(study, [study.results_file]).values(), key=lambda card: card["finished"])
    commits: dict[str, bool] = {}
    for card in reversed(cards):
        if card["commit"]:
            commits[card["commit"]] = commits.get(card["commit"], False) or card["dirty"]
    return {
        "project": PROJECT,
        "address": find_address(Path(__file__).parents[3]),
        "days": sorted({card["finished"][:10] for card in (cards[0], cards[-1])} if cards else []),
        "commits": [{"commit": commit, "dirty": dirty} for commit, dirty in commits.items()],
    }


def find_cards(study: StudyFolder, files: list[Path]) -> dict[Path, dict]:
    """Return the cards of the jobs that made these artefacts, and all that they were made from, by their paths.

    Where the folder of cards is gone, there are none.
    """
    cards = {path: records.read_json(path) for path in sorted((study.root / "cards").rglob("*.json"))}
    made: dict[str, Path] = {}
    for path in sorted(cards, key=lambda path: cards[path]["finished"]):  # a file of two cards is the later job's
        made |= dict.fromkeys(cards[path]["outputs"], path)
    found, asked = set(), [study.name(path) for path in files]
    while asked:
        if (card := made.get(asked.pop())) and card not in found:
            found.add(card)
            asked += cards[card]["inputs"]
    return {path: card for path, card in cards.items() if path in found}
