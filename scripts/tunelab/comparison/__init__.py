"""Turn measured items into estimates, tests and verdicts, all written to `results.json`.

An item is a test row or a paragraph of a neutral text; arrays are `[seeds, items]`. This room must never use labels,
colours or languages of the page.
"""
