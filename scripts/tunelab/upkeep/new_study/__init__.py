"""Write the config of a user's first study: an overlay that fits their data and model."""
