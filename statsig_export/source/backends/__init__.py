"""What differs between databases. One file per database."""
