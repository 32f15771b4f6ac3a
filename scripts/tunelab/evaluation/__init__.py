"""What a trained or untouched model says and how likely it finds texts: answers, losses, drift, questions of one's own.

It never knows how the model was trained; it takes what was published.
"""
