-- Times are milliseconds since 1970, UTC. MySQL cannot take back half a migration: each statement may be run again.
CREATE TABLE IF NOT EXISTS longshore_tasks (
    -- The order of submission.
    sequence BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    id VARCHAR(64) NOT NULL UNIQUE,
    face VARCHAR(16) NOT NULL,
    app_name VARCHAR(255) NOT NULL,
    image_tag VARCHAR(255) NOT NULL,
    git_repo MEDIUMTEXT NOT NULL,
    -- From the address of the repository; removed when the task has ended.
    login_user MEDIUMTEXT,
    login_password MEDIUMTEXT,
    branch MEDIUMTEXT,
    app_dir MEDIUMTEXT,
    dockerfile MEDIUMBLOB,
    idempotency_key VARCHAR(255) UNIQUE,
    request_digest VARCHAR(255),
    state VARCHAR(16) NOT NULL,
    phase VARCHAR(16) NOT NULL,
    reason VARCHAR(64),
    message MEDIUMTEXT,
    -- Counts claims; the fencing token of every later write.
    attempt BIGINT NOT NULL DEFAULT 0,
    -- Attempts that do not count: the service was stopped while they ran.
    given_back BIGINT NOT NULL DEFAULT 0,
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    -- The last fence is passed: a tag may be written, and the task can no longer be cancelled.
    tagging BIGINT NOT NULL DEFAULT 0,
    lease_owner VARCHAR(64),
    lease_until BIGINT,
    not_before BIGINT NOT NULL DEFAULT 0,
    commit_id VARCHAR(64),
    digest VARCHAR(255),
    image_references MEDIUMTEXT,
    platforms MEDIUMTEXT,
    size BIGINT,
    -- 1 if it was taken over from the old service's table.
    imported BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    updated_at BIGINT NOT NULL,
    INDEX longshore_tasks_by_state (state, sequence),
    INDEX longshore_tasks_by_tag (image_tag, state, sequence),
    INDEX longshore_tasks_by_app (app_name, sequence),
    INDEX longshore_tasks_by_end (ended_at)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- Whoever claims has its one row until he is done: what may start is decided by one at a time.
CREATE TABLE IF NOT EXISTS longshore_turn (
    id BIGINT PRIMARY KEY,
    taken BIGINT NOT NULL
) ENGINE = InnoDB;
INSERT INTO longshore_turn (id, taken) SELECT 1, 0 FROM (SELECT COUNT(*) AS many FROM longshore_turn) AS turn WHERE turn.many = 0;
-- Tables of others whose tasks were taken over.
CREATE TABLE IF NOT EXISTS longshore_imports (
    source VARCHAR(64) PRIMARY KEY,
    imported_at BIGINT NOT NULL
) ENGINE = InnoDB;
-- When each attempt has entered each phase.
CREATE TABLE IF NOT EXISTS longshore_steps (
    task_id VARCHAR(64) NOT NULL,
    attempt BIGINT NOT NULL,
    phase VARCHAR(16) NOT NULL,
    started_at BIGINT NOT NULL,
    INDEX longshore_steps_by_task (task_id)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
-- Ends of tasks that a webhook is told of.
CREATE TABLE IF NOT EXISTS longshore_deliveries (
    task_id VARCHAR(64) NOT NULL PRIMARY KEY,
    tries BIGINT NOT NULL,
    -- When it is sent again.
    due BIGINT NOT NULL,
    done BIGINT NOT NULL,
    INDEX longshore_deliveries_by_due (done, due)
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
