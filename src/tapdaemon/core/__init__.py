"""The application and its service tree, on twisted.application alone; nothing here knows how taps are saved or run."""
