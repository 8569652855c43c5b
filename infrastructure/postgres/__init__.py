"""PostgreSQL: connections, migrations, notifications, retention."""
