"""Files and frames to typed tables."""
