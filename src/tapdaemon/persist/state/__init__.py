"""What a running application changed in its base: found, saved and applied."""
