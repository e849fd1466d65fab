from splatworld.noise import *  # noqa  (temporary, families are being written against this path)
