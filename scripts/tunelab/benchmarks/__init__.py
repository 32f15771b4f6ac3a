"""Time training steps beside those of a plain TRL script, and check that runs train on this GPU.

Stages must never import it, and none of its numbers enters a page.
"""
