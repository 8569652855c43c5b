"""Where the console asks: Prometheus, task queues, workers."""
