"""Where an audit looks: Temporal, the orders' records, and what earlier audits left."""
