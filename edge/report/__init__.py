"""Answers out of a store: how many came, how long they stayed, how they looked, what is missing.

Needs the extra [history]; the daemon never loads it.
"""
