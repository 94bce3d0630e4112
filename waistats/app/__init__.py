"""The local app: the same analyses by pointing, on one's own machine."""
