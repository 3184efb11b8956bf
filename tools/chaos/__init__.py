"""Faults on the wire between the functions and AWS, and the program that proves what survives."""
