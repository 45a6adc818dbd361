"""Are explanations worth believing: does hiding what they light up matter, and do they depend on what the network learnt."""
