-- The embedded queue, records and vault. Instants are nanoseconds since 1970.

-- Messages. Lanes are numbered in the order in which they are taken: 0 due, 1 fresh, 2 dead.
-- AUTOINCREMENT: a delivery's tag must never come to mean another message.
CREATE TABLE queue (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    job          TEXT,
    lane         INTEGER NOT NULL,
    available_at INTEGER NOT NULL,
    taken        INTEGER NOT NULL DEFAULT 0,
    redelivered  INTEGER NOT NULL DEFAULT 0,
    body         BLOB    NOT NULL
) STRICT;

CREATE INDEX queue_next ON queue (lane, available_at, id) WHERE taken = 0;
CREATE INDEX queue_taken ON queue (id) WHERE taken = 1;

-- Records of jobs. The body is the truth; the other columns are what is asked for.
CREATE TABLE jobs (
    id           TEXT    NOT NULL UNIQUE,
    owner        TEXT    NOT NULL,
    account      TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    submitted_at INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL,
    finished_at  INTEGER,
    due          INTEGER,
    body         TEXT    NOT NULL
) STRICT;

CREATE INDEX jobs_by_time ON jobs (submitted_at, id);
CREATE INDEX jobs_by_owner ON jobs (owner, submitted_at, id, account);
CREATE INDEX jobs_by_state ON jobs (state, submitted_at, id);
CREATE INDEX jobs_due ON jobs (due) WHERE due IS NOT NULL;
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL;

-- How many unfinished jobs there are, so that accepting one never counts them. The account ''
-- stands for all accounts of the owner: no account is called that.
CREATE TABLE backlog (
    owner      TEXT    NOT NULL,
    account    TEXT    NOT NULL,
    unfinished INTEGER NOT NULL,
    PRIMARY KEY (owner, account)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER jobs_open AFTER INSERT ON jobs WHEN new.finished_at IS NULL BEGIN
    INSERT INTO backlog VALUES (new.owner, new.account, 1), (new.owner, '', 1)
        ON CONFLICT DO UPDATE SET unfinished = unfinished + 1;
END;

CREATE TRIGGER jobs_reopened AFTER UPDATE OF finished_at ON jobs
WHEN old.finished_at IS NOT NULL AND new.finished_at IS NULL BEGIN
    INSERT INTO backlog VALUES (new.owner, new.account, 1), (new.owner, '', 1)
        ON CONFLICT DO UPDATE SET unfinished = unfinished + 1;
END;

CREATE TRIGGER jobs_ended AFTER UPDATE OF finished_at ON jobs
WHEN old.finished_at IS NULL AND new.finished_at IS NOT NULL BEGIN
    UPDATE backlog SET unfinished = unfinished - 1
        WHERE owner = new.owner AND account IN (new.account, '');
END;

CREATE TRIGGER jobs_withdrawn AFTER DELETE ON jobs WHEN old.finished_at IS NULL BEGIN
    UPDATE backlog SET unfinished = unfinished - 1
        WHERE owner = old.owner AND account IN (old.account, '');
END;

-- What cannot be rebuilt. Versions are drawn from one counter, so that none is ever used again,
-- not even by a document that was removed and made anew.
CREATE TABLE docs (
    shelf   TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    value   TEXT    NOT NULL,
    PRIMARY KEY (shelf, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE doc_versions (last INTEGER NOT NULL) STRICT;
INSERT INTO doc_versions VALUES (0);
