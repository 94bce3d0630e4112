"""Forms of the WAI and its relatives: items, keys and scoring."""
