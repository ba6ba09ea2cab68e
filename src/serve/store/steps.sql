-- When each attempt has entered each phase.
CREATE TABLE longshore_steps (
    task_id VARCHAR(35) NOT NULL,
    attempt BIGINT NOT NULL,
    phase VARCHAR(16) NOT NULL,
    started_at BIGINT NOT NULL
);
CREATE INDEX longshore_steps_by_task ON longshore_steps (task_id);
