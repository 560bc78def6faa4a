"""Did it arrive? What the ledger says was sent, held against the table that Fivetran wrote.

The table is only read, and of it ids and times alone. An event has arrived if its `timeUUID` is there; one that is not
there is missing once a sync that began after its last attempt has had time to end (`[arrivals] grace`), and not yet
there before. Both sides are cut into buckets by a hash of the id and compared bucket by bucket, so memory does not grow
with either.
"""
