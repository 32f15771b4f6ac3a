"""Models as they are loaded, spoken to and handed on: device, tokens and masks, adapters, merging, publishing.

It never knows how weights are trained or what an answer is worth.
"""
