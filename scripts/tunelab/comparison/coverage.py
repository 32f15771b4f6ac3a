"""What simulations say of the study's own intervals over seeds and items."""

from tunelab.comparison.results import Coverage


def summarise_coverage(simulated: dict, seeds: int) -> Coverage | None:
    """Summarise the simulations (`upkeep.coverage`) with so many seeds, or the next smaller number; None for one."""
    known = [cell["seeds"] for cell in simulated["grid"] if cell["seeds"] <= seeds]
    if not known:
        return None
    covered = [cell["covered"] for cell in simulated["grid"] if cell["seeds"] == max(known)]
    return Coverage(
        seeds=max(known),
        least=min(covered),
        mean=sum(covered) / len(covered),
        most=max(covered),
        cases=len(covered),
        studies=simulated["studies"],
    )
