-- Every statement of the store, named, in the dialect that SQLite and
-- PostgreSQL share: TEXT, epoch milliseconds, ON CONFLICT,
-- no now(), no serial types.  sql2c.awk makes S_X of `-- name: X`.
--
-- @I64@ is a 64-bit integer, @F64@ a double, @BLOB@ bytes; @STRICT@ ends a
-- table, @KEYED@ ends one whose rows are small and live in their key.
-- PUT replaces all columns of a row that is there, unless a comment says that
-- a second one is STORE_CONFLICT; NEW never replaces.
--
-- A released schema block never changes: a later version is a new block.

-- schema: 1
CREATE TABLE term (
	role TEXT NOT NULL PRIMARY KEY,
	term @I64@ NOT NULL,
	holder TEXT NOT NULL,
	touched @I64@ NOT NULL
) @STRICT@;
INSERT INTO term (role, term, holder, touched) VALUES ('broker', 0, '', 0);

CREATE TABLE meta (
	key TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
) @STRICT@;

CREATE TABLE setting (
	name TEXT NOT NULL PRIMARY KEY,
	value TEXT NOT NULL
) @STRICT@;

CREATE TABLE member (
	id @I64@ NOT NULL PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	key TEXT NOT NULL UNIQUE,
	mode TEXT NOT NULL,
	state TEXT NOT NULL,		-- member, left, removed
	priority @I64@ NOT NULL,
	labels TEXT,			-- json
	addresses TEXT,			-- json
	offline_ok @I64@ NOT NULL,
	drained @I64@ NOT NULL,
	held_off @I64@ NOT NULL,
	want_off @I64@ NOT NULL,
	floor @I64@ NOT NULL,
	joined_at @I64@ NOT NULL,
	last_heard_at @I64@ NOT NULL,
	version TEXT,
	address TEXT
) @STRICT@;

CREATE TABLE request (
	id TEXT NOT NULL PRIMARY KEY,
	name TEXT NOT NULL,
	key TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	address TEXT,
	message TEXT,
	as_mode TEXT,
	version TEXT,
	words TEXT,
	state TEXT NOT NULL,
	reason TEXT,
	token_hash TEXT,
	token_salt TEXT,
	token_expires_at @I64@,
	wrong @I64@ NOT NULL,
	requested_at @I64@ NOT NULL,
	decided_at @I64@,
	member_id @I64@,
	via TEXT			-- HOST:PORT as the node knows the broker
) @STRICT@;

CREATE TABLE invite (
	id TEXT NOT NULL PRIMARY KEY,
	hash TEXT NOT NULL,
	salt TEXT NOT NULL,
	as_mode TEXT,
	uses @I64@ NOT NULL,
	used @I64@ NOT NULL,
	expires_at @I64@ NOT NULL,
	made_by TEXT,
	made_at @I64@ NOT NULL,
	state TEXT NOT NULL
) @STRICT@;

CREATE TABLE role (
	id @I64@ NOT NULL PRIMARY KEY CHECK (id = 1),
	epoch @I64@ NOT NULL,
	holder TEXT,
	body TEXT
) @STRICT@;

CREATE TABLE decision (
	id @I64@ NOT NULL PRIMARY KEY,
	at @I64@ NOT NULL,
	kase @I64@ NOT NULL,
	from_name TEXT,
	to_name TEXT,
	epoch @I64@ NOT NULL,
	outcome TEXT,
	body TEXT
) @STRICT@;

CREATE TABLE job (
	name TEXT NOT NULL PRIMARY KEY,
	rev @I64@ NOT NULL,
	body TEXT NOT NULL,
	enabled @I64@ NOT NULL,
	paused @I64@ NOT NULL
) @STRICT@;

CREATE TABLE queue (
	name TEXT NOT NULL PRIMARY KEY,
	rev @I64@ NOT NULL,
	body TEXT NOT NULL
) @STRICT@;

