"""Run a bundle: engines, the guarded pool of photo workers, and the measured choice between engines."""
