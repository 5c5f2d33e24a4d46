"""The face detector's workshop: composing pictures, training, judging and quantising."""
