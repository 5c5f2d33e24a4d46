"""What the operator's commands do beside the daemon: replay, annotate, measure."""
