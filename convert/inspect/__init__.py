"""What a data set holds, and what is wrong with it, for people to look at."""
