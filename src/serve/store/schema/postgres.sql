-- Times are milliseconds since 1970, UTC.
CREATE TABLE longshore_tasks (
    -- The order of submission.
    sequence BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    face TEXT NOT NULL,
    app_name TEXT NOT NULL,
    image_tag TEXT NOT NULL,
    git_repo TEXT NOT NULL,
    -- From the address of the repository; removed when the task has ended.
    login_user TEXT,
    login_password TEXT,
    branch TEXT,
    app_dir TEXT,
    dockerfile BYTEA,
    idempotency_key TEXT UNIQUE,
    request_digest TEXT,
    state TEXT NOT NULL,
    phase TEXT NOT NULL,
    reason TEXT,
    message TEXT,
    -- Counts claims; the fencing token of every later write.
    attempt BIGINT NOT NULL DEFAULT 0,
    -- Attempts that do not count: the service was stopped while they ran.
    given_back BIGINT NOT NULL DEFAULT 0,
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    -- The last fence is passed: a tag may be written, and the task can no longer be cancelled.
    tagging BIGINT NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_until BIGINT,
    not_before BIGINT NOT NULL DEFAULT 0,
    commit_id TEXT,
    digest TEXT,
    image_references TEXT,
    platforms TEXT,
    size BIGINT,
    -- 1 if it was taken over from the old service's table.
    imported BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    updated_at BIGINT NOT NULL
);
CREATE INDEX longshore_tasks_by_state ON longshore_tasks (state, sequence);
CREATE INDEX longshore_tasks_by_tag ON longshore_tasks (image_tag, state, sequence);
CREATE INDEX longshore_tasks_by_app ON longshore_tasks (app_name, sequence);
-- Whoever claims has its one row until he is done: what may start is decided by one at a time.
CREATE TABLE longshore_turn (
    id BIGINT PRIMARY KEY,
    taken BIGINT NOT NULL
);
INSERT INTO longshore_turn (id, taken) VALUES (1, 0);
-- When each attempt has entered each phase.
CREATE TABLE longshore_steps (
    task_id VARCHAR(64) NOT NULL,
    attempt BIGINT NOT NULL,
    phase VARCHAR(16) NOT NULL,
    started_at BIGINT NOT NULL
);
CREATE INDEX longshore_steps_by_task ON longshore_steps (task_id);
-- Ends of tasks that a webhook is told of.
CREATE TABLE longshore_deliveries (
    task_id VARCHAR(64) NOT NULL PRIMARY KEY,
    tries BIGINT NOT NULL,
    -- When it is sent again.
    due BIGINT NOT NULL,
    done BIGINT NOT NULL
);
CREATE INDEX longshore_deliveries_by_due ON longshore_deliveries (done, due);
CREATE INDEX longshore_tasks_by_end ON longshore_tasks (ended_at);
