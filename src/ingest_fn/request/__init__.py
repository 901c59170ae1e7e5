"""What a run is asked to do: the event, its window, its instances, its target. Pure."""
