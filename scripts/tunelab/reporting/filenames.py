"""The files that tables and figures are made from, as the page names them."""

from tunelab.jobs.layout import StudyFolder


def build_files(study: StudyFolder) -> dict[str, str]:
    """Name each kind of file as seen from the project's root, with placeholders for run, seed and task."""
    root = study.root
    runs = study.name(root / "runs") + "/{run}/seed{seed}"
    return {
        "report": study.name(root / "report.html"),
        "table": study.name(study.results_file),
        "row": study.results_file.name,  # beside the page
        "overlap": study.name(root / "overlap.json"),
        "tables": study.name(root / "tables"),
        "figures": study.name(root / "figures"),
        "history": f"{runs}/history.jsonl",
        "training": f"{runs}/training.json",
        "completions": f"{runs}/completions.parquet",
        "samples": study.name(root / "samples") + "/{samples}/seed{seed}/summary.json",
        "choice": f"{runs}/choice.json",
        "answers": f"{runs}/{{task}}/answers.jsonl",
        "scores": f"{runs}/{{task}}/scores.jsonl",
    }
