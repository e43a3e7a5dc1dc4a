"""How objects are saved that Python alone cannot save, and what of an application belongs to one process."""
