"""A study that lives in a folder: new searches, new rows, and what they change."""