CREATE TABLE calendar (
	name TEXT NOT NULL PRIMARY KEY,
	rev @I64@ NOT NULL,
	body TEXT NOT NULL
) @STRICT@;

CREATE TABLE flow (
	name TEXT NOT NULL PRIMARY KEY,
	rev @I64@ NOT NULL,
	body TEXT NOT NULL
) @STRICT@;

CREATE TABLE cursor (
	job TEXT NOT NULL PRIMARY KEY,
	due_ms @I64@ NOT NULL
) @STRICT@;

CREATE TABLE occurrence (
	job TEXT NOT NULL,
	occ TEXT NOT NULL,
	run @I64@ NOT NULL,
	PRIMARY KEY (job, occ)
) @KEYED@;

CREATE TABLE run_live (
	id @I64@ NOT NULL,
	attempt @I64@ NOT NULL,
	job TEXT NOT NULL,
	occ TEXT,
	cause TEXT,
	agent TEXT,
	state TEXT NOT NULL,
	epoch @I64@ NOT NULL,
	queued_at @I64@ NOT NULL,
	dispatched_at @I64@,
	started_at @I64@,
	body TEXT,
	PRIMARY KEY (id, attempt)
) @STRICT@;

CREATE TABLE run_hist (
	id @I64@ NOT NULL,
	attempt @I64@ NOT NULL,
	job TEXT NOT NULL,
	occ TEXT,
	cause TEXT,
	agent TEXT,
	state TEXT NOT NULL,
	exit_code @I64@,
	signal @I64@,
	queued_at @I64@ NOT NULL,
	started_at @I64@,
	ended_at @I64@ NOT NULL,
	epoch @I64@ NOT NULL,
	late @I64@,
	reason TEXT,
	output @BLOB@,
	body TEXT,
	PRIMARY KEY (id, attempt)
) @STRICT@;
CREATE INDEX run_hist_job ON run_hist (job, ended_at, id, attempt);
CREATE INDEX run_hist_ended ON run_hist (ended_at);

CREATE TABLE event (
	seq @I64@ NOT NULL PRIMARY KEY,
	at @I64@ NOT NULL,
	severity TEXT NOT NULL,
	code TEXT NOT NULL,
	node TEXT,
	actor TEXT,
	message TEXT NOT NULL,
	data TEXT
) @STRICT@;
CREATE INDEX event_at ON event (at);

CREATE TABLE journal (
	cluster TEXT NOT NULL,
	run @I64@ NOT NULL,
	attempt @I64@ NOT NULL,
	state TEXT NOT NULL,
	body TEXT NOT NULL,
	result TEXT,
	at @I64@ NOT NULL,
	PRIMARY KEY (cluster, run, attempt)
) @STRICT@;

-- schema: 2
-- Since when the files of a job count.
CREATE TABLE file_floor (
	job TEXT NOT NULL PRIMARY KEY,
	at @I64@ NOT NULL
) @STRICT@;
INSERT INTO file_floor (job, at) SELECT job, due_ms FROM cursor;

-- The occurrences of file triggers; times of files in ns.
CREATE TABLE file_occurrence (
	job TEXT NOT NULL,
	path TEXT NOT NULL,
	ino @I64@ NOT NULL,
	mtime @I64@ NOT NULL,
	birth @I64@ NOT NULL,		-- 0: not known
	run @I64@ NOT NULL,
	at @I64@ NOT NULL,
	PRIMARY KEY (job, path, ino, mtime)
) @KEYED@;
CREATE INDEX file_occurrence_at ON file_occurrence (at);

-- schema: 3
-- Runs that a Scheduler started without a broker (on_broker_loss): at the
-- broker, in the history of runs; at the node, until the broker has them.
ALTER TABLE run_hist ADD COLUMN doubled @I64@;
ALTER TABLE run_hist ADD COLUMN alone @I64@;
CREATE INDEX run_hist_alone ON run_hist (alone) WHERE alone > 0;

