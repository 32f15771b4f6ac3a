"""Write the first study of one's own: an overlay that fits the data and the model that people name."""
