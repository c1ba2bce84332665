"""What a run has to tell, to be read: the one-file HTML page, pieces of HTML in a notebook, the card of its model."""
