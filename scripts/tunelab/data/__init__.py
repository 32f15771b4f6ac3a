"""Data sets: rows become chat messages or plain texts, are divided into one split for all methods, and get a card.

It never knows a model or its tokens.
"""