CREATE TABLE spool (
	cluster TEXT NOT NULL,
	run @I64@ NOT NULL,
	body TEXT NOT NULL,
	PRIMARY KEY (cluster, run)
) @STRICT@;

-- The term: who may write.  TERM_GET is the fence, first in every write
-- transaction.  TERM_TOUCH changes a row and nothing else.

-- name: TERM_GET
SELECT term, holder FROM term WHERE role = 'broker';

-- name: TERM_TAKE
-- ?1 holder
UPDATE term SET term = term + 1, holder = ?1 WHERE role = 'broker';

-- name: TERM_TOUCH
UPDATE term SET touched = touched + 1 WHERE role = 'broker';

-- Meta: facts of this store and this node.

-- name: META_SET
-- ?1 key, ?2 value
INSERT INTO meta (key, value) VALUES (?1, ?2)
ON CONFLICT (key) DO UPDATE SET value = excluded.value;

-- name: META_NEW
-- ?1 key, ?2 value
INSERT INTO meta (key, value) VALUES (?1, ?2);

-- name: META_GET
-- ?1 key; value
SELECT value FROM meta WHERE key = ?1;

-- name: META_ALL
-- key, value
SELECT key, value FROM meta ORDER BY key;

-- name: META_DEL
DELETE FROM meta WHERE key = ?1;

-- Settings that differ from their default.

-- name: SETTING_SET
-- ?1 name, ?2 value
INSERT INTO setting (name, value) VALUES (?1, ?2)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: SETTING_ALL
-- name, value
SELECT name, value FROM setting ORDER BY name;

-- name: SETTING_DEL
DELETE FROM setting WHERE name = ?1;

-- Members.

-- name: MEMBER_PUT
-- ?1 id, ?2 name, ?3 key, ?4 mode, ?5 state, ?6 priority, ?7 labels,
-- ?8 addresses, ?9 offline_ok, ?10 drained, ?11 held_off, ?12 want_off,
-- ?13 floor, ?14 joined_at, ?15 last_heard_at, ?16 version, ?17 address
INSERT INTO member (id, name, key, mode, state, priority, labels, addresses,
	offline_ok, drained, held_off, want_off, floor, joined_at,
	last_heard_at, version, address)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
	?16, ?17)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, key = excluded.key,
	mode = excluded.mode, state = excluded.state,
	priority = excluded.priority, labels = excluded.labels,
	addresses = excluded.addresses, offline_ok = excluded.offline_ok,
	drained = excluded.drained, held_off = excluded.held_off,
	want_off = excluded.want_off, floor = excluded.floor,
	joined_at = excluded.joined_at,
	last_heard_at = excluded.last_heard_at, version = excluded.version,
	address = excluded.address;

-- name: MEMBER_ALL
-- The columns in the order of MEMBER_PUT.
SELECT id, name, key, mode, state, priority, labels, addresses, offline_ok,
	drained, held_off, want_off, floor, joined_at, last_heard_at, version,
	address
FROM member ORDER BY id;

-- name: MEMBER_MARKS
-- ?1 id, ?2 held_off, ?3 want_off
UPDATE member SET held_off = ?2, want_off = ?3 WHERE id = ?1;

-- name: MEMBER_DRAINED
-- ?1 id, ?2 drained, by an operator: not of one that is about to leave
UPDATE member SET drained = ?2 WHERE id = ?1;

-- name: MEMBER_STATE
-- ?1 id, ?2 state
UPDATE member SET state = ?2 WHERE id = ?1;

-- name: MEMBER_NAME
-- ?1 id, ?2 name
UPDATE member SET name = ?2 WHERE id = ?1;

-- name: MEMBER_EDIT
-- ?1 id; ?3 priority and ?7 offline_ok if ?2 and ?6 are not 0, ?4 labels and
-- ?5 addresses if not NULL: what somebody else sets meanwhile stays
UPDATE member SET priority = CASE WHEN ?2 <> 0 THEN ?3 ELSE priority END,
	labels = coalesce(?4, labels), addresses = coalesce(?5, addresses),
	offline_ok = CASE WHEN ?6 <> 0 THEN ?7 ELSE offline_ok END
