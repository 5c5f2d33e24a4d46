"""The second look at what a detector found: is it a face, and where are its landmarks."""
