"""The rule of `[privacy]`: which members of an event are dropped or hashed, and how one value is hashed. Pure."""
