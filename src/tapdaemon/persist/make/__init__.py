"""Taps made: from makers, .tac files and other taps; the recipe, followed."""
