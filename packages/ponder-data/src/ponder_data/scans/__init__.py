"""Reading scans: what files of each format hold, and the checks that turn it into a scene."""
