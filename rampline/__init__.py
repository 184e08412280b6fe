"""The command line: submits and shows sweeps, and runs the whole product on one machine."""
