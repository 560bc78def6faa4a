"""Shipped test doubles: a stand-in webhook with scripted faults, and a realistic source.

The modules are imported one by one, so that a test of the delivery loads neither pandas nor a database.
"""
