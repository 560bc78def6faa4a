"""The export of a window: reads and reshapes its rows, writes the partition files and plans their batches."""