WHERE id = ?1;

-- name: MEMBER_FLOOR
-- ?1 id, ?2 floor; never falls
UPDATE member SET floor = ?2 WHERE id = ?1 AND floor < ?2;

-- name: MEMBER_HEARD
-- ?1 id, ?2 last_heard_at, ?3 version, ?4 address
UPDATE member SET last_heard_at = ?2, version = ?3, address = ?4
WHERE id = ?1;

-- name: MEMBER_DEL
DELETE FROM member WHERE id = ?1;

-- Requests to join.

-- name: REQUEST_PUT
-- ?1 id, ?2 name, ?3 key, ?4 fingerprint, ?5 address, ?6 message, ?7 as_mode,
-- ?8 version, ?9 words, ?10 state, ?11 reason, ?12 token_hash,
-- ?13 token_salt, ?14 token_expires_at, ?15 wrong, ?16 requested_at,
-- ?17 decided_at, ?18 member_id, ?19 via
INSERT INTO request (id, name, key, fingerprint, address, message, as_mode,
	version, words, state, reason, token_hash, token_salt,
	token_expires_at, wrong, requested_at, decided_at, member_id, via)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
	?16, ?17, ?18, ?19)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, key = excluded.key,
	fingerprint = excluded.fingerprint, address = excluded.address,
	message = excluded.message, as_mode = excluded.as_mode,
	version = excluded.version, words = excluded.words,
	state = excluded.state, reason = excluded.reason,
	token_hash = excluded.token_hash, token_salt = excluded.token_salt,
	token_expires_at = excluded.token_expires_at, wrong = excluded.wrong,
	requested_at = excluded.requested_at,
	decided_at = excluded.decided_at, member_id = excluded.member_id,
	via = excluded.via;

-- name: REQUEST_ALL
-- The columns in the order of REQUEST_PUT.
SELECT id, name, key, fingerprint, address, message, as_mode, version, words,
	state, reason, token_hash, token_salt, token_expires_at, wrong,
	requested_at, decided_at, member_id, via
FROM request ORDER BY requested_at, id;

-- name: REQUEST_DEL
DELETE FROM request WHERE id = ?1;

-- Invitations.

-- name: INVITE_PUT
-- ?1 id, ?2 hash, ?3 salt, ?4 as_mode, ?5 uses, ?6 used, ?7 expires_at,
-- ?8 made_by, ?9 made_at, ?10 state
INSERT INTO invite (id, hash, salt, as_mode, uses, used, expires_at, made_by,
	made_at, state)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (id) DO UPDATE SET hash = excluded.hash, salt = excluded.salt,
	as_mode = excluded.as_mode, uses = excluded.uses, used = excluded.used,
	expires_at = excluded.expires_at, made_by = excluded.made_by,
	made_at = excluded.made_at, state = excluded.state;

-- name: INVITE_ALL
-- The columns in the order of INVITE_PUT.
SELECT id, hash, salt, as_mode, uses, used, expires_at, made_by, made_at,
	state
FROM invite ORDER BY made_at, id;

-- name: INVITE_DEL
DELETE FROM invite WHERE id = ?1;

-- The Scheduler role: one row.

-- name: ROLE_PUT
-- ?1 epoch, ?2 holder, ?3 body
INSERT INTO role (id, epoch, holder, body) VALUES (1, ?1, ?2, ?3)
ON CONFLICT (id) DO UPDATE SET epoch = excluded.epoch,
	holder = excluded.holder, body = excluded.body;

-- name: ROLE_GET
-- epoch, holder, body
SELECT epoch, holder, body FROM role WHERE id = 1;

-- name: ROLE_DEL
-- The node starts anew, as another one.
DELETE FROM role;

-- Decisions.

