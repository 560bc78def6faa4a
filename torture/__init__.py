"""The torture: real exports and shipments, killed at named points and at random, against a webhook that misbehaves.

    python -m torture --kills 1000 --seed 7

`loop` adds late rows, starts children, kills them, and lets everything drain at the end; `rows` makes what they export;
`oracle` says by a second, naive reading what has to have arrived; `audit` holds that against what the webhook took in
and against the ledger; `children` are the processes that die; `report` is what comes out.
"""
