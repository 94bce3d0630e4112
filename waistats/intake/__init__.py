"""From a file to a call: what is recognised, what is asked, what is run."""
