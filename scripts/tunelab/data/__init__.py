"""From rows to chat messages to one split for all methods, with the card that describes it.

It never knows a model or its tokens.
"""
