-- A file of the second program, as it made it, with an interview under way and something in every table.
CREATE TABLE interviews (
    id VARCHAR(32) NOT NULL,
    company VARCHAR(40) NOT NULL,
    length VARCHAR(20) NOT NULL,
    questions JSON NOT NULL,
    asked INTEGER NOT NULL,
    closed BOOLEAN NOT NULL,
    started VARCHAR(32) NOT NULL,
    version INTEGER NOT NULL,
    "plan" JSON DEFAULT '[]' NOT NULL,
    began FLOAT DEFAULT '0.0' NOT NULL,
    timed BOOLEAN DEFAULT 0 NOT NULL,
    starts JSON DEFAULT '[]' NOT NULL,
    retry_of VARCHAR(32) DEFAULT '' NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE guides (
    id VARCHAR(32) NOT NULL,
    title TEXT NOT NULL,
    company VARCHAR(40) NOT NULL,
    passages JSON NOT NULL,
    added VARCHAR(32) NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE stories (
    id VARCHAR(32) NOT NULL,
    title TEXT NOT NULL,
    fields JSON NOT NULL,
    changed VARCHAR(32) NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE checklist (
    item VARCHAR(80) NOT NULL,
    ticked_at VARCHAR(32) NOT NULL,
    PRIMARY KEY (item)
);
CREATE TABLE drill_cards (
    "key" VARCHAR(120) NOT NULL,
    card TEXT NOT NULL,
    due VARCHAR(32) NOT NULL,
    PRIMARY KEY ("key")
);
CREATE TABLE drill_reviews (
    id VARCHAR(32) NOT NULL,
    "key" VARCHAR(120) NOT NULL,
    at VARCHAR(32) NOT NULL,
    rating INTEGER NOT NULL,
    payload JSON NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE turns (
    id VARCHAR(64) NOT NULL,
    interview VARCHAR(32) NOT NULL,
    exchange INTEGER NOT NULL,
    position INTEGER NOT NULL,
    role VARCHAR(16) NOT NULL,
    text TEXT NOT NULL,
    check_id VARCHAR(64) NOT NULL,
    passages JSON NOT NULL,
    said VARCHAR(32) NOT NULL,
    act VARCHAR(16) DEFAULT 'answer' NOT NULL,
    at FLOAT DEFAULT '0.0' NOT NULL,
    replaced VARCHAR(64) DEFAULT '' NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (interview, exchange, position),
    FOREIGN KEY(interview) REFERENCES interviews (id) ON DELETE CASCADE
);
CREATE INDEX ix_turns_interview ON turns (interview);
CREATE TABLE grading_jobs (
    interview VARCHAR(32) NOT NULL,
    exchange INTEGER NOT NULL,
    state VARCHAR(16) NOT NULL,
    attempts INTEGER NOT NULL,
    lease_until FLOAT NOT NULL,
    worker VARCHAR(40) NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (interview, exchange),
    FOREIGN KEY(interview) REFERENCES interviews (id) ON DELETE CASCADE
);
CREATE TABLE grades (
    interview VARCHAR(32) NOT NULL,
    exchange INTEGER NOT NULL,
    grade JSON NOT NULL,
    PRIMARY KEY (interview, exchange),
    FOREIGN KEY(interview) REFERENCES interviews (id) ON DELETE CASCADE
);
CREATE TABLE drafts (
    interview VARCHAR(32) NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (interview),
    FOREIGN KEY(interview) REFERENCES interviews (id) ON DELETE CASCADE
);
CREATE TABLE self_ratings (
    interview VARCHAR(32) NOT NULL,
    scores JSON NOT NULL,
    at VARCHAR(32) NOT NULL,
    PRIMARY KEY (interview),
    FOREIGN KEY(interview) REFERENCES interviews (id) ON DELETE CASCADE
);
CREATE TABLE opinions (
    interview VARCHAR(32) NOT NULL,
    exchange INTEGER NOT NULL,
    check_id VARCHAR(64) NOT NULL,
    agrees BOOLEAN NOT NULL,
    note TEXT NOT NULL,
    at VARCHAR(32) NOT NULL,
    PRIMARY KEY (interview, exchange, check_id),
    FOREIGN KEY(interview) REFERENCES interviews (id) ON DELETE CASCADE
);
INSERT INTO interviews (id, company, length, questions, asked, closed, started, version, plan, began, timed, starts, retry_of) VALUES ('i1', 'stripe', 'quick', '[
    {"id": "story/a", "text": "Tell me of a delay.", "kind": "story", "company": "general", "topic": "delay",
     "invites": ["context.goal"], "weight": 1.5, "provenance": "several guides"},
    {"id": "story/b", "text": "Pick a launch.", "kind": "story", "company": "stripe", "topic": "",
     "invites": [], "weight": 1.0, "provenance": "own judgement"}]', 2, 0, '2026-01-02T03:04:05.250000+00:00', 4, '[]', 1.76732304525000762942e+09, 0, '[]', '');
INSERT INTO guides (id, title, company, passages, added) VALUES ('g1', 'My notes', 'meta', '["First.", "Second."]', '2026-01-01');
INSERT INTO stories (id, title, fields, changed) VALUES ('s1', 'The export', '{"goal": "Cut it."}', '2026-11-24T03:56:08.222806+00:00');
INSERT INTO checklist (item, ticked_at) VALUES ('rest/sleep', '2026-11-24T03:56:08.242873+00:00');
INSERT INTO drill_cards (key, card, due) VALUES ('action.risk|stripe', '{"stability": 2.5}', '2026-01-05T00:00:00+00:00');
INSERT INTO drill_reviews (id, key, at, rating, payload) VALUES ('8fb87f4ae9da4bb6a6a73a978c074f9d', 'action.risk|stripe', '2026-01-04T00:00:00+00:00', 3, '{"said": "I would."}');
INSERT INTO turns (id, interview, exchange, position, role, text, check_id, passages, said, act, at, replaced) VALUES ('t1', 'i1', 0, 0, 'candidate', 'I cut it; “so” 👍🏽.', '', '[]', '2026-01-02T03:05:05.500000+00:00', 'answer', 6.02500051259994506835e+01, '');
INSERT INTO turns (id, interview, exchange, position, role, text, check_id, passages, said, act, at, replaced) VALUES ('t2', 'i1', 0, 1, 'interviewer', 'What did that cost?', 'action.tradeoff', '["probes/a/b"]', '2026-01-02T03:05:15.250000+00:00', 'probe', 6.99999824166297912597e+01, '');
INSERT INTO turns (id, interview, exchange, position, role, text, check_id, passages, said, act, at, replaced) VALUES ('t3', 'i1', 0, 2, 'candidate', 'Two customers.', '', '[]', '2026-01-02T03:06:05.250000+00:00', 'answer', 1.19999992847442626953e+02, '');
INSERT INTO grading_jobs (interview, exchange, state, attempts, lease_until, worker, error) VALUES ('i1', 0, 'done', 1, 0.0, 'w', '');
INSERT INTO grades (interview, exchange, grade) VALUES ('i1', 0, '{"overall": 2.8}');
INSERT INTO drafts (interview, text) VALUES ('i1', 'At the launch');
INSERT INTO self_ratings (interview, scores, at) VALUES ('i1', '{"ownership": 3.5}', '2026-11-24T03:56:08.285559+00:00');
INSERT INTO opinions (interview, exchange, check_id, agrees, note, at) VALUES ('i1', 0, 'context.goal', 0, 'I did say so.', '2026-11-24T03:56:08.301568+00:00');
PRAGMA user_version=2;
