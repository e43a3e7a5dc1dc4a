"""Saved objects as inert nodes: read, written, shown as text, compared; nothing that they name is imported."""
