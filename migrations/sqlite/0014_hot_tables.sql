-- Nothing to do: SQLite has no partitions, and keeps its rows in its own order.
SELECT 1;
