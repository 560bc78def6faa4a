-- Run once, when the volume `postgres` is new.
CREATE DATABASE ledger;
