"""Turn `results.json` and the cards of the artefacts into what people read: page, figures, tables and paper.

Nothing in here estimates or tests anything.
"""
