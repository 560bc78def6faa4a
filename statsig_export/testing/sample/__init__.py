"""A sample source: a shop's exposures and custom events, some bad rows among them, the same for the same seed."""
