"""`emotion-edge analyze`: pictures and recordings from files, in many processes or on a cluster.

`run` hands files to whoever works (`inline`, `pool`, `cluster`), each with an `Engine`, and writes
what comes back in the order of the files; `journal` remembers how far that got.
"""
