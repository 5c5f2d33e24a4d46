"""`emotion-edge analyze`: pictures and recordings from files, in many processes or on a cluster.

`run` hands files to whoever works (`inline`, `pool`, `cluster`), each with an `Engine`, and writes
what comes back in the order of the files; `journal` remembers how far that got.
"""

import os

MAX_PIXELS = 2**28  # of a picture: 268 million, as luma the memory of a small computer
# OpenCV reads it when it is loaded, which is after this; its own default is 2^30.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
