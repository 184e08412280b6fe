"""The fused trainer: many runs that differ in their rate train as lanes of one batch."""
