"""emotion-edge: a camera becomes emotion events over MQTT."""

__version__ = "0.1.0"
