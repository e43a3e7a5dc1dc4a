"""Ships a tap: what a package of it needs and holds, as data first, then as a deb; it loads no tap."""
