-- The database of the first release on SQLite, with rows in it, as sqlite3 gives it.

BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('1');
CREATE TABLE api_keys (
	id VARCHAR(16) NOT NULL,
	name TEXT NOT NULL,
	hash VARCHAR(64) NOT NULL,
	created DATETIME NOT NULL,
	last_used DATETIME,
	expires DATETIME,
	revoked DATETIME,
	CONSTRAINT pk_api_keys PRIMARY KEY (id)
);
INSERT INTO "api_keys" VALUES('0a0a0a0a','shop','9a150c9afb5346bd9895b4c9b7bdf9c1e0119810ca6860583dd182c0a9f64498','2026-11-20 12:00:00.000000','2026-11-20 12:00:00.000000',NULL,NULL);
INSERT INTO "api_keys" VALUES('0b0b0b0b','gone','9a150c9afb5346bd9895b4c9b7bdf9c1e0119810ca6860583dd182c0a9f64498','2026-11-20 12:00:00.000000',NULL,NULL,'2026-11-20 12:00:00.000000');
CREATE TABLE dials (
	id VARCHAR(32) NOT NULL,
	nonce VARCHAR(64) NOT NULL,
	agent TEXT NOT NULL,
	"to" TEXT NOT NULL,
	"from" TEXT NOT NULL,
	variables JSON NOT NULL,
	created DATETIME NOT NULL,
	dialed DATETIME,
	state VARCHAR(16) NOT NULL,
	reason TEXT,
	call_sid VARCHAR(34),
	machine BOOLEAN NOT NULL,
	unwanted BOOLEAN NOT NULL,
	api_key_id VARCHAR(16),
	idempotency_key TEXT,
	request_hash VARCHAR(64),
	CONSTRAINT pk_dials PRIMARY KEY (id),
	CONSTRAINT uq_dials_api_key_id_idempotency_key UNIQUE (api_key_id, idempotency_key),
	CONSTRAINT uq_dials_nonce UNIQUE (nonce)
);
INSERT INTO "dials" VALUES('d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1','n1','sales','+15550199','+15550100','{"name": "Ada"}','2026-11-20 12:00:00.000000',NULL,'busy','the line is busy','CA11111111111111111111111111111111',0,0,'0a0a0a0a','order-7','hash');
INSERT INTO "dials" VALUES('d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2','n2','sales','+15550198','+15550100','{}','2026-11-20 12:00:01.000000',NULL,'pending',NULL,NULL,0,0,NULL,NULL,NULL);
CREATE TABLE messages (
	id VARCHAR(32) NOT NULL,
	call_id VARCHAR(64) NOT NULL,
	agent TEXT NOT NULL,
	caller TEXT NOT NULL,
	text TEXT NOT NULL,
	callback_number TEXT,
	created DATETIME NOT NULL,
	CONSTRAINT pk_messages PRIMARY KEY (id)
);
INSERT INTO "messages" VALUES('0c0c0c0c0c0c0c0c','CA22222222222222222222222222222222','clinic','+15550199','Bitte rufen Sie zurück.','555 0199','2026-11-20 12:00:00.000000');
CREATE INDEX ix_dials_call_sid ON dials (call_sid);
CREATE UNIQUE INDEX ix_dials_open_to ON dials ("to") WHERE state NOT IN ('busy', 'canceled', 'completed', 'failed', 'machine', 'no_answer');
CREATE INDEX ix_messages_call_id ON messages (call_id);
CREATE INDEX ix_messages_created ON messages (created);
COMMIT;
