"""A stand-in webhook: a receiver on loopback that plays scripted faults and holds what arrives to the contract."""
