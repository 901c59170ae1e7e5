"""The story of a run, from the plan to the result, and the shapes that travel through it. Pure."""
