"""Messages stay short, however much there is to list."""

import ast

from project_files import PROJECT, SCRIPTS

# joined in place: what has few members by its nature, is cut before, or is a command to copy
FEW = {
    "config/formats.py: ', '.join(found.fields)",
    "config/formats.py: '; '.join(listed)",
    "config/run_checks.py: ' → '.join(chain)",
    "config/selection.py: ' and '.join(causes)",
    "data/splits.py: ' and '.join(empty)",
    "data/turns.py: ' and '.join(CARRIED[name])",
    "scoring/scorers.py: ', '.join(found)",
    "models/decoding.py: ', '.join(sorted(others))",
    "models/decoding.py: ', '.join(sorted(unknown))",
    "models/inspection.py: '.'.join(problem.path)",
    "models/packed_model.py: ', '.join(sorted(others))",
    "models/templates.py: ', '.join(map(_write_literal, value))",
    "sources/readers.py: ', '.join(OPENERS)",
    "sources/readers.py: ', '.join(sorted(READERS))",
    "training/shared.py: ', '.join(shown)",
    "upkeep/moved_results.py: '; '.join(causes[:2])",
    "upkeep/moved_results.py: shlex.join(stale)",
    "upkeep/planning.py: '; '.join((reasons[name] for name in shortages))",
    "upkeep/verification.py: ', '.join(LEFT_OUT)",
    "upkeep/new_study/overlay.py: ', '.join(map(_write, value))",
    "words.py: ''.join(marks)",
}
# what only developers read
DEVELOPERS = ("benchmarks/", "bench_training.py", "check_reproducibility.py")


def list_joins() -> set[str]:
    """List the places where a text in the code joins names without `values.list_names`."""
    found = set()
    for path in SCRIPTS.rglob("*.py"):
        source, name = path.read_text(encoding="utf-8"), path.relative_to(SCRIPTS).as_posix().removeprefix("tunelab/")
        texts = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FormattedValue)]
        calls = [call for text in texts for call in ast.walk(text) if isinstance(call, ast.Call)]
        joins = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "join"]
        # a text split at its blanks and joined again is one text
        words = [call for call in joins if ast.unparse(call.func.value) not in ("' '", "os.path")]
        found |= {f"{name}: {ast.unparse(call)}" for call in words if not name.startswith(DEVELOPERS)}
    return found


def test_names_in_messages_are_listed_by_the_one_helper_that_stops_at_a_dozen():
    assert (PROJECT / "scripts/tunelab/values.py").is_file()
    assert sorted(list_joins() - FEW) == []
    assert sorted(FEW - list_joins()) == [], "take what is gone out of the list"
