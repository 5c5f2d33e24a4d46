"""A model: its folder and manifest, the runtime that runs it, and how it is loaded safely."""
