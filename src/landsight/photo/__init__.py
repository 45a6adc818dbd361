"""Any file to a Photo: format by content, facts from metadata, upright sRGB pixels, under limits.

sniff tells the format; read is the one door; jpeg, raster, heif and raw decode; prepare makes network input.
Nothing is imported here, so that ``--only-gps`` and ``--help`` load no decoder.
"""
