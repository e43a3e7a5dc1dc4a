"""The tap file: manifest and container, read and written with the standard library alone.

It imports nothing a tap names.
"""
