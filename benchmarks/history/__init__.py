"""A kiosk's year, as its device would have told it, and how long a report of it takes."""
