-- Ends of tasks that a webhook is told of.
CREATE TABLE longshore_deliveries (
    task_id VARCHAR(35) NOT NULL PRIMARY KEY,
    tries BIGINT NOT NULL,
    -- When it is sent again.
    due BIGINT NOT NULL,
    done BIGINT NOT NULL
);
CREATE INDEX longshore_deliveries_by_due ON longshore_deliveries (done, due);
CREATE INDEX longshore_tasks_by_end ON longshore_tasks (ended_at);
