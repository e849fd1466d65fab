"""Families of things: one file each, with builders and their catalogue rows."""
