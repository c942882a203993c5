"""The web console for clerks."""
