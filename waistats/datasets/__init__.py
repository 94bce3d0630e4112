"""Data in: what the files must look like, how they are read, where they come from."""
