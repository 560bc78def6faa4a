"""The Dagster part: assets, jobs, schedules, sensors and checks. Thin: it calls the other packages."""
