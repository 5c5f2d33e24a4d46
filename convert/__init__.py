"""The workshop: trains, evaluates and quantises the models that `edge` runs."""

import os

# OpenCV reads it when it is loaded, and decodes no larger picture: 2^27 grey pixels are 134 MB, and
# FER2013 as one mosaic has half as many. Its own default is 2^30.
MAX_PIXELS = 2**27
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MAX_PIXELS))
