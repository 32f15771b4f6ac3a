"""Evaluate a run's model or the untouched one: answers to a task, losses, drift, answers to questions of users.

It never knows how the model was trained; it loads what was published.

Shapes of tensors: B sequences of a batch, T tokens of the longest one, N counted tokens, V vocabulary.
"""
