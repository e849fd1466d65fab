"""Fewer splats: joined with their neighbours (`decimated`, `lod_chain`), or without those nobody misses (`cleaned`)."""

from splatworld.decimate.clean import cleaned
from splatworld.decimate.merge import chain, decimated, lod_chain

__all__ = ["chain", "cleaned", "decimated", "lod_chain"]
