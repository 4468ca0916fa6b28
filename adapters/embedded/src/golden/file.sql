PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
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
CREATE TABLE backlog (
    owner      TEXT    NOT NULL,
    account    TEXT    NOT NULL,
    unfinished INTEGER NOT NULL,
    PRIMARY KEY (owner, account)
) STRICT, WITHOUT ROWID;
CREATE TABLE docs (
    shelf   TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    value   TEXT    NOT NULL,
    PRIMARY KEY (shelf, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE doc_versions (last INTEGER NOT NULL) STRICT;
CREATE INDEX docs_by_version ON docs (shelf, version);
INSERT INTO jobs (id, owner, account, state, submitted_at, updated_at, finished_at, due, body) VALUES ('00000000000000000000000000', 'crm', 'team-7', 'queued', 1798798830123456789, 1799230830123456789, NULL, 1798885230123456789, '{"id":"00000000000000000000000000","owner":"crm","account":"team-7","state":{"is":"queued"},"tally":{"attempts":1,"deferrals":2,"crashes":3},"effect":"unknown","writeBeganAt":"2027-01-04T10:20:30.123456789Z","lostAt":"2027-01-05T10:20:30.123456789Z","hop":300,"reopened":17,"submittedAt":"2027-01-01T10:20:30.123456789Z","updatedAt":"2027-01-06T10:20:30.123456789Z","finishedAt":"2027-01-07T10:20:30.123456789Z","notBefore":"2027-01-02T10:20:30.123456789Z","notAfter":"2027-01-08T10:20:30.123456789Z","cancelRequested":true,"fingerprint":"00112233445566778899aabbccddeeff","fingerprint2":"ffeeddccbbaa99887766554433221100","payload":"cGF5bG9hZA==","conferenceRefused":"d29yZHM=","turn":{"priority":"bulk","cost":2,"place":{"is":"inLine","micros":204082},"yields":1},"trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","warnings":[{"field":"attendees[0].displayName","code":"read-only"},{"field":"attendees[0].displayName","code":"characters"},{"field":"attendees[0].displayName","code":"one-day"},{"field":"attendees[0].displayName","code":"windows-zone"},{"field":"attendees[0].displayName","code":"recurrence"},{"field":"attendees[0].displayName","code":"endless"},{"field":"attendees[0].displayName","code":"completed"},{"field":"attendees[0].displayName","code":"duplicate-guest"},{"field":"attendees[0].displayName","code":"late"}]}');
INSERT INTO jobs (id, owner, account, state, submitted_at, updated_at, finished_at, due, body) VALUES ('00000000000000000000000001', 'local', 'default', 'running', 1798798830123456789, 1798798830123456789, NULL, 1798798830123456789, '{"id":"00000000000000000000000001","owner":"local","account":"default","state":{"is":"running","worker":"00112233aabbccdd","until":"2027-01-03T10:20:30.123456789Z"},"tally":{"attempts":0,"deferrals":0,"crashes":0},"effect":"none","hop":0,"submittedAt":"2027-01-01T10:20:30.123456789Z","updatedAt":"2027-01-01T10:20:30.123456789Z","notAfter":"2027-01-08T10:20:30.123456789Z","cancelRequested":false,"fingerprint":"00112233445566778899aabbccddeeff"}');
INSERT INTO jobs (id, owner, account, state, submitted_at, updated_at, finished_at, due, body) VALUES ('00000000000000000000000002', 'local', 'default', 'waiting', 1798798830123456789, 1798798830123456789, NULL, 1798885230123456789, '{"id":"00000000000000000000000002","owner":"local","account":"default","state":{"is":"waiting","why":"schedule","until":"2027-01-02T10:20:30.123456789Z"},"tally":{"attempts":0,"deferrals":0,"crashes":0},"effect":"none","hop":0,"submittedAt":"2027-01-01T10:20:30.123456789Z","updatedAt":"2027-01-01T10:20:30.123456789Z","notAfter":"2027-01-08T10:20:30.123456789Z","cancelRequested":false,"fingerprint":"00112233445566778899aabbccddeeff"}');
INSERT INTO jobs (id, owner, account, state, submitted_at, updated_at, finished_at, due, body) VALUES ('00000000000000000000000003', 'local', 'default', 'blocked', 1798798830123456789, 1798798830123456789, NULL, NULL, '{"id":"00000000000000000000000003","owner":"local","account":"default","state":{"is":"blocked","why":"reauthorization","until":null},"tally":{"attempts":0,"deferrals":0,"crashes":0},"effect":"none","hop":0,"submittedAt":"2027-01-01T10:20:30.123456789Z","updatedAt":"2027-01-01T10:20:30.123456789Z","notAfter":"2027-01-08T10:20:30.123456789Z","cancelRequested":false,"fingerprint":"00112233445566778899aabbccddeeff"}');
INSERT INTO jobs (id, owner, account, state, submitted_at, updated_at, finished_at, due, body) VALUES ('00000000000000000000000004', 'local', 'default', 'succeeded', 1798798830123456789, 1798798830123456789, 1798798830123456789, NULL, '{"id":"00000000000000000000000004","owner":"local","account":"default","state":{"is":"succeeded","result":"cmVzdWx0"},"tally":{"attempts":0,"deferrals":0,"crashes":0},"effect":"none","hop":0,"submittedAt":"2027-01-01T10:20:30.123456789Z","updatedAt":"2027-01-01T10:20:30.123456789Z","notAfter":"2027-01-08T10:20:30.123456789Z","cancelRequested":false,"fingerprint":"00112233445566778899aabbccddeeff"}');
INSERT INTO jobs (id, owner, account, state, submitted_at, updated_at, finished_at, due, body) VALUES ('00000000000000000000000005', 'local', 'default', 'failed', 1798798830123456789, 1798798830123456789, 1798798830123456789, NULL, '{"id":"00000000000000000000000005","owner":"local","account":"default","state":{"is":"failed","kind":"refused","googleStatus":400,"googleReason":"badRequest","effect":"none","detail":"ZGV0YWls"},"tally":{"attempts":0,"deferrals":0,"crashes":0},"effect":"none","hop":0,"submittedAt":"2027-01-01T10:20:30.123456789Z","updatedAt":"2027-01-01T10:20:30.123456789Z","notAfter":"2027-01-08T10:20:30.123456789Z","cancelRequested":false,"fingerprint":"00112233445566778899aabbccddeeff"}');
INSERT INTO jobs (id, owner, account, state, submitted_at, updated_at, finished_at, due, body) VALUES ('00000000000000000000000006', 'local', 'default', 'cancelled', 1798798830123456789, 1798798830123456789, 1798798830123456789, NULL, '{"id":"00000000000000000000000006","owner":"local","account":"default","state":{"is":"cancelled"},"tally":{"attempts":0,"deferrals":0,"crashes":0},"effect":"none","hop":0,"submittedAt":"2027-01-01T10:20:30.123456789Z","updatedAt":"2027-01-01T10:20:30.123456789Z","notAfter":"2027-01-08T10:20:30.123456789Z","cancelRequested":false,"fingerprint":"00112233445566778899aabbccddeeff"}');
INSERT INTO backlog (owner, account, unfinished) VALUES ('crm', '', 1);
INSERT INTO backlog (owner, account, unfinished) VALUES ('crm', 'team-7', 1);
INSERT INTO backlog (owner, account, unfinished) VALUES ('local', '', 3);
INSERT INTO backlog (owner, account, unfinished) VALUES ('local', 'default', 3);
INSERT INTO docs (shelf, name, version, value) VALUES ('accounts', 'name', 1, '{"is":"it''s"}');
INSERT INTO docs (shelf, name, version, value) VALUES ('api-keys', 'name', 2, '{"is":"it''s"}');
INSERT INTO docs (shelf, name, version, value) VALUES ('cancellations', 'name', 4, '{"is":"it''s"}');
INSERT INTO docs (shelf, name, version, value) VALUES ('former-accounts', 'name', 6, '{"is":"it''s"}');
INSERT INTO docs (shelf, name, version, value) VALUES ('nonces', 'name', 5, '{"is":"it''s"}');
INSERT INTO docs (shelf, name, version, value) VALUES ('notices', 'name', 7, '{"is":"it''s"}');
INSERT INTO docs (shelf, name, version, value) VALUES ('secrets', 'name', 3, '{"is":"it''s"}');
INSERT INTO doc_versions (last) VALUES (7);
INSERT INTO queue (id, job, lane, available_at, taken, redelivered, body) VALUES (1, '00000000000000000000000000', 1, 1798632000000000000, 0, 0, CAST('{"v":1,"job":"00000000000000000000000000","work":{"kind":"create"},"owner":"crm","account":"team-7","hop":1,"reopened":17,"tally":{"attempts":1,"deferrals":2,"crashes":3},"effect":"unknown","writeBeganAt":"2027-01-04T10:20:30.123456789Z","submittedAt":"2027-01-01T10:20:30.123456789Z","notBefore":"2027-01-02T10:20:30.123456789Z","notAfter":"2027-01-08T10:20:30.123456789Z","fingerprint":"00112233445566778899aabbccddeeff","fingerprint2":"ffeeddccbbaa99887766554433221100","payload":"cGF5bG9hZA==","conferenceRefused":"d29yZHM=","turn":{"priority":"bulk","cost":2,"place":{"is":"inLine","micros":204082},"yields":1},"trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","warnings":[{"field":"attendees[0].displayName","code":"read-only"},{"field":"attendees[0].displayName","code":"characters"},{"field":"attendees[0].displayName","code":"one-day"},{"field":"attendees[0].displayName","code":"windows-zone"},{"field":"attendees[0].displayName","code":"recurrence"},{"field":"attendees[0].displayName","code":"endless"},{"field":"attendees[0].displayName","code":"completed"},{"field":"attendees[0].displayName","code":"duplicate-guest"},{"field":"attendees[0].displayName","code":"late"}]}' AS BLOB));
INSERT INTO queue (id, job, lane, available_at, taken, redelivered, body) VALUES (2, '00000000000000000000000000', 0, 1798632000000000000, 0, 0, CAST('{"v":1,"job":"00000000000000000000000000","work":{"kind":"create"},"owner":"crm","account":"team-7","hop":2,"reopened":17,"tally":{"attempts":1,"deferrals":2,"crashes":3},"effect":"unknown","writeBeganAt":"2027-01-04T10:20:30.123456789Z","submittedAt":"2027-01-01T10:20:30.123456789Z","notBefore":"2027-01-02T10:20:30.123456789Z","notAfter":"2027-01-08T10:20:30.123456789Z","fingerprint":"00112233445566778899aabbccddeeff","fingerprint2":"ffeeddccbbaa99887766554433221100","payload":"cGF5bG9hZA==","conferenceRefused":"d29yZHM=","turn":{"priority":"bulk","cost":2,"place":{"is":"inLine","micros":204082},"yields":1},"trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","warnings":[{"field":"attendees[0].displayName","code":"read-only"},{"field":"attendees[0].displayName","code":"characters"},{"field":"attendees[0].displayName","code":"one-day"},{"field":"attendees[0].displayName","code":"windows-zone"},{"field":"attendees[0].displayName","code":"recurrence"},{"field":"attendees[0].displayName","code":"endless"},{"field":"attendees[0].displayName","code":"completed"},{"field":"attendees[0].displayName","code":"duplicate-guest"},{"field":"attendees[0].displayName","code":"late"}]}' AS BLOB));
INSERT INTO queue (id, job, lane, available_at, taken, redelivered, body) VALUES (3, '00000000000000000000000000', 2, 1798632000000000000, 0, 0, CAST('{"v":1,"job":"00000000000000000000000000","work":{"kind":"create"},"owner":"crm","account":"team-7","hop":3,"reopened":17,"tally":{"attempts":1,"deferrals":2,"crashes":3},"effect":"unknown","writeBeganAt":"2027-01-04T10:20:30.123456789Z","submittedAt":"2027-01-01T10:20:30.123456789Z","notBefore":"2027-01-02T10:20:30.123456789Z","notAfter":"2027-01-08T10:20:30.123456789Z","fingerprint":"00112233445566778899aabbccddeeff","fingerprint2":"ffeeddccbbaa99887766554433221100","payload":"cGF5bG9hZA==","conferenceRefused":"d29yZHM=","turn":{"priority":"bulk","cost":2,"place":{"is":"inLine","micros":204082},"yields":1},"trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","warnings":[{"field":"attendees[0].displayName","code":"read-only"},{"field":"attendees[0].displayName","code":"characters"},{"field":"attendees[0].displayName","code":"one-day"},{"field":"attendees[0].displayName","code":"windows-zone"},{"field":"attendees[0].displayName","code":"recurrence"},{"field":"attendees[0].displayName","code":"endless"},{"field":"attendees[0].displayName","code":"completed"},{"field":"attendees[0].displayName","code":"duplicate-guest"},{"field":"attendees[0].displayName","code":"late"}]}' AS BLOB));
INSERT INTO queue (id, job, lane, available_at, taken, redelivered, body) VALUES (4, '00000000000000000000000000', 0, 1798632060000000000, 0, 0, CAST('{"v":1,"job":"00000000000000000000000000","work":{"kind":"create"},"owner":"crm","account":"team-7","hop":4,"reopened":17,"tally":{"attempts":1,"deferrals":2,"crashes":3},"effect":"unknown","writeBeganAt":"2027-01-04T10:20:30.123456789Z","submittedAt":"2027-01-01T10:20:30.123456789Z","notBefore":"2027-01-02T10:20:30.123456789Z","notAfter":"2027-01-08T10:20:30.123456789Z","fingerprint":"00112233445566778899aabbccddeeff","fingerprint2":"ffeeddccbbaa99887766554433221100","payload":"cGF5bG9hZA==","conferenceRefused":"d29yZHM=","turn":{"priority":"bulk","cost":2,"place":{"is":"inLine","micros":204082},"yields":1},"trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01","warnings":[{"field":"attendees[0].displayName","code":"read-only"},{"field":"attendees[0].displayName","code":"characters"},{"field":"attendees[0].displayName","code":"one-day"},{"field":"attendees[0].displayName","code":"windows-zone"},{"field":"attendees[0].displayName","code":"recurrence"},{"field":"attendees[0].displayName","code":"endless"},{"field":"attendees[0].displayName","code":"completed"},{"field":"attendees[0].displayName","code":"duplicate-guest"},{"field":"attendees[0].displayName","code":"late"}]}' AS BLOB));
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
PRAGMA user_version = 1;
