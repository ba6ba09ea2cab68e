-- Times are milliseconds since 1970, UTC.
CREATE TABLE longshore_tasks (
    -- The order of submission.
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
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
    dockerfile BLOB,
    idempotency_key TEXT UNIQUE,
    request_digest TEXT,
    state TEXT NOT NULL,
    phase TEXT NOT NULL,
    reason TEXT,
    message TEXT,
    -- Counts claims; the fencing token of every later write.
    attempt INTEGER NOT NULL DEFAULT 0,
    -- Attempts that do not count: the service was stopped while they ran.
    given_back INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    -- The last fence is passed: a tag may be written, and the task can no longer be cancelled.
    tagging INTEGER NOT NULL DEFAULT 0,
    lease_owner TEXT,
    lease_until INTEGER,
    not_before INTEGER NOT NULL DEFAULT 0,
    commit_id TEXT,
    digest TEXT,
    image_references TEXT,
    platforms TEXT,
    size INTEGER,
    -- 1 if it was taken over from the old service's table.
    imported INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    updated_at INTEGER NOT NULL
);
CREATE INDEX longshore_tasks_by_state ON longshore_tasks (state, sequence);
CREATE INDEX longshore_tasks_by_tag ON longshore_tasks (image_tag, state, sequence);
CREATE INDEX longshore_tasks_by_app ON longshore_tasks (app_name, sequence);
-- Whoever claims has its one row until he is done: what may start is decided by one at a time.
CREATE TABLE longshore_turn (
    id INTEGER PRIMARY KEY,
    taken INTEGER NOT NULL
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
