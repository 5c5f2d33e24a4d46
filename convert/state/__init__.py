"""The network that says what a face is doing: head pose, eyes, mouth, smile."""
