"""Measurements, each in a process of its own. `make bench` prints them; nothing here is a test."""
