"""Every limit on input, in one place. Units are in the names."""

PROMPT_CHARS = 4_000
NAME_CHARS = 200
SPEC_FILE_BYTES = 1 << 20
SPEC_ITEM_KINDS = 64
"""Different entries in `SceneSpec.items`."""
SPEC_ITEM_COUNT = 500
"""Copies of one entry: a forest is a cover, not an item with a count."""
SPEC_TOTAL_COUNT = 2_000
SEED_MAX = 2**32 - 1

SPLATS_MIN = 1_000
SPLATS_MAX = 20_000_000
"""What `generate --splats` accepts."""
FILE_SPLATS_MAX = 200_000_000
FILE_BYTES_MAX = 64 << 30
FILE_UNIT_MIN, FILE_UNIT_MAX = 1e-6, 1e6
"""Metres that a unit of a file stands for."""
PLY_HEADER_BYTES = 64 << 10
PLY_STRUCTURE_BYTES = 48 << 10
"""Of comments about things in a PLY that we write; its properties follow."""
PLY_PROPERTIES = 256
SPZ_FRACTIONAL_BITS_MAX = 23
SPZ_TRAILING_BYTES = 1 << 20
KSPLAT_SECTIONS = 16_384
RAD_JSON_BYTES = 8 << 20
UNPACKED_RATIO_MAX = 200
"""Bytes in memory that a byte of a packed file may stand for, before it is taken for a bomb. Honest files stay below
30: where SH are many and nearly all zero ..."""
UNPACKED_FREE_BYTES = 64 << 20
"""... and so many bytes are unpacked in any case."""
PATH_CHARS_MAX = 255
"""Of a file that another one names."""
ZIP_MEMBERS = 64
ZIP_DIRECTORY_BYTES = 128 << 10
SOG_META_BYTES = 8 << 20
SOG_SPLATS_MAX = 80_000_000
"""Their pictures stay below the size at which Pillow suspects a bomb."""
SOG_SPARE_PIXELS = 64 << 10
"""Of a picture, beyond a tenth more than there are splats."""
SOG_PALETTE_MAX = 64 << 10
SOG_LOD_DEPTH = 64
GLTF_JSON_BYTES = 8 << 20
GLTF_OBJECTS = 250_000
"""In the JSON: braces."""
GLTF_STRIDE_BYTES = 252
GLTF_NODE_DEPTH = 64
GLTF_COPIES_MAX = 64
"""Size of all meshes that are shown, in sizes of the file: nodes can show the same mesh many times."""
GLTF_TEXTURE_PIXELS = 1 << 25
GLTF_SPLAT_PRIMITIVES = 4_096
PICTURE_PIXELS_FREE = 1 << 23
"""In any picture, however few bytes it has, ..."""
PICTURE_PIXELS_PER_BYTE = 16
"""... and so many more for each byte."""
USD_PRIMS = 100_000
"""And properties."""
USD_DEPTH = 500
"""Of brackets in text."""
USD_SECONDS = 3
"""Of the processor, for the process that asks usd-core about a file ..."""
USD_BYTES_PER_SECOND = 1 << 20
"""... and one more for so many bytes of the file."""
USD_MEMORY_BYTES = 300 << 20
"""Of that process ..."""
USD_MEMORY_PER_BYTE = 20
"""... and so many more for each byte of the file."""
USD_ANSWER_BYTES = 64 << 20
"""What that process may say besides the arrays."""

POSITION_METRES_MAX = 1e6
LOG_SCALE_ABS_MAX = 20.0
SH_ABS_MAX = 1e3
SH_DEGREE_MAX = 4
SPLAT_NUMBER_MAX = 1e12
"""Of values without another bound; the square of this is still a number in float32."""

MESH_VERTICES_MAX = 20_000_000
MESH_FACES_MAX = 20_000_000
MESH_TEXT_BYTES = 256 << 20
"""Of a mesh or of points written in decimal numbers: .obj, ASCII .ply."""
MESH_POLYGON_CORNERS = 1_000
MESH_OBJECTS = 100_000
MTL_BYTES = 8 << 20
MESH_TEXTURE_BYTES = 256 << 20
MESH_TEXTURE_PIXELS = 1 << 25
"""Of all pictures of a mesh together."""

IMAGE_SIDE_MAX_PX = 16_384
IMAGE_PIXELS_MAX = 50_000_000
VIDEO_FRAMES_MAX = 36_000
COMPARED_VIEWS_MAX = 1_000
DOCUMENT_BLOB_BYTES = 256 << 20
DOCUMENT_JSON_BYTES = 64 << 20
THING_ID_MAX = 1_000_000
"""Thing ids of a file are used as table indices, so a hostile one must not ask for a huge table."""

VIEWER_SPLATS_MAX = 2_000_000
"""What a browser is sent at most: 32 bytes each, in its graphics memory."""
VIEWER_CONNECTIONS_MAX = 16
VIEWER_MESSAGE_BYTES = 64 << 10
VIEWER_MESSAGES_PER_SECOND = 200
VIEWER_MESSAGES_BURST = 400
VIEWER_TOKEN_CHARS_MIN = 16
VIEWER_DOWNLOAD_BYTES = 1 << 30
"""An export passes through memory here and in the browser."""

PUBLISH_PACKAGE_BYTES = 16 << 20
"""The packed viewer that pages carry is 3 MB."""
PUBLISH_VIEWER_BYTES = 16 << 20
"""One file of it, unpacked."""
PUBLISH_SPLATS_ONE_FILE = 1_000_000
"""What a page in one file shows unless asked for more: about 20 MB, which a phone can still open."""
PUBLISH_NOTES_MAX = 25
PUBLISH_TITLE_CHARS = 60
PUBLISH_TEXT_CHARS = 280
"""The viewer's own limits on annotations."""
