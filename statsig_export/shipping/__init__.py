"""Ships what is due: takes the locks, posts the batches and records every attempt. Also replay and status."""
