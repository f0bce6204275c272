"""The gate: a table of named checks that decides whether a model may serve, enter, and take the champion's place."""
