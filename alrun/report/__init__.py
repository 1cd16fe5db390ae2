"""What a run shows: tables, curves and one offline page."""
