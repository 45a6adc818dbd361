"""Why an answer is what it is, by running an Engine: no torch, no gradients."""
