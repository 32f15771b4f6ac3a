"""Load models, encode conversations for them, adapt, merge and publish them.

Shapes of tensors: B sequences of a batch, T tokens of the longest one, N packed tokens, V vocabulary, H hidden size,
A attention heads, K heads of keys and values, D features of a head, R rank of an adapter.

It never knows how weights are trained or what an answer is worth.
"""
