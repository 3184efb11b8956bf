"""Writes the files that follow from the declarations."""
