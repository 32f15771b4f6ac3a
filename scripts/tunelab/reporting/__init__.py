"""Turn `results.json` and the cards of the artefacts into what people read: page, figures, tables and paper.

It never estimates or tests anything itself.
"""
