"""Test doubles that ship with the library: a stand-in webhook with scripted faults, a sample source, a PostgreSQL.

Modules are imported one by one, so that a test of the delivery loads neither pandas nor a database.
"""
