"""What people call classes, and what they are called here."""

from __future__ import annotations

# FER2013's classes.
SYNONYMS = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}


def class_name(text: str) -> str:
    """Return a class name as this project writes it: lower case, `angry` for `anger`."""
    name = text.strip().lower()
    return SYNONYMS.get(name, name)