-- name: DECISION_PUT
-- ?1 id, ?2 at, ?3 kase, ?4 from_name, ?5 to_name, ?6 epoch, ?7 outcome,
-- ?8 body
INSERT INTO decision (id, at, kase, from_name, to_name, epoch, outcome, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
ON CONFLICT (id) DO UPDATE SET at = excluded.at, kase = excluded.kase,
	from_name = excluded.from_name, to_name = excluded.to_name,
	epoch = excluded.epoch, outcome = excluded.outcome,
	body = excluded.body;

-- name: DECISION_LIST
-- ?1 limit; newest first, the columns in the order of DECISION_PUT
SELECT id, at, kase, from_name, to_name, epoch, outcome, body
FROM decision ORDER BY id DESC LIMIT ?1;

-- name: DECISION_GET
SELECT id, at, kase, from_name, to_name, epoch, outcome, body
FROM decision WHERE id = ?1;

-- name: DECISION_MAX
-- 0 when there is none
SELECT COALESCE(MAX(id), 0) FROM decision;

-- The catalogue.

-- name: JOB_PUT
-- ?1 name, ?2 rev, ?3 body, ?4 enabled, ?5 paused
INSERT INTO job (name, rev, body, enabled, paused)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (name) DO UPDATE SET rev = excluded.rev, body = excluded.body,
	enabled = excluded.enabled, paused = excluded.paused;

-- name: JOB_ALL
-- name, rev, body, enabled, paused
SELECT name, rev, body, enabled, paused FROM job ORDER BY name;

-- name: JOB_DEL
DELETE FROM job WHERE name = ?1;

-- name: QUEUE_PUT
-- ?1 name, ?2 rev, ?3 body
INSERT INTO queue (name, rev, body) VALUES (?1, ?2, ?3)
ON CONFLICT (name) DO UPDATE SET rev = excluded.rev, body = excluded.body;

-- name: QUEUE_ALL
-- name, rev, body
SELECT name, rev, body FROM queue ORDER BY name;

-- name: QUEUE_DEL
DELETE FROM queue WHERE name = ?1;

-- name: CALENDAR_PUT
-- ?1 name, ?2 rev, ?3 body
INSERT INTO calendar (name, rev, body) VALUES (?1, ?2, ?3)
ON CONFLICT (name) DO UPDATE SET rev = excluded.rev, body = excluded.body;

-- name: CALENDAR_ALL
-- name, rev, body
SELECT name, rev, body FROM calendar ORDER BY name;

-- name: CALENDAR_DEL
DELETE FROM calendar WHERE name = ?1;

-- name: FLOW_PUT
-- ?1 name, ?2 rev, ?3 body
INSERT INTO flow (name, rev, body) VALUES (?1, ?2, ?3)
ON CONFLICT (name) DO UPDATE SET rev = excluded.rev, body = excluded.body;

-- name: FLOW_ALL
-- name, rev, body
SELECT name, rev, body FROM flow ORDER BY name;

-- name: FLOW_DEL
DELETE FROM flow WHERE name = ?1;

-- Cursors and occurrences: no occurrence becomes two runs, and purging keeps
-- it so through the cursor.

-- name: CURSOR_PUT
-- ?1 job, ?2 due_ms
INSERT INTO cursor (job, due_ms) VALUES (?1, ?2)
ON CONFLICT (job) DO UPDATE SET due_ms = excluded.due_ms;

-- name: CURSOR_MOVE
-- ?1 job, ?2 from, ?3 to; changes nothing when it is not at ?2
UPDATE cursor SET due_ms = ?3 WHERE job = ?1 AND due_ms = ?2;

-- name: CURSOR_GET
SELECT due_ms FROM cursor WHERE job = ?1;

-- name: CURSOR_ALL
-- job, due_ms
SELECT job, due_ms FROM cursor ORDER BY job;

-- name: CURSOR_DEL
DELETE FROM cursor WHERE job = ?1;

-- name: OCC_PUT
-- ?1 job, ?2 occ, ?3 run; STORE_CONFLICT when it has a run already
INSERT INTO occurrence (job, occ, run) VALUES (?1, ?2, ?3);

-- name: OCC_RUN
-- ?1 job, ?2 occ, ?3 run: what is on record of it is another run from now on
UPDATE occurrence SET run = ?3 WHERE job = ?1 AND occ = ?2;

-- name: OCC_NEWEST
-- ?1 job; the newest time on record, no row's NULL when there is none
SELECT MAX(occ) FROM occurrence WHERE job = ?1 AND occ < 'a';

-- name: OCC_GET
-- ?1 job, ?2 occ; run
SELECT run FROM occurrence WHERE job = ?1 AND occ = ?2;

-- name: OCC_PURGE
-- ?1 job, ?2 the first occ to keep: RFC 3339 times sort as text, and kind:ID
-- occurrences sort after them and stay
DELETE FROM occurrence WHERE job = ?1 AND occ < ?2;

-- name: OCC_PURGE_ENDED
-- ?1, ?2 as of RUN_HIST_PURGE, which comes after it: by hand, or after another
-- run, is never asked for again
DELETE FROM occurrence WHERE occ >= 'a' AND (job, occ) IN (
	SELECT job, occ FROM run_hist WHERE ended_at < ?1
	ORDER BY ended_at LIMIT ?2);

-- name: OCC_TRIM_ENDED
-- ?1, ?2 as of RUN_HIST_TRIM, likewise
DELETE FROM occurrence WHERE occ >= 'a' AND (job, occ) IN (
	SELECT job, occ FROM run_hist WHERE id < ?1
	ORDER BY id, attempt LIMIT ?2);

-- name: FILE_FLOOR_PUT
-- ?1 job, ?2 at
INSERT INTO file_floor (job, at) VALUES (?1, ?2)
ON CONFLICT (job) DO UPDATE SET at = excluded.at;

-- name: FILE_FLOOR_ALL
-- job, at
SELECT job, at FROM file_floor ORDER BY job;

-- name: FILE_FLOOR_DEL
DELETE FROM file_floor WHERE job = ?1;

-- name: FILE_PUT
-- ?1 job, ?2 path, ?3 ino, ?4 mtime, ?5 birth, ?6 run, ?7 at; STORE_CONFLICT
-- when it has a run already
INSERT INTO file_occurrence (job, path, ino, mtime, birth, run, at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- name: FILE_FORGET
-- ?1 job, ?2 path, ?3 at: older ones of the path, which a newer one follows
DELETE FROM file_occurrence WHERE job = ?1 AND path = ?2 AND at < ?3;

-- name: FILE_GET
-- ?1 job, ?2 path, ?3 ino; mtime, birth, run, newest first
SELECT mtime, birth, run FROM file_occurrence
WHERE job = ?1 AND path = ?2 AND ino = ?3 ORDER BY run DESC;

-- name: FILE_PURGE
-- ?1 at below, ?2 at most so many at once
DELETE FROM file_occurrence WHERE (job, path, ino, mtime) IN (
	SELECT job, path, ino, mtime FROM file_occurrence WHERE at < ?1
	ORDER BY at LIMIT ?2);

-- Runs: live ones are few and change, ended ones are many and do not.

-- name: RUN_NEW
-- ?1 id, ?2 attempt, ?3 job, ?4 occ, ?5 cause, ?6 agent, ?7 state, ?8 epoch,
-- ?9 queued_at, ?10 dispatched_at, ?11 started_at, ?12 body
INSERT INTO run_live (id, attempt, job, occ, cause, agent, state, epoch,
	queued_at, dispatched_at, started_at, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12);

-- name: RUN_STATE
-- ?1 id, ?2 attempt, ?3 state, ?4 agent, ?5 dispatched_at, ?6 started_at,
-- ?7 body
UPDATE run_live SET state = ?3, agent = ?4, dispatched_at = ?5,
	started_at = ?6, body = ?7
WHERE id = ?1 AND attempt = ?2;

-- name: RUN_LIVE_ALL
-- The columns in the order of RUN_NEW.
SELECT id, attempt, job, occ, cause, agent, state, epoch, queued_at,
	dispatched_at, started_at, body
FROM run_live ORDER BY id, attempt;

-- name: RUN_LIVE_DEL
-- ?1 id, ?2 attempt
DELETE FROM run_live WHERE id = ?1 AND attempt = ?2;

-- name: RUN_END
-- ?1 id, ?2 attempt, ?3 job, ?4 occ, ?5 cause, ?6 agent, ?7 state,
-- ?8 exit_code, ?9 signal, ?10 queued_at, ?11 started_at, ?12 ended_at,
-- ?13 epoch, ?14 late, ?15 reason, ?16 output (a blob), ?17 body,
-- ?18 doubled, ?19 alone
INSERT INTO run_hist (id, attempt, job, occ, cause, agent, state, exit_code,
	signal, queued_at, started_at, ended_at, epoch, late, reason, output,
	body, doubled, alone)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
	?16, ?17, ?18, ?19)
ON CONFLICT (id, attempt) DO UPDATE SET job = excluded.job,
	occ = excluded.occ, cause = excluded.cause, agent = excluded.agent,
	state = excluded.state, exit_code = excluded.exit_code,
	signal = excluded.signal, queued_at = excluded.queued_at,
	started_at = excluded.started_at, ended_at = excluded.ended_at,
	epoch = excluded.epoch, late = excluded.late,
	reason = excluded.reason, output = excluded.output,
	body = excluded.body, doubled = excluded.doubled,
	alone = excluded.alone;

-- name: RUN_HIST_LIST
-- ?1 highest id wanted, ?2 limit; newest first, the columns in the order of
-- RUN_END
SELECT id, attempt, job, occ, cause, agent, state, exit_code, signal,
	queued_at, started_at, ended_at, epoch, late, reason, output, body,
	doubled, alone
FROM run_hist WHERE id <= ?1 ORDER BY id DESC, attempt DESC LIMIT ?2;

-- name: RUN_HIST_BY_JOB
-- ?1 job, ?2 latest ended_at wanted, ?3 limit; last ended first
SELECT id, attempt, job, occ, cause, agent, state, exit_code, signal,
	queued_at, started_at, ended_at, epoch, late, reason, output, body,
	doubled, alone
FROM run_hist WHERE job = ?1 AND ended_at <= ?2
ORDER BY ended_at DESC, id DESC, attempt DESC LIMIT ?3;

-- name: RUN_HIST_GET
-- ?1 id; its attempts, first to last
SELECT id, attempt, job, occ, cause, agent, state, exit_code, signal,
	queued_at, started_at, ended_at, epoch, late, reason, output, body,
	doubled, alone
FROM run_hist WHERE id = ?1 ORDER BY attempt;

-- name: RUN_HIST_ALONE
-- ?1 its number at the agent; its first attempt
SELECT id, attempt, job, occ, cause, agent, state, exit_code, signal,
	queued_at, started_at, ended_at, epoch, late, reason, output, body,
	doubled, alone
FROM run_hist WHERE alone = ?1 AND alone > 0;

-- name: RUN_LAST_BY_JOB
-- ?1 job; the attempt that ended last, of those that were to run
SELECT id, attempt, job, occ, cause, agent, state, exit_code, signal,
	queued_at, started_at, ended_at, epoch, late, reason, output, body,
	doubled, alone
FROM run_hist WHERE job = ?1 AND state NOT IN ('skipped', 'missed')
ORDER BY ended_at DESC, id DESC, attempt DESC LIMIT 1;

-- name: RUN_HIST_PURGE
-- ?1 ended_at below, ?2 at most so many at once: purging in slices keeps the
-- writer free
DELETE FROM run_hist WHERE (id, attempt) IN (
	SELECT id, attempt FROM run_hist WHERE ended_at < ?1
	ORDER BY ended_at LIMIT ?2);

-- name: RUN_HIST_TRIM
-- ?1 id below, ?2 at most so many at once
DELETE FROM run_hist WHERE (id, attempt) IN (
	SELECT id, attempt FROM run_hist WHERE id < ?1
	ORDER BY id, attempt LIMIT ?2);

-- name: RUN_MAX_ID
-- Of live and ended runs; 0 when there is none.
SELECT COALESCE(MAX(id), 0) FROM (
	SELECT MAX(id) AS id FROM run_live
	UNION ALL SELECT MAX(id) AS id FROM run_hist) AS runs;

-- Events.

-- name: EVENT_PUT
-- ?1 seq, ?2 at, ?3 severity, ?4 code, ?5 node, ?6 actor, ?7 message, ?8 data;
-- STORE_CONFLICT when the number is taken: events are never rewritten
INSERT INTO event (seq, at, severity, code, node, actor, message, data)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);

