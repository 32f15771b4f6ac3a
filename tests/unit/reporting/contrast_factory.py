"""Make up a tested difference, of which a test names what it is about."""

from tunelab.comparison.results import Contrast


def build_contrast(run, against, **options):
    common = {"n": 48, "seeds": 1, "interval": "paired-bootstrap", "task": "support", "metric": "loss", "sources": []}
    tested = {"p": 0.01, "p_corrected": 0.02, "p_equivalence": 0.9, "margin": 0.05, "smallest_detectable": 0.2}
    ends = {"value": -0.4, "low": -0.6, "high": -0.1, "wins": 7, "losses": 3, "verdict": "better"}
    flags = {
        "look": None,
        "confidence": 0.95,
        "declared": True,
        "primary": True,
        "noise": None,
        "unequal": [],
        "equal_budget": None,
        "starved": [],
        "at_edge": [],
        "degenerate": [],
    }
    return Contrast(run=run, against=against, **common | tested | ends | flags | options)
