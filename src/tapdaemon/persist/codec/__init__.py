"""Objects as bytes: pickle, and the source style, over one idea of what is saved by name."""