-- name: EVENT_LIST
-- ?1 highest seq wanted, ?2 limit; newest first
SELECT seq, at, severity, code, node, actor, message, data
FROM event WHERE seq <= ?1 ORDER BY seq DESC LIMIT ?2;

-- name: EVENT_SINCE
-- ?1 last seq seen, ?2 limit; oldest first
SELECT seq, at, severity, code, node, actor, message, data
FROM event WHERE seq > ?1 ORDER BY seq LIMIT ?2;

-- name: EVENT_MAX
-- 0 when there is none
SELECT COALESCE(MAX(seq), 0) FROM event;

-- name: EVENT_PURGE
-- ?1 at below, ?2 at most so many at once
DELETE FROM event WHERE seq IN (
	SELECT seq FROM event WHERE at < ?1 ORDER BY at LIMIT ?2);

-- The node's own journal of dispatches.

-- name: JOURNAL_PUT
-- ?1 cluster, ?2 run, ?3 attempt, ?4 state, ?5 body, ?6 at; STORE_CONFLICT
-- when the dispatch is known: it must not start twice
INSERT INTO journal (cluster, run, attempt, state, body, at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: JOURNAL_STATE
-- ?1 cluster, ?2 run, ?3 attempt, ?4 state, ?5 at
UPDATE journal SET state = ?4, at = ?5
WHERE cluster = ?1 AND run = ?2 AND attempt = ?3;

-- name: JOURNAL_RESULT
-- ?1 cluster, ?2 run, ?3 attempt, ?4 state, ?5 result, ?6 at
UPDATE journal SET state = ?4, result = ?5, at = ?6
WHERE cluster = ?1 AND run = ?2 AND attempt = ?3;

-- name: JOURNAL_DEL
-- ?1 cluster, ?2 run, ?3 attempt
DELETE FROM journal WHERE cluster = ?1 AND run = ?2 AND attempt = ?3;

-- name: JOURNAL_ALL
-- cluster, run, attempt, state, body, result, at
SELECT cluster, run, attempt, state, body, result, at
FROM journal ORDER BY cluster, run, attempt;

-- name: JOURNAL_CLEAR
-- What a copied machine holds is not its own to run.
DELETE FROM journal;

-- The node's spool: what it fired without a broker.

-- name: SPOOL_PUT
-- ?1 cluster, ?2 run, ?3 body; STORE_CONFLICT when the number is taken
INSERT INTO spool (cluster, run, body) VALUES (?1, ?2, ?3);

-- name: SPOOL_ALL
-- ?1 cluster; run, body
SELECT run, body FROM spool WHERE cluster = ?1 ORDER BY run;

-- name: SPOOL_DEL
-- ?1 cluster, ?2 run
DELETE FROM spool WHERE cluster = ?1 AND run = ?2;

-- name: SPOOL_CLEAR
-- What a copied machine holds is not its own to tell.
DELETE FROM spool;
