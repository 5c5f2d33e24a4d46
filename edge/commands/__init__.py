"""The operator's commands: one module each, with `add_parser` and `run`.

Importing one costs nothing but argparse; what a command needs it imports when it runs.
"""
