"""systemd's side: units as data, the state of units, the generator.

Standard library only: it runs at boot and as root.
"""
