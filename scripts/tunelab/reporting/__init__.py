"""From `results.json` and the artefacts' cards to what people read: the page, its figures and the tables for papers.

It never estimates or tests anything itself.
"""
