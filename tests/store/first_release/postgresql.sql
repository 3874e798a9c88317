-- The database of the first release on PostgreSQL, with rows in it, as `pg_dump --inserts --no-owner` gives it without comments and settings.

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.api_keys (
    id character varying(16) NOT NULL,
    name text NOT NULL,
    hash character varying(64) NOT NULL,
    created timestamp with time zone NOT NULL,
    last_used timestamp with time zone,
    expires timestamp with time zone,
    revoked timestamp with time zone
);

CREATE TABLE public.dials (
    id character varying(32) NOT NULL,
    nonce character varying(64) NOT NULL,
    agent text NOT NULL,
    "to" text NOT NULL,
    "from" text NOT NULL,
    variables json NOT NULL,
    created timestamp with time zone NOT NULL,
    dialed timestamp with time zone,
    state character varying(16) NOT NULL,
    reason text,
    call_sid character varying(34),
    machine boolean NOT NULL,
    unwanted boolean NOT NULL,
    api_key_id character varying(16),
    idempotency_key text,
    request_hash character varying(64)
);

CREATE TABLE public.messages (
    id character varying(32) NOT NULL,
    call_id character varying(64) NOT NULL,
    agent text NOT NULL,
    caller text NOT NULL,
    text text NOT NULL,
    callback_number text,
    created timestamp with time zone NOT NULL
);

INSERT INTO public.alembic_version VALUES ('1');

INSERT INTO public.api_keys VALUES ('0a0a0a0a', 'shop', '9a150c9afb5346bd9895b4c9b7bdf9c1e0119810ca6860583dd182c0a9f64498', '2026-11-20 12:00:00+00', '2026-11-20 12:00:00+00', NULL, NULL);
INSERT INTO public.api_keys VALUES ('0b0b0b0b', 'gone', '9a150c9afb5346bd9895b4c9b7bdf9c1e0119810ca6860583dd182c0a9f64498', '2026-11-20 12:00:00+00', NULL, NULL, '2026-11-20 12:00:00+00');

INSERT INTO public.dials VALUES ('d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1', 'n1', 'sales', '+15550199', '+15550100', '{"name": "Ada"}', '2026-11-20 12:00:00+00', NULL, 'busy', 'the line is busy', 'CA11111111111111111111111111111111', false, false, '0a0a0a0a', 'order-7', 'hash');
INSERT INTO public.dials VALUES ('d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2', 'n2', 'sales', '+15550198', '+15550100', '{}', '2026-11-20 12:00:01+00', NULL, 'pending', NULL, NULL, false, false, NULL, NULL, NULL);

INSERT INTO public.messages VALUES ('0c0c0c0c0c0c0c0c', 'CA22222222222222222222222222222222', 'clinic', '+15550199', 'Bitte rufen Sie zurück.', '555 0199', '2026-11-20 12:00:00+00');

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT pk_api_keys PRIMARY KEY (id);

ALTER TABLE ONLY public.dials
    ADD CONSTRAINT pk_dials PRIMARY KEY (id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT pk_messages PRIMARY KEY (id);

ALTER TABLE ONLY public.dials
    ADD CONSTRAINT uq_dials_api_key_id_idempotency_key UNIQUE (api_key_id, idempotency_key);

ALTER TABLE ONLY public.dials
    ADD CONSTRAINT uq_dials_nonce UNIQUE (nonce);

CREATE INDEX ix_dials_call_sid ON public.dials USING btree (call_sid);

CREATE UNIQUE INDEX ix_dials_open_to ON public.dials USING btree ("to") WHERE ((state)::text <> ALL ((ARRAY['busy'::character varying, 'canceled'::character varying, 'completed'::character varying, 'failed'::character varying, 'machine'::character varying, 'no_answer'::character varying])::text[]));

CREATE INDEX ix_messages_call_id ON public.messages USING btree (call_id);

CREATE INDEX ix_messages_created ON public.messages USING btree (created);
