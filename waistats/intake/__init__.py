"""From a file to a call: what is recognized, what is asked, what is run."""
