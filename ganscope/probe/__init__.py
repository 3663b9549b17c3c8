"""The observer: watches a forward by hooks and writes what happened."""
