"""How long a training step takes here, beside a plain TRL script's, and whether runs train on this GPU.

A stage must never know it, and no number of it enters a page.
"""
