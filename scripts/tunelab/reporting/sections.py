"""The sections of the page in their order, by what a reader asks next; each has a template of its name."""


def list_sections(page: dict) -> dict[str, list[str]]:
    """List the sections that this study has something to say in, by the chapter that they belong to."""
    lacking = page["partial"] or {"pairs": (), "trained": ()}
    chapters = {
        "findings": {
            "results": True,
            "contrasts": page["findings"]["declared"] or lacking["pairs"],
            "pairs": not page["many"] and len(page["runs"]) > 1,
            "sampling": page["samplings"],
            "cost": page["costs"] or lacking["trained"],
            "changes": page["changes"],
            "gains": page["gains"],
        },
        "doubts": {
            "threats": True,
            "contamination": page["contamination"]["overlaps"],
            "noise": page["repeats"],
            "seeds": page["parts"],
            "known": page["known"],
        },
        "training": {
            "learning": "learning_curves" in page["figures"],
            "samples": page["samples"],
            "rewards": page["completions"],
            "signals": "signals" in page["figures"],
        },
        "data": {"data": True, "cards": True, "questions": True},
        "methods": {"setup": True, "reproduce": True, "glossary": True},
    }
    present = {
        chapter: [section for section, is_present in sections.items() if is_present]
        for chapter, sections in chapters.items()
    }
    return {chapter: sections for chapter, sections in present.items() if sections}
