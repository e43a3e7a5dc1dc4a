"""Brings a tap to life: the process, its sockets, its log and its end."""
