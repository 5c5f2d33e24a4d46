"""The daemon's life: started, told apart from hung, reloaded, stopped."""
