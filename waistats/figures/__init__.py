"""One file a figure; matplotlib is loaded when a figure is drawn."""
