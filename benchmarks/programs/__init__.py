"""What is measured of ours, and the limits: each file a program for probe.py."""
