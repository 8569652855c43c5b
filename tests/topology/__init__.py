"""Services as processes of their own, as a user runs them: killed, stopped, and cut off."""
