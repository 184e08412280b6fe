SELECT pg_catalog.set_config('search_path', '', false);
CREATE SCHEMA rampline;
CREATE TABLE rampline.attempts (
    run_id bigint NOT NULL,
    number bigint NOT NULL,
    worker_id bigint NOT NULL,
    fence bigint NOT NULL,
    resumed_from bigint DEFAULT '0'::bigint NOT NULL,
    step bigint DEFAULT '0'::bigint NOT NULL,
    note text,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    outcome character varying(16),
    error text,
    CONSTRAINT ck_attempts_outcome CHECK (((outcome)::text = ANY ((ARRAY['completed'::character varying, 'pruned'::character varying, 'diverged'::character varying, 'out_of_memory'::character varying, 'crash'::character varying, 'bad_data'::character varying, 'cancelled'::character varying, 'released'::character varying, 'lost'::character varying])::text[])))
);
CREATE TABLE rampline.corpora (
    digest character varying(64) NOT NULL,
    name character varying(255) NOT NULL,
    size bigint NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE TABLE rampline.events (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    kind character varying(40) NOT NULL,
    sweep_id bigint,
    user_id bigint,
    detail jsonb NOT NULL
);
CREATE SEQUENCE rampline.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE rampline.events_id_seq OWNED BY rampline.events.id;
CREATE TABLE rampline.rampline_alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE rampline.runs (
    id bigint NOT NULL,
    sweep_id bigint NOT NULL,
    trial_id bigint NOT NULL,
    trunk character varying(40) NOT NULL,
    replicate bigint NOT NULL,
    seed bigint NOT NULL,
    shape character varying(200) NOT NULL,
    priority bigint NOT NULL,
    state character varying(16) NOT NULL,
    step bigint DEFAULT '0'::bigint NOT NULL,
    total_steps bigint NOT NULL,
    value double precision,
    best_value double precision,
    initial_value double precision,
    train_loss double precision,
    diverged_at bigint,
    cause character varying(16),
    error text,
    losses bigint DEFAULT '0'::bigint NOT NULL,
    furthest bigint DEFAULT '0'::bigint NOT NULL,
    stride bigint DEFAULT '0'::bigint NOT NULL,
    lane_share double precision DEFAULT '0'::double precision NOT NULL,
    attempt bigint DEFAULT '0'::bigint NOT NULL,
    fence bigint DEFAULT '0'::bigint NOT NULL,
    worker_id bigint,
    lease_expires_at timestamp with time zone,
    mlflow_run_id character varying(64),
    to_track boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    CONSTRAINT ck_runs_cause CHECK (((cause)::text = ANY ((ARRAY['out_of_memory'::character varying, 'crash'::character varying, 'bad_data'::character varying, 'quarantined'::character varying])::text[]))),
    CONSTRAINT ck_runs_state CHECK (((state)::text = ANY ((ARRAY['queued'::character varying, 'running'::character varying, 'completed'::character varying, 'pruned'::character varying, 'diverged'::character varying, 'failed'::character varying, 'cancelled'::character varying])::text[])))
);
CREATE SEQUENCE rampline.runs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE rampline.runs_id_seq OWNED BY rampline.runs.id;
CREATE TABLE rampline.sweeps (
    id bigint NOT NULL,
    team_id bigint NOT NULL,
    user_id bigint NOT NULL,
    name character varying(120) NOT NULL,
    spec jsonb NOT NULL,
    findings jsonb NOT NULL,
    shape character varying(200) NOT NULL,
    corpus character varying(64) NOT NULL,
    priority bigint NOT NULL,
    state character varying(16) NOT NULL,
    trials_total bigint NOT NULL,
    trials_made bigint NOT NULL,
    trials_ended bigint DEFAULT '0'::bigint NOT NULL,
    updates_total bigint NOT NULL,
    idempotency_key character varying(255),
    mlflow_experiment_id character varying(64),
    mlflow_run_id character varying(64),
    asking boolean DEFAULT false NOT NULL,
    to_track boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone NOT NULL,
    finished_at timestamp with time zone,
    CONSTRAINT ck_sweeps_state CHECK (((state)::text = ANY ((ARRAY['queued'::character varying, 'running'::character varying, 'paused'::character varying, 'completed'::character varying, 'failed'::character varying, 'cancelled'::character varying])::text[]))),
    CONSTRAINT ck_sweeps_trials CHECK ((trials_made <= trials_total))
);
CREATE SEQUENCE rampline.sweeps_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE rampline.sweeps_id_seq OWNED BY rampline.sweeps.id;
CREATE TABLE rampline.teams (
    id bigint NOT NULL,
    name character varying(120) NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE rampline.teams_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE rampline.teams_id_seq OWNED BY rampline.teams.id;
CREATE TABLE rampline.tokens (
    id bigint NOT NULL,
    digest character varying(64) NOT NULL,
    role character varying(16) NOT NULL,
    name character varying(120) NOT NULL,
    user_id bigint,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT ck_tokens_role CHECK (((role)::text = ANY ((ARRAY['admin'::character varying, 'member'::character varying, 'viewer'::character varying, 'worker'::character varying])::text[])))
);
CREATE SEQUENCE rampline.tokens_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE rampline.tokens_id_seq OWNED BY rampline.tokens.id;
CREATE TABLE rampline.trials (
    id bigint NOT NULL,
    sweep_id bigint NOT NULL,
    number bigint NOT NULL,
    optuna_number bigint,
    params jsonb NOT NULL,
    schedule jsonb NOT NULL,
    optimizer jsonb NOT NULL,
    state character varying(16) NOT NULL,
    value double precision,
    spread double precision,
    end_number bigint,
    to_tell boolean DEFAULT false NOT NULL,
    CONSTRAINT ck_trials_state CHECK (((state)::text = ANY ((ARRAY['queued'::character varying, 'running'::character varying, 'completed'::character varying, 'pruned'::character varying, 'diverged'::character varying, 'failed'::character varying, 'cancelled'::character varying])::text[])))
);
CREATE SEQUENCE rampline.trials_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE rampline.trials_id_seq OWNED BY rampline.trials.id;
CREATE TABLE rampline.uploads (
    id bigint NOT NULL,
    team_id bigint NOT NULL,
    user_id bigint,
    name character varying(100) NOT NULL,
    digest character varying(64) NOT NULL,
    size bigint NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE rampline.uploads_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE rampline.uploads_id_seq OWNED BY rampline.uploads.id;
CREATE TABLE rampline.users (
    id bigint NOT NULL,
    team_id bigint NOT NULL,
    name character varying(120) NOT NULL,
    created_at timestamp with time zone NOT NULL
);
CREATE SEQUENCE rampline.users_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE rampline.users_id_seq OWNED BY rampline.users.id;
CREATE TABLE rampline.val_points (
    run_id bigint NOT NULL,
    step bigint NOT NULL,
    value double precision NOT NULL
);
CREATE TABLE rampline.workers (
    id bigint NOT NULL,
    name character varying(200) NOT NULL,
    device character varying(40) NOT NULL,
    device_name character varying(200) NOT NULL,
    lanes bigint NOT NULL,
    version character varying(40) NOT NULL,
    updates_per_second double precision NOT NULL,
    backlog_bytes bigint DEFAULT '0'::bigint NOT NULL,
    backlog_seconds double precision DEFAULT '0'::double precision NOT NULL,
    registered_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    left_at timestamp with time zone
);
CREATE SEQUENCE rampline.workers_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE rampline.workers_id_seq OWNED BY rampline.workers.id;
ALTER TABLE ONLY rampline.events ALTER COLUMN id SET DEFAULT nextval('rampline.events_id_seq'::regclass);
ALTER TABLE ONLY rampline.runs ALTER COLUMN id SET DEFAULT nextval('rampline.runs_id_seq'::regclass);
ALTER TABLE ONLY rampline.sweeps ALTER COLUMN id SET DEFAULT nextval('rampline.sweeps_id_seq'::regclass);
ALTER TABLE ONLY rampline.teams ALTER COLUMN id SET DEFAULT nextval('rampline.teams_id_seq'::regclass);
ALTER TABLE ONLY rampline.tokens ALTER COLUMN id SET DEFAULT nextval('rampline.tokens_id_seq'::regclass);
ALTER TABLE ONLY rampline.trials ALTER COLUMN id SET DEFAULT nextval('rampline.trials_id_seq'::regclass);
ALTER TABLE ONLY rampline.uploads ALTER COLUMN id SET DEFAULT nextval('rampline.uploads_id_seq'::regclass);
ALTER TABLE ONLY rampline.users ALTER COLUMN id SET DEFAULT nextval('rampline.users_id_seq'::regclass);
ALTER TABLE ONLY rampline.workers ALTER COLUMN id SET DEFAULT nextval('rampline.workers_id_seq'::regclass);
INSERT INTO rampline.attempts VALUES
	(1, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00', 'completed', NULL),
	(2, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00', 'completed', NULL),
	(3, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00', 'completed', NULL),
	(4, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00', 'completed', NULL),
	(5, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00', 'completed', NULL),
	(6, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00', 'completed', NULL),
	(7, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00', 'completed', NULL),
	(8, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00', 'completed', NULL),
	(9, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00', 'completed', NULL),
	(10, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00', 'completed', NULL),
	(11, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00', 'completed', NULL),
	(12, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00', 'completed', NULL),
	(13, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.968707+00', 'diverged', NULL),
	(14, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.968707+00', 'diverged', NULL),
	(15, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.968707+00', 'diverged', NULL),
	(16, 1, 1, 1, 0, 7, NULL, '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:02.08877+00', 'crash', 'a fault'),
	(16, 2, 1, 2, 0, 7, NULL, '2026-11-22 06:17:02.173325+00', '2026-11-22 06:17:02.253871+00', 'crash', 'a fault'),
	(16, 3, 1, 3, 0, 7, NULL, '2026-11-22 06:17:02.33906+00', '2026-11-22 06:17:02.413654+00', 'crash', 'a fault'),
	(18, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:04.006059+00', '2026-11-22 06:17:04.048801+00', 'completed', NULL),
	(19, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:04.006059+00', '2026-11-22 06:17:04.048801+00', 'completed', NULL),
	(20, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:04.006059+00', '2026-11-22 06:17:04.048801+00', 'completed', NULL),
	(21, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:06.244672+00', '2026-11-22 06:17:06.384666+00', 'completed', NULL),
	(22, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:06.244672+00', '2026-11-22 06:17:06.384666+00', 'completed', NULL),
	(23, 1, 2, 1, 0, 0, NULL, '2026-11-22 06:17:08.010721+00', '2026-11-22 06:17:08.093496+00', 'bad_data', 'no text'),
	(24, 1, 3, 1, 0, 0, NULL, '2026-11-22 06:17:08.298623+00', '2026-11-22 06:17:08.454247+00', 'lost', 'nothing was heard of its worker for longer than its lease'),
	(24, 2, 4, 2, 0, 0, NULL, '2026-11-22 06:17:08.454247+00', '2026-11-22 06:17:08.64865+00', 'lost', 'nothing was heard of its worker for longer than its lease'),
	(24, 3, 5, 3, 0, 0, NULL, '2026-11-22 06:17:08.64865+00', '2026-11-22 06:17:08.789513+00', 'lost', 'nothing was heard of its worker for longer than its lease'),
	(25, 1, 2, 1, 0, 20, NULL, '2026-11-22 06:17:09.055125+00', '2026-11-22 06:17:09.172767+00', 'completed', NULL),
	(26, 1, 2, 1, 0, 9, NULL, '2026-11-22 06:17:09.055125+00', '2026-11-22 06:17:09.238223+00', 'cancelled', NULL),
	(27, 1, 2, 1, 0, 9, NULL, '2026-11-22 06:17:09.055125+00', '2026-11-22 06:17:09.238223+00', 'cancelled', NULL),
	(28, 1, 2, 1, 0, 9, NULL, '2026-11-22 06:17:09.055125+00', '2026-11-22 06:17:09.238223+00', 'cancelled', NULL),
	(33, 1, 1, 1, 0, 5, NULL, '2026-11-22 06:17:09.404914+00', '2026-11-22 06:17:09.565379+00', 'lost', 'nothing was heard of its worker for longer than its lease'),
	(34, 1, 1, 1, 0, 5, NULL, '2026-11-22 06:17:09.404914+00', '2026-11-22 06:17:09.565379+00', 'lost', 'nothing was heard of its worker for longer than its lease'),
	(35, 1, 1, 1, 0, 5, NULL, '2026-11-22 06:17:09.404914+00', '2026-11-22 06:17:09.565379+00', 'lost', 'nothing was heard of its worker for longer than its lease'),
	(36, 1, 2, 1, 0, 0, NULL, '2026-11-22 06:17:09.565379+00', NULL, NULL, NULL),
	(37, 1, 2, 1, 0, 0, NULL, '2026-11-22 06:17:09.565379+00', NULL, NULL, NULL),
	(38, 1, 2, 1, 0, 0, NULL, '2026-11-22 06:17:09.565379+00', NULL, NULL, NULL),
	(33, 2, 2, 2, 0, 20, NULL, '2026-11-22 06:17:09.565379+00', '2026-11-22 06:17:09.733565+00', 'completed', NULL),
	(34, 2, 2, 2, 0, 20, NULL, '2026-11-22 06:17:09.565379+00', '2026-11-22 06:17:09.733565+00', 'completed', NULL),
	(35, 2, 2, 2, 0, 11, NULL, '2026-11-22 06:17:09.565379+00', '2026-11-22 06:17:09.869189+00', 'released', 'its worker gave it back'),
	(17, 1, 1, 1, 0, 20, NULL, '2026-11-22 06:17:04.006059+00', '2026-11-22 06:17:04.048801+00', 'pruned', NULL);
INSERT INTO rampline.corpora VALUES
	('a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584', 'file:words.txt', 16400, '2026-11-22 06:17:01.519677+00');
INSERT INTO rampline.events VALUES
	(1, '2026-11-22 06:17:01.51442+00', 'sweep.submitted', 1, 1, '{}'),
	(2, '2026-11-22 06:17:02.648784+00', 'sweep.submitted', 2, 1, '{}'),
	(3, '2026-11-22 06:17:07.92874+00', 'sweep.submitted', 3, 1, '{}'),
	(4, '2026-11-22 06:17:08.168632+00', 'sweep.submitted', 4, 1, '{}'),
	(5, '2026-11-22 06:17:08.94068+00', 'sweep.submitted', 5, 1, '{}'),
	(6, '2026-11-22 06:17:09.238223+00', 'sweep.cancelled', 5, 1, '{}'),
	(7, '2026-11-22 06:17:09.300694+00', 'sweep.submitted', 6, 1, '{}'),
	(8, '2026-11-22 06:17:09.919436+00', 'sweep.submitted', 7, 1, '{}');
INSERT INTO rampline.rampline_alembic_version VALUES
	('0001');
INSERT INTO rampline.runs VALUES
	(1, 1, 1, '30d37d2adc0abc63552d0be45e00fa54-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.82243+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00'),
	(2, 1, 5, '30d37d2adc0abc63552d0be45e00fa54-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.04, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.82243+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00'),
	(3, 1, 1, '30d37d2adc0abc63552d0be45e00fa54-1', 1, 1, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.001, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.82243+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00'),
	(4, 1, 5, '30d37d2adc0abc63552d0be45e00fa54-1', 1, 1, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.041, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.82243+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00'),
	(5, 1, 2, '41d8ba041b0ef585c11d5b57c316b754-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.01, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.82243+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00'),
	(6, 1, 6, '41d8ba041b0ef585c11d5b57c316b754-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.05, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.82243+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00'),
	(13, 1, 4, '355fd3203add23254167393207e12aff-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'diverged', 20, 20, NULL, 2, 5.5, 3, 3, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.968707+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.968707+00'),
	(7, 1, 2, '41d8ba041b0ef585c11d5b57c316b754-1', 1, 1, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.0109999999999997, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.82243+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00'),
	(8, 1, 6, '41d8ba041b0ef585c11d5b57c316b754-1', 1, 1, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.0509999999999997, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.82243+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00'),
	(9, 1, 3, '8251c39ddd9679dc92772f6561b226f3-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.02, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.82243+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00'),
	(10, 1, 7, '8251c39ddd9679dc92772f6561b226f3-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.06, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.82243+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00'),
	(11, 1, 3, '8251c39ddd9679dc92772f6561b226f3-1', 1, 1, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.021, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.82243+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00'),
	(12, 1, 7, '8251c39ddd9679dc92772f6561b226f3-1', 1, 1, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.061, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.82243+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.82243+00'),
	(14, 1, 8, '355fd3203add23254167393207e12aff-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'diverged', 20, 20, NULL, 2, 5.5, 3, 3, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.968707+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.968707+00'),
	(15, 1, 4, '355fd3203add23254167393207e12aff-1', 1, 1, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'diverged', 20, 20, NULL, 2, 5.5, 3, 3, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:01.968707+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:01.766412+00', '2026-11-22 06:17:01.968707+00'),
	(16, 1, 8, '355fd3203add23254167393207e12aff-1', 1, 1, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'failed', 7, 20, NULL, 2, 5.5, 3, NULL, 'crash', 'a fault', 0, 0, 0, 0, 3, 3, 1, '2026-11-22 06:18:02.413654+00', NULL, true, '2026-11-22 06:17:01.53505+00', '2026-11-22 06:17:02.33906+00', '2026-11-22 06:17:02.413654+00'),
	(18, 2, 10, '58fa00704bd77f15038cd5a097401679-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.01, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:04.048801+00', NULL, true, '2026-11-22 06:17:03.940769+00', '2026-11-22 06:17:04.006059+00', '2026-11-22 06:17:04.048801+00'),
	(19, 2, 11, '88214d2b8107d58e98f522b24ffaa023-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.02, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:04.048801+00', NULL, true, '2026-11-22 06:17:03.940769+00', '2026-11-22 06:17:04.006059+00', '2026-11-22 06:17:04.048801+00'),
	(20, 2, 12, '894dc0e76e95cfe8bdf28dfa31226d80-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.03, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:04.048801+00', NULL, true, '2026-11-22 06:17:03.940769+00', '2026-11-22 06:17:04.006059+00', '2026-11-22 06:17:04.048801+00'),
	(21, 2, 13, '36997442676c307d781a514471645ae5-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.04, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:06.384666+00', NULL, true, '2026-11-22 06:17:06.176823+00', '2026-11-22 06:17:06.244672+00', '2026-11-22 06:17:06.384666+00'),
	(22, 2, 14, 'bdaec55a10ab78051f4592403e2fe54e-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3.05, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:06.384666+00', NULL, true, '2026-11-22 06:17:06.176823+00', '2026-11-22 06:17:06.244672+00', '2026-11-22 06:17:06.384666+00'),
	(23, 3, 15, 'e47a893c4cc023fd17a3ee66e6029381-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'failed', 0, 20, NULL, 3, 3, 3, NULL, 'bad_data', 'no text', 0, 0, 0, 0, 1, 1, 2, '2026-11-22 06:18:08.093496+00', NULL, true, '2026-11-22 06:17:07.933074+00', '2026-11-22 06:17:08.010721+00', '2026-11-22 06:17:08.093496+00'),
	(24, 4, 16, '0fa18d861b345fd2d13eb9d82bd179a5-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'failed', 0, 20, NULL, NULL, NULL, NULL, NULL, 'quarantined', 'quarantined: 3 workers in a row were lost while they trained it, the last one while it trained nothing else: attempt 1 on host:1, after update 0 of 20, at 2026-11-22 06:17:08 UTC; attempt 2 on host:1, after update 0 of 20, at 2026-11-22 06:17:08 UTC; attempt 3 on host:1, after update 0 of 20, at 2026-11-22 06:17:08 UTC', 3, 0, 0, 0, 3, 3, 5, NULL, NULL, true, '2026-11-22 06:17:08.184649+00', '2026-11-22 06:17:08.64865+00', '2026-11-22 06:17:08.789513+00'),
	(25, 5, 17, 'c1faecb4fcc4e797cb7a4ff8e2c68855-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'completed', 20, 20, 3, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 2, '2026-11-22 06:18:09.172767+00', NULL, true, '2026-11-22 06:17:08.960661+00', '2026-11-22 06:17:09.055125+00', '2026-11-22 06:17:09.172767+00'),
	(26, 5, 21, 'c1faecb4fcc4e797cb7a4ff8e2c68855-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'cancelled', 9, 20, NULL, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 2, '2026-11-22 06:18:09.133774+00', NULL, true, '2026-11-22 06:17:08.960661+00', '2026-11-22 06:17:09.055125+00', '2026-11-22 06:17:09.238223+00'),
	(27, 5, 18, '0286a45d6fddd819c570711083e202a5-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'cancelled', 9, 20, NULL, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 2, '2026-11-22 06:18:09.133774+00', NULL, true, '2026-11-22 06:17:08.960661+00', '2026-11-22 06:17:09.055125+00', '2026-11-22 06:17:09.238223+00'),
	(17, 2, 9, 'd99a93e4f8104ef98ab2c11ec4fe13ba-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'pruned', 20, 20, 3, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 1, '2026-11-22 06:18:04.048801+00', NULL, true, '2026-11-22 06:17:03.940769+00', '2026-11-22 06:17:04.006059+00', '2026-11-22 06:17:04.048801+00'),
	(29, 5, 19, '5f471a5ed185732c7c1daaccfcc0f19e-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'cancelled', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:08.960661+00', NULL, '2026-11-22 06:17:09.238223+00'),
	(30, 5, 23, '5f471a5ed185732c7c1daaccfcc0f19e-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'cancelled', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:08.960661+00', NULL, '2026-11-22 06:17:09.238223+00'),
	(31, 5, 20, 'd4920d55ceda7857932586bf8da7aa4f-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'cancelled', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:08.960661+00', NULL, '2026-11-22 06:17:09.238223+00'),
	(32, 5, 24, 'd4920d55ceda7857932586bf8da7aa4f-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'cancelled', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:08.960661+00', NULL, '2026-11-22 06:17:09.238223+00'),
	(28, 5, 22, '0286a45d6fddd819c570711083e202a5-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 0, 'cancelled', 9, 20, NULL, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0, 1, 1, 2, '2026-11-22 06:18:09.133774+00', NULL, true, '2026-11-22 06:17:08.960661+00', '2026-11-22 06:17:09.055125+00', '2026-11-22 06:17:09.238223+00'),
	(39, 6, 28, 'd1942641beae092116d8a74b11f66948-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 2, 'queued', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:09.312952+00', NULL, NULL),
	(40, 6, 32, 'd1942641beae092116d8a74b11f66948-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 2, 'queued', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:09.312952+00', NULL, NULL),
	(36, 6, 30, '6ff65c45f136594387ef288cd8ed045a-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 2, 'running', 11, 20, NULL, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0.5, 1, 1, 2, '2026-11-22 06:18:09.701192+00', NULL, false, '2026-11-22 06:17:09.312952+00', '2026-11-22 06:17:09.565379+00', NULL),
	(37, 6, 27, '7bfeabe57e5187c84173c1631a1d89a3-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 2, 'running', 11, 20, NULL, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0.5, 1, 1, 2, '2026-11-22 06:18:09.701192+00', NULL, false, '2026-11-22 06:17:09.312952+00', '2026-11-22 06:17:09.565379+00', NULL),
	(38, 6, 31, '7bfeabe57e5187c84173c1631a1d89a3-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 2, 'running', 11, 20, NULL, 2, 5.5, 3, NULL, NULL, NULL, 0, 0, 0, 0.5, 1, 1, 2, '2026-11-22 06:18:09.701192+00', NULL, false, '2026-11-22 06:17:09.312952+00', '2026-11-22 06:17:09.565379+00', NULL),
	(33, 6, 25, '9730629a2cf671cea5c4be447a483806-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 2, 'completed', 20, 20, 3, 2, 5.5, 3, NULL, NULL, NULL, 0, 5, 9, 0, 2, 2, 2, '2026-11-22 06:18:09.733565+00', NULL, true, '2026-11-22 06:17:09.312952+00', '2026-11-22 06:17:09.565379+00', '2026-11-22 06:17:09.733565+00'),
	(34, 6, 29, '9730629a2cf671cea5c4be447a483806-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 2, 'completed', 20, 20, 3.04, 2, 5.5, 3, NULL, NULL, NULL, 0, 5, 9, 0, 2, 2, 2, '2026-11-22 06:18:09.733565+00', NULL, true, '2026-11-22 06:17:09.312952+00', '2026-11-22 06:17:09.565379+00', '2026-11-22 06:17:09.733565+00'),
	(35, 6, 26, '6ff65c45f136594387ef288cd8ed045a-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 2, 'queued', 0, 20, NULL, 2, 5.5, 3, NULL, NULL, NULL, 0, 5, 0, 0, 2, 2, NULL, NULL, NULL, false, '2026-11-22 06:17:09.312952+00', '2026-11-22 06:17:09.565379+00', NULL),
	(41, 7, 33, 'a1dd0e2d5186994f64ad96a692fa92f0-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', -1, 'queued', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:09.934533+00', NULL, NULL),
	(42, 7, 37, 'a1dd0e2d5186994f64ad96a692fa92f0-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', -1, 'queued', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:09.934533+00', NULL, NULL),
	(43, 7, 34, '513ef755d183396f97610acbb9946a0b-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', -1, 'queued', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:09.934533+00', NULL, NULL),
	(44, 7, 38, '513ef755d183396f97610acbb9946a0b-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', -1, 'queued', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:09.934533+00', NULL, NULL),
	(45, 7, 35, '6358c0f237713cc38a435e966d0f29c8-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', -1, 'queued', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:09.934533+00', NULL, NULL),
	(46, 7, 39, '6358c0f237713cc38a435e966d0f29c8-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', -1, 'queued', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:09.934533+00', NULL, NULL),
	(47, 7, 36, 'ef7b095634817df3ff6df70c8df97ff3-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', -1, 'queued', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:09.934533+00', NULL, NULL),
	(48, 7, 40, 'ef7b095634817df3ff6df70c8df97ff3-0', 0, 0, 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', -1, 'queued', 0, 20, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL, NULL, NULL, false, '2026-11-22 06:17:09.934533+00', NULL, NULL);
INSERT INTO rampline.sweeps VALUES
	(1, 1, 1, 'grid', '{"data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "name": "grid", "seed": 0, "model": {"d_ff": null, "norm": "pre", "context": 64, "d_model": 64, "dropout": 0.0, "n_heads": 4, "n_layers": 2, "positions": "learned", "precision": "fp32", "activation": "gelu", "tie_embeddings": true}, "space": {"factor": null, "peak_lr": {"log": false, "low": null, "high": null, "values": [0.001, 0.01]}, "schedule": ["linear", "cosine"], "warmup_steps": {"log": false, "low": null, "high": null, "values": [2, 4]}, "optimizer.betas": null, "optimizer.grad_clip": null, "optimizer.weight_decay": null}, "pruner": {"type": "none"}, "trials": null, "sampler": {"seed": 0, "type": "grid"}, "priority": 0, "objective": {"mode": "last", "metric": "val_loss"}, "optimizer": {"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}, "eval_every": null, "replicates": 2, "total_steps": {"values": [20]}}', '[{"code": "warmup-short-for-beta2", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021) (and 7 more like it)", "severity": "warning", "suggestion": "warm up for 100 updates, or use a smaller beta2"}]', 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 'a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584', 0, 'completed', 8, 8, 8, 320, NULL, NULL, NULL, false, true, '2026-11-22 06:17:01.51442+00', '2026-11-22 06:17:02.51401+00'),
	(2, 1, 1, 'random', '{"data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "name": "random", "seed": 0, "model": {"d_ff": null, "norm": "pre", "context": 64, "d_model": 64, "dropout": 0.0, "n_heads": 4, "n_layers": 2, "positions": "learned", "precision": "fp32", "activation": "gelu", "tie_embeddings": true}, "space": {"factor": {"log": false, "low": 0.5, "high": 2.0, "values": null}, "peak_lr": {"log": true, "low": 0.0001, "high": 0.1, "values": null}, "schedule": ["noam", "linear", "wsd"], "warmup_steps": {"log": false, "low": 2, "high": 10, "values": null}, "optimizer.betas": null, "optimizer.grad_clip": null, "optimizer.weight_decay": null}, "pruner": {"type": "none"}, "trials": 6, "sampler": {"seed": 0, "type": "random"}, "priority": 0, "objective": {"mode": "last", "metric": "val_loss"}, "optimizer": {"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}, "eval_every": null, "replicates": 1, "total_steps": {"values": [20]}}', '[{"code": "warmup-short-for-beta2", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021) (and 11 more like it)", "severity": "warning", "suggestion": "warm up for 100 updates, or use a smaller beta2"}, {"code": "never-anneals", "field": "total_steps", "message": "the last update still trains at 71% of the peak (and 1 more like it)", "severity": "warning", "suggestion": "let the decay end with the run: check total_steps, horizon, milestones and decay_rate"}]', 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 'a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584', 0, 'completed', 6, 6, 6, 120, NULL, NULL, NULL, false, true, '2026-11-22 06:17:02.648784+00', '2026-11-22 06:17:06.530782+00'),
	(3, 1, 1, 'grid', '{"data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "name": "grid", "seed": 0, "model": {"d_ff": null, "norm": "pre", "context": 64, "d_model": 64, "dropout": 0.0, "n_heads": 4, "n_layers": 2, "positions": "learned", "precision": "fp32", "activation": "gelu", "tie_embeddings": true}, "space": {"factor": null, "peak_lr": {"log": false, "low": null, "high": null, "values": [0.001]}, "schedule": ["linear"], "warmup_steps": {"log": false, "low": null, "high": null, "values": [2]}, "optimizer.betas": null, "optimizer.grad_clip": null, "optimizer.weight_decay": null}, "pruner": {"type": "none"}, "trials": null, "sampler": {"seed": 0, "type": "grid"}, "priority": 0, "objective": {"mode": "last", "metric": "val_loss"}, "optimizer": {"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}, "eval_every": null, "replicates": 1, "total_steps": {"values": [20]}}', '[{"code": "warmup-short-for-beta2", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021)", "severity": "warning", "suggestion": "warm up for 100 updates, or use a smaller beta2"}]', 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 'a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584', 0, 'failed', 1, 1, 1, 20, NULL, NULL, NULL, false, true, '2026-11-22 06:17:07.92874+00', '2026-11-22 06:17:08.144637+00'),
	(4, 1, 1, 'poison', '{"data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "name": "poison", "seed": 0, "model": {"d_ff": null, "norm": "pre", "context": 64, "d_model": 64, "dropout": 0.0, "n_heads": 4, "n_layers": 2, "positions": "learned", "precision": "fp32", "activation": "gelu", "tie_embeddings": true}, "space": {"factor": null, "peak_lr": {"log": false, "low": null, "high": null, "values": [0.001]}, "schedule": ["linear"], "warmup_steps": {"log": false, "low": null, "high": null, "values": [2]}, "optimizer.betas": null, "optimizer.grad_clip": null, "optimizer.weight_decay": null}, "pruner": {"type": "none"}, "trials": null, "sampler": {"seed": 0, "type": "grid"}, "priority": 0, "objective": {"mode": "last", "metric": "val_loss"}, "optimizer": {"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}, "eval_every": null, "replicates": 1, "total_steps": {"values": [20]}}', '[{"code": "warmup-short-for-beta2", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021)", "severity": "warning", "suggestion": "warm up for 100 updates, or use a smaller beta2"}]', 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 'a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584', 0, 'failed', 1, 1, 1, 20, NULL, NULL, NULL, false, true, '2026-11-22 06:17:08.168632+00', '2026-11-22 06:17:08.878076+00'),
	(5, 1, 1, 'cancelled', '{"data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "name": "cancelled", "seed": 0, "model": {"d_ff": null, "norm": "pre", "context": 64, "d_model": 64, "dropout": 0.0, "n_heads": 4, "n_layers": 2, "positions": "learned", "precision": "fp32", "activation": "gelu", "tie_embeddings": true}, "space": {"factor": null, "peak_lr": {"log": false, "low": null, "high": null, "values": [0.001, 0.01]}, "schedule": ["linear", "cosine"], "warmup_steps": {"log": false, "low": null, "high": null, "values": [2, 4]}, "optimizer.betas": null, "optimizer.grad_clip": null, "optimizer.weight_decay": null}, "pruner": {"type": "none"}, "trials": null, "sampler": {"seed": 0, "type": "grid"}, "priority": 0, "objective": {"mode": "last", "metric": "val_loss"}, "optimizer": {"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}, "eval_every": null, "replicates": 1, "total_steps": {"values": [20]}}', '[{"code": "warmup-short-for-beta2", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021) (and 7 more like it)", "severity": "warning", "suggestion": "warm up for 100 updates, or use a smaller beta2"}]', 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 'a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584', 0, 'cancelled', 8, 8, 1, 160, NULL, NULL, NULL, false, true, '2026-11-22 06:17:08.94068+00', '2026-11-22 06:17:09.238223+00'),
	(6, 1, 1, 'going', '{"data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "name": "going", "seed": 0, "model": {"d_ff": null, "norm": "pre", "context": 64, "d_model": 64, "dropout": 0.0, "n_heads": 4, "n_layers": 2, "positions": "learned", "precision": "fp32", "activation": "gelu", "tie_embeddings": true}, "space": {"factor": null, "peak_lr": {"log": false, "low": null, "high": null, "values": [0.001, 0.01]}, "schedule": ["linear", "cosine"], "warmup_steps": {"log": false, "low": null, "high": null, "values": [2, 4]}, "optimizer.betas": null, "optimizer.grad_clip": null, "optimizer.weight_decay": null}, "pruner": {"type": "none"}, "trials": null, "sampler": {"seed": 0, "type": "grid"}, "priority": 2, "objective": {"mode": "last", "metric": "val_loss"}, "optimizer": {"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}, "eval_every": null, "replicates": 1, "total_steps": {"values": [20]}}', '[{"code": "warmup-short-for-beta2", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021) (and 7 more like it)", "severity": "warning", "suggestion": "warm up for 100 updates, or use a smaller beta2"}]', 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 'a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584', 2, 'running', 8, 8, 2, 160, NULL, NULL, NULL, false, true, '2026-11-22 06:17:09.300694+00', NULL),
	(7, 1, 1, 'queued', '{"data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "name": "queued", "seed": 0, "model": {"d_ff": null, "norm": "pre", "context": 64, "d_model": 64, "dropout": 0.0, "n_heads": 4, "n_layers": 2, "positions": "learned", "precision": "fp32", "activation": "gelu", "tie_embeddings": true}, "space": {"factor": null, "peak_lr": {"log": false, "low": null, "high": null, "values": [0.001, 0.01]}, "schedule": ["linear", "cosine"], "warmup_steps": {"log": false, "low": null, "high": null, "values": [2, 4]}, "optimizer.betas": null, "optimizer.grad_clip": null, "optimizer.weight_decay": null}, "pruner": {"type": "none"}, "trials": null, "sampler": {"seed": 0, "type": "grid"}, "priority": -1, "objective": {"mode": "last", "metric": "val_loss"}, "optimizer": {"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}, "eval_every": null, "replicates": 1, "total_steps": {"values": [20]}}', '[{"code": "warmup-short-for-beta2", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021) (and 7 more like it)", "severity": "warning", "suggestion": "warm up for 100 updates, or use a smaller beta2"}]', 'd64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32', 'a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584', -1, 'queued', 8, 8, 0, 160, 'once', NULL, NULL, false, true, '2026-11-22 06:17:09.919436+00', NULL);
INSERT INTO rampline.teams VALUES
	(1, 'red', '2026-11-22 06:17:01.488867+00');
INSERT INTO rampline.tokens VALUES
	(1, '84798f48cd49e3f54c65613c0b09d4dcdb0605c61356f8de134bbd1019d50b95', 'member', 'frozen', 1, '2026-11-22 06:17:10.069492+00', NULL, NULL, NULL);
INSERT INTO rampline.trials VALUES
	(10, 2, 1, 1, '{"peak_lr": 0.00019695209218245201, "schedule": "linear", "warmup_steps": 4}', '{"type": "linear", "peak_lr": 0.00019695209218245201, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3.01, NULL, 2, false),
	(11, 2, 2, 2, '{"peak_lr": 0.017793238362223532, "schedule": "linear", "warmup_steps": 5}', '{"type": "linear", "peak_lr": 0.017793238362223532, "total_steps": 20, "warmup_steps": 5}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3.02, NULL, 3, false),
	(9, 2, 0, 0, '{"factor": 1.99440939591658, "schedule": "noam", "warmup_steps": 5}', '{"type": "noam", "factor": 1.99440939591658, "d_model": 64, "total_steps": 20, "warmup_steps": 5}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'pruned', 3, NULL, 1, false),
	(12, 2, 3, 3, '{"peak_lr": 0.09158763958161206, "schedule": "wsd", "warmup_steps": 6}', '{"type": "wsd", "peak_lr": 0.09158763958161206, "total_steps": 20, "warmup_steps": 6}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3.03, NULL, 4, false),
	(13, 2, 4, 4, '{"peak_lr": 0.0007666363685288134, "schedule": "wsd", "warmup_steps": 3}', '{"type": "wsd", "peak_lr": 0.0007666363685288134, "total_steps": 20, "warmup_steps": 3}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3.04, NULL, 5, true),
	(14, 2, 5, 5, '{"factor": 1.6749026561558717, "schedule": "noam", "warmup_steps": 9}', '{"type": "noam", "factor": 1.6749026561558717, "d_model": 64, "total_steps": 20, "warmup_steps": 9}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3.05, NULL, 6, true),
	(20, 5, 3, NULL, '{"peak_lr": 0.01, "schedule": "linear", "warmup_steps": 4}', '{"type": "linear", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'cancelled', NULL, NULL, NULL, false),
	(21, 5, 4, NULL, '{"peak_lr": 0.001, "schedule": "cosine", "warmup_steps": 2}', '{"type": "cosine", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'cancelled', NULL, NULL, NULL, true),
	(22, 5, 5, NULL, '{"peak_lr": 0.01, "schedule": "cosine", "warmup_steps": 2}', '{"type": "cosine", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'cancelled', NULL, NULL, NULL, true),
	(1, 1, 0, 0, '{"peak_lr": 0.001, "schedule": "linear", "warmup_steps": 2}', '{"type": "linear", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3.0004999999999997, 0.0007071067811864697, 1, false),
	(2, 1, 1, 1, '{"peak_lr": 0.01, "schedule": "linear", "warmup_steps": 2}', '{"type": "linear", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3.0104999999999995, 0.0007071067811864697, 2, false),
	(3, 1, 2, 2, '{"peak_lr": 0.001, "schedule": "linear", "warmup_steps": 4}', '{"type": "linear", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3.0205, 0.0007071067811864697, 3, false),
	(4, 1, 3, 3, '{"peak_lr": 0.01, "schedule": "linear", "warmup_steps": 4}', '{"type": "linear", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'diverged', 5.5, 0, 7, false),
	(5, 1, 4, 4, '{"peak_lr": 0.001, "schedule": "cosine", "warmup_steps": 2}', '{"type": "cosine", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3.0404999999999998, 0.0007071067811864697, 4, false),
	(6, 1, 5, 5, '{"peak_lr": 0.01, "schedule": "cosine", "warmup_steps": 2}', '{"type": "cosine", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3.0504999999999995, 0.0007071067811864697, 5, false),
	(7, 1, 6, 6, '{"peak_lr": 0.001, "schedule": "cosine", "warmup_steps": 4}', '{"type": "cosine", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3.0605, 0.0007071067811864697, 6, false),
	(8, 1, 7, 7, '{"peak_lr": 0.01, "schedule": "cosine", "warmup_steps": 4}', '{"type": "cosine", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'failed', NULL, NULL, 8, false),
	(15, 3, 0, NULL, '{"peak_lr": 0.001, "schedule": "linear", "warmup_steps": 2}', '{"type": "linear", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'failed', NULL, NULL, 1, true),
	(16, 4, 0, NULL, '{"peak_lr": 0.001, "schedule": "linear", "warmup_steps": 2}', '{"type": "linear", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'failed', NULL, NULL, 1, true),
	(17, 5, 0, NULL, '{"peak_lr": 0.001, "schedule": "linear", "warmup_steps": 2}', '{"type": "linear", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3, NULL, 1, true),
	(18, 5, 1, NULL, '{"peak_lr": 0.01, "schedule": "linear", "warmup_steps": 2}', '{"type": "linear", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'cancelled', NULL, NULL, NULL, true),
	(19, 5, 2, NULL, '{"peak_lr": 0.001, "schedule": "linear", "warmup_steps": 4}', '{"type": "linear", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'cancelled', NULL, NULL, NULL, false),
	(23, 5, 6, NULL, '{"peak_lr": 0.001, "schedule": "cosine", "warmup_steps": 4}', '{"type": "cosine", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'cancelled', NULL, NULL, NULL, false),
	(24, 5, 7, NULL, '{"peak_lr": 0.01, "schedule": "cosine", "warmup_steps": 4}', '{"type": "cosine", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'cancelled', NULL, NULL, NULL, false),
	(26, 6, 1, NULL, '{"peak_lr": 0.01, "schedule": "linear", "warmup_steps": 2}', '{"type": "linear", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false),
	(27, 6, 2, NULL, '{"peak_lr": 0.001, "schedule": "linear", "warmup_steps": 4}', '{"type": "linear", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false),
	(28, 6, 3, NULL, '{"peak_lr": 0.01, "schedule": "linear", "warmup_steps": 4}', '{"type": "linear", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false),
	(30, 6, 5, NULL, '{"peak_lr": 0.01, "schedule": "cosine", "warmup_steps": 2}', '{"type": "cosine", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false),
	(31, 6, 6, NULL, '{"peak_lr": 0.001, "schedule": "cosine", "warmup_steps": 4}', '{"type": "cosine", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false),
	(32, 6, 7, NULL, '{"peak_lr": 0.01, "schedule": "cosine", "warmup_steps": 4}', '{"type": "cosine", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false),
	(25, 6, 0, NULL, '{"peak_lr": 0.001, "schedule": "linear", "warmup_steps": 2}', '{"type": "linear", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3, NULL, 1, true),
	(29, 6, 4, NULL, '{"peak_lr": 0.001, "schedule": "cosine", "warmup_steps": 2}', '{"type": "cosine", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'completed', 3.04, NULL, 2, true),
	(33, 7, 0, NULL, '{"peak_lr": 0.001, "schedule": "linear", "warmup_steps": 2}', '{"type": "linear", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false),
	(34, 7, 1, NULL, '{"peak_lr": 0.01, "schedule": "linear", "warmup_steps": 2}', '{"type": "linear", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false),
	(35, 7, 2, NULL, '{"peak_lr": 0.001, "schedule": "linear", "warmup_steps": 4}', '{"type": "linear", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false),
	(36, 7, 3, NULL, '{"peak_lr": 0.01, "schedule": "linear", "warmup_steps": 4}', '{"type": "linear", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false),
	(37, 7, 4, NULL, '{"peak_lr": 0.001, "schedule": "cosine", "warmup_steps": 2}', '{"type": "cosine", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false),
	(38, 7, 5, NULL, '{"peak_lr": 0.01, "schedule": "cosine", "warmup_steps": 2}', '{"type": "cosine", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 2}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false),
	(39, 7, 6, NULL, '{"peak_lr": 0.001, "schedule": "cosine", "warmup_steps": 4}', '{"type": "cosine", "peak_lr": 0.001, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false),
	(40, 7, 7, NULL, '{"peak_lr": 0.01, "schedule": "cosine", "warmup_steps": 4}', '{"type": "cosine", "peak_lr": 0.01, "total_steps": 20, "warmup_steps": 4}', '{"eps": 0.000000001, "type": "adam", "betas": [0.9, 0.98], "grad_clip": 1.0, "weight_decay": 0.0}', 'queued', NULL, NULL, NULL, false);
INSERT INTO rampline.uploads VALUES
	(1, 1, 1, 'words', '0000000000000000000000000000000000000000000000000000000000000000', 3, '2026-11-22 06:17:01.50317+00');
INSERT INTO rampline.users VALUES
	(1, 1, 'ada', '2026-11-22 06:17:01.50317+00');
INSERT INTO rampline.val_points VALUES
	(1, 0, 5.5),
	(1, 10, 2),
	(1, 20, 3),
	(2, 0, 5.5),
	(2, 10, 2),
	(2, 20, 3.04),
	(3, 0, 5.5),
	(3, 10, 2),
	(3, 20, 3.001),
	(4, 0, 5.5),
	(4, 10, 2),
	(4, 20, 3.041),
	(5, 0, 5.5),
	(5, 10, 2),
	(5, 20, 3.01),
	(6, 0, 5.5),
	(6, 10, 2),
	(6, 20, 3.05),
	(7, 0, 5.5),
	(7, 10, 2),
	(7, 20, 3.0109999999999997),
	(8, 0, 5.5),
	(8, 10, 2),
	(8, 20, 3.0509999999999997),
	(9, 0, 5.5),
	(9, 10, 2),
	(9, 20, 3.02),
	(10, 0, 5.5),
	(10, 10, 2),
	(10, 20, 3.06),
	(11, 0, 5.5),
	(11, 10, 2),
	(11, 20, 3.021),
	(12, 0, 5.5),
	(12, 10, 2),
	(12, 20, 3.061),
	(13, 0, 5.5),
	(13, 10, 2),
	(13, 20, 3.03),
	(14, 0, 5.5),
	(14, 10, 2),
	(14, 20, 3.07),
	(15, 0, 5.5),
	(15, 10, 2),
	(15, 20, 3.0309999999999997),
	(16, 0, 5.5),
	(16, 3, 2),
	(16, 7, 3.0709999999999997),
	(17, 0, 5.5),
	(17, 10, 2),
	(17, 20, 3),
	(18, 0, 5.5),
	(18, 10, 2),
	(18, 20, 3.01),
	(19, 0, 5.5),
	(19, 10, 2),
	(19, 20, 3.02),
	(20, 0, 5.5),
	(20, 10, 2),
	(20, 20, 3.03),
	(21, 0, 5.5),
	(21, 10, 2),
	(21, 20, 3.04),
	(22, 0, 5.5),
	(22, 10, 2),
	(22, 20, 3.05),
	(23, 0, 5.5),
	(26, 0, 5.5),
	(26, 4, 2),
	(26, 9, 3.04),
	(27, 0, 5.5),
	(27, 4, 2),
	(27, 9, 3.01),
	(28, 0, 5.5),
	(28, 4, 2),
	(28, 9, 3.05),
	(25, 0, 5.5),
	(25, 10, 2),
	(25, 20, 3),
	(33, 0, 5.5),
	(33, 5, 2),
	(33, 11, 3),
	(34, 0, 5.5),
	(34, 5, 2),
	(34, 11, 3.04),
	(35, 0, 5.5),
	(35, 5, 2),
	(35, 11, 3.01),
	(36, 0, 5.5),
	(36, 5, 2),
	(36, 11, 3.05),
	(37, 0, 5.5),
	(37, 5, 2),
	(37, 11, 3.02),
	(38, 0, 5.5),
	(38, 5, 2),
	(38, 11, 3.06),
	(33, 10, 2),
	(33, 20, 3),
	(34, 10, 2),
	(34, 20, 3.04);
INSERT INTO rampline.workers VALUES
	(2, 'host:1', 'cpu', 'a CPU', 4, '0', 0, 0, 0, '2026-11-22 06:17:01.625798+00', '2026-11-22 06:17:01.625798+00', NULL),
	(3, 'host:1', 'cpu', 'a CPU', 4, '0', 0, 0, 0, '2026-11-22 06:17:08.218655+00', '2026-11-22 06:17:08.218655+00', NULL),
	(4, 'host:1', 'cpu', 'a CPU', 4, '0', 0, 0, 0, '2026-11-22 06:17:08.388541+00', '2026-11-22 06:17:08.388541+00', NULL),
	(5, 'host:1', 'cpu', 'a CPU', 4, '0', 0, 0, 0, '2026-11-22 06:17:08.579583+00', '2026-11-22 06:17:08.579583+00', NULL),
	(6, 'host:1', 'cpu', 'a CPU', 4, '0', 0, 0, 0, '2026-11-22 06:17:08.727663+00', '2026-11-22 06:17:08.727663+00', NULL),
	(1, 'host:1', 'cpu', 'a CPU', 4, '0', 0, 0, 0, '2026-11-22 06:17:01.608841+00', '2026-11-22 06:17:01.608841+00', '2026-11-22 06:17:09.892705+00');
SELECT pg_catalog.setval('rampline.events_id_seq', 8, true);
SELECT pg_catalog.setval('rampline.runs_id_seq', 48, true);
SELECT pg_catalog.setval('rampline.sweeps_id_seq', 7, true);
SELECT pg_catalog.setval('rampline.teams_id_seq', 1, true);
SELECT pg_catalog.setval('rampline.tokens_id_seq', 1, true);
SELECT pg_catalog.setval('rampline.trials_id_seq', 40, true);
SELECT pg_catalog.setval('rampline.uploads_id_seq', 1, true);
SELECT pg_catalog.setval('rampline.users_id_seq', 1, true);
SELECT pg_catalog.setval('rampline.workers_id_seq', 6, true);
ALTER TABLE ONLY rampline.attempts
    ADD CONSTRAINT pk_attempts PRIMARY KEY (run_id, number);
ALTER TABLE ONLY rampline.corpora
    ADD CONSTRAINT pk_corpora PRIMARY KEY (digest);
ALTER TABLE ONLY rampline.events
    ADD CONSTRAINT pk_events PRIMARY KEY (id);
ALTER TABLE ONLY rampline.runs
    ADD CONSTRAINT pk_runs PRIMARY KEY (id);
ALTER TABLE ONLY rampline.sweeps
    ADD CONSTRAINT pk_sweeps PRIMARY KEY (id);
ALTER TABLE ONLY rampline.teams
    ADD CONSTRAINT pk_teams PRIMARY KEY (id);
ALTER TABLE ONLY rampline.tokens
    ADD CONSTRAINT pk_tokens PRIMARY KEY (id);
ALTER TABLE ONLY rampline.trials
    ADD CONSTRAINT pk_trials PRIMARY KEY (id);
ALTER TABLE ONLY rampline.uploads
    ADD CONSTRAINT pk_uploads PRIMARY KEY (id);
ALTER TABLE ONLY rampline.users
    ADD CONSTRAINT pk_users PRIMARY KEY (id);
ALTER TABLE ONLY rampline.val_points
    ADD CONSTRAINT pk_val_points PRIMARY KEY (run_id, step);
ALTER TABLE ONLY rampline.workers
    ADD CONSTRAINT pk_workers PRIMARY KEY (id);
ALTER TABLE ONLY rampline.rampline_alembic_version
    ADD CONSTRAINT rampline_alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY rampline.runs
    ADD CONSTRAINT uq_runs_trial_id_replicate UNIQUE (trial_id, replicate);
ALTER TABLE ONLY rampline.sweeps
    ADD CONSTRAINT uq_sweeps_team_id_idempotency_key UNIQUE (team_id, idempotency_key);
ALTER TABLE ONLY rampline.teams
    ADD CONSTRAINT uq_teams_name UNIQUE (name);
ALTER TABLE ONLY rampline.tokens
    ADD CONSTRAINT uq_tokens_digest UNIQUE (digest);
ALTER TABLE ONLY rampline.trials
    ADD CONSTRAINT uq_trials_sweep_id_end_number UNIQUE (sweep_id, end_number);
ALTER TABLE ONLY rampline.trials
    ADD CONSTRAINT uq_trials_sweep_id_number UNIQUE (sweep_id, number);
ALTER TABLE ONLY rampline.trials
    ADD CONSTRAINT uq_trials_sweep_id_optuna_number UNIQUE (sweep_id, optuna_number);
ALTER TABLE ONLY rampline.uploads
    ADD CONSTRAINT uq_uploads_team_id_name UNIQUE (team_id, name);
ALTER TABLE ONLY rampline.users
    ADD CONSTRAINT uq_users_team_id_name UNIQUE (team_id, name);
CREATE INDEX ix_attempts_lost ON rampline.attempts USING btree (run_id) WHERE ((outcome)::text = 'lost'::text);
CREATE INDEX ix_attempts_worker_id ON rampline.attempts USING btree (worker_id);
CREATE INDEX ix_corpora_name ON rampline.corpora USING btree (name);
CREATE INDEX ix_events_at ON rampline.events USING btree (at);
CREATE INDEX ix_events_sweep_id_id ON rampline.events USING btree (sweep_id, id);
CREATE INDEX ix_runs_held ON rampline.runs USING btree (worker_id) WHERE ((state)::text = 'running'::text);
CREATE INDEX ix_runs_leased ON rampline.runs USING btree (lease_expires_at) WHERE ((state)::text = 'running'::text);
CREATE INDEX ix_runs_queued ON rampline.runs USING btree (priority DESC, sweep_id, id) WHERE ((state)::text = 'queued'::text);
CREATE INDEX ix_runs_queued_shape ON rampline.runs USING btree (shape, priority DESC, sweep_id, id) WHERE ((state)::text = 'queued'::text);
CREATE INDEX ix_runs_queued_suspected ON rampline.runs USING btree (priority DESC, sweep_id, id) WHERE (((state)::text = 'queued'::text) AND (losses >= 2));
CREATE INDEX ix_runs_queued_trunk ON rampline.runs USING btree (trunk, id) WHERE ((state)::text = 'queued'::text);
CREATE INDEX ix_runs_sweep_id_state ON rampline.runs USING btree (sweep_id, state);
CREATE INDEX ix_runs_to_track ON rampline.runs USING btree (ended_at) WHERE to_track;
CREATE INDEX ix_sweeps_asking ON rampline.sweeps USING btree (priority DESC, id) WHERE asking;
CREATE INDEX ix_sweeps_state_id ON rampline.sweeps USING btree (state, id);
CREATE INDEX ix_sweeps_team_id_id ON rampline.sweeps USING btree (team_id, id);
CREATE INDEX ix_sweeps_to_track ON rampline.sweeps USING btree (id) WHERE to_track;
CREATE INDEX ix_sweeps_user_id ON rampline.sweeps USING btree (user_id);
CREATE INDEX ix_tokens_user_id ON rampline.tokens USING btree (user_id);
CREATE INDEX ix_trials_sweep_id_state ON rampline.trials USING btree (sweep_id, state);
CREATE INDEX ix_trials_sweep_id_value ON rampline.trials USING btree (sweep_id, value);
CREATE INDEX ix_trials_to_tell ON rampline.trials USING btree (sweep_id, number) WHERE to_tell;
CREATE INDEX ix_uploads_user_id ON rampline.uploads USING btree (user_id);
CREATE INDEX ix_workers_left_at_last_seen_at ON rampline.workers USING btree (left_at, last_seen_at);
ALTER TABLE ONLY rampline.attempts
    ADD CONSTRAINT fk_attempts_run_id_runs FOREIGN KEY (run_id) REFERENCES rampline.runs(id);
ALTER TABLE ONLY rampline.attempts
    ADD CONSTRAINT fk_attempts_worker_id_workers FOREIGN KEY (worker_id) REFERENCES rampline.workers(id);
ALTER TABLE ONLY rampline.events
    ADD CONSTRAINT fk_events_sweep_id_sweeps FOREIGN KEY (sweep_id) REFERENCES rampline.sweeps(id);
ALTER TABLE ONLY rampline.events
    ADD CONSTRAINT fk_events_user_id_users FOREIGN KEY (user_id) REFERENCES rampline.users(id);
ALTER TABLE ONLY rampline.runs
    ADD CONSTRAINT fk_runs_sweep_id_sweeps FOREIGN KEY (sweep_id) REFERENCES rampline.sweeps(id);
ALTER TABLE ONLY rampline.runs
    ADD CONSTRAINT fk_runs_trial_id_trials FOREIGN KEY (trial_id) REFERENCES rampline.trials(id);
ALTER TABLE ONLY rampline.runs
    ADD CONSTRAINT fk_runs_worker_id_workers FOREIGN KEY (worker_id) REFERENCES rampline.workers(id);
ALTER TABLE ONLY rampline.sweeps
    ADD CONSTRAINT fk_sweeps_corpus_corpora FOREIGN KEY (corpus) REFERENCES rampline.corpora(digest);
ALTER TABLE ONLY rampline.sweeps
    ADD CONSTRAINT fk_sweeps_team_id_teams FOREIGN KEY (team_id) REFERENCES rampline.teams(id);
ALTER TABLE ONLY rampline.sweeps
    ADD CONSTRAINT fk_sweeps_user_id_users FOREIGN KEY (user_id) REFERENCES rampline.users(id);
ALTER TABLE ONLY rampline.tokens
    ADD CONSTRAINT fk_tokens_user_id_users FOREIGN KEY (user_id) REFERENCES rampline.users(id);
ALTER TABLE ONLY rampline.trials
    ADD CONSTRAINT fk_trials_sweep_id_sweeps FOREIGN KEY (sweep_id) REFERENCES rampline.sweeps(id);
ALTER TABLE ONLY rampline.uploads
    ADD CONSTRAINT fk_uploads_team_id_teams FOREIGN KEY (team_id) REFERENCES rampline.teams(id);
ALTER TABLE ONLY rampline.uploads
    ADD CONSTRAINT fk_uploads_user_id_users FOREIGN KEY (user_id) REFERENCES rampline.users(id);
ALTER TABLE ONLY rampline.users
    ADD CONSTRAINT fk_users_team_id_teams FOREIGN KEY (team_id) REFERENCES rampline.teams(id);
ALTER TABLE ONLY rampline.val_points
    ADD CONSTRAINT fk_val_points_run_id_runs FOREIGN KEY (run_id) REFERENCES rampline.runs(id);
