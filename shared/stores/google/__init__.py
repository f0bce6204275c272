"""The stores of Google Cloud, by Google's own clients; imported where a setting names one."""
