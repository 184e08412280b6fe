BEGIN TRANSACTION;
CREATE TABLE attempts (
	run_id INTEGER NOT NULL, 
	number BIGINT NOT NULL, 
	worker_id INTEGER NOT NULL, 
	fence BIGINT NOT NULL, 
	resumed_from BIGINT DEFAULT '0' NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	note TEXT, 
	started_at DATETIME NOT NULL, 
	ended_at DATETIME, 
	outcome VARCHAR(16), 
	error TEXT, 
	CONSTRAINT pk_attempts PRIMARY KEY (run_id, number), 
	CONSTRAINT ck_attempts_outcome CHECK (outcome IN ('completed', 'pruned', 'diverged', 'out_of_memory', 'crash', 'bad_data', 'cancelled', 'released', 'lost')), 
	CONSTRAINT fk_attempts_run_id_runs FOREIGN KEY(run_id) REFERENCES runs (id), 
	CONSTRAINT fk_attempts_worker_id_workers FOREIGN KEY(worker_id) REFERENCES workers (id)
);
INSERT INTO "attempts" VALUES(1,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000','completed',NULL);
INSERT INTO "attempts" VALUES(2,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000','completed',NULL);
INSERT INTO "attempts" VALUES(3,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000','completed',NULL);
INSERT INTO "attempts" VALUES(4,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000','completed',NULL);
INSERT INTO "attempts" VALUES(5,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000','completed',NULL);
INSERT INTO "attempts" VALUES(6,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000','completed',NULL);
INSERT INTO "attempts" VALUES(7,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000','completed',NULL);
INSERT INTO "attempts" VALUES(8,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000','completed',NULL);
INSERT INTO "attempts" VALUES(9,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000','completed',NULL);
INSERT INTO "attempts" VALUES(10,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000','completed',NULL);
INSERT INTO "attempts" VALUES(11,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000','completed',NULL);
INSERT INTO "attempts" VALUES(12,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000','completed',NULL);
INSERT INTO "attempts" VALUES(13,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.545000','diverged',NULL);
INSERT INTO "attempts" VALUES(14,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.545000','diverged',NULL);
INSERT INTO "attempts" VALUES(15,1,1,1,0,20,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.545000','diverged',NULL);
INSERT INTO "attempts" VALUES(16,1,1,1,0,7,NULL,'2026-11-22 06:16:50.155000','2026-11-22 06:16:50.635000','crash','a fault');
INSERT INTO "attempts" VALUES(16,2,1,2,0,7,NULL,'2026-11-22 06:16:50.713000','2026-11-22 06:16:50.767000','crash','a fault');
INSERT INTO "attempts" VALUES(16,3,1,3,0,7,NULL,'2026-11-22 06:16:50.837000','2026-11-22 06:16:50.893000','crash','a fault');
INSERT INTO "attempts" VALUES(17,1,1,1,0,20,NULL,'2026-11-22 06:16:52.051000','2026-11-22 06:16:52.117000','pruned',NULL);
INSERT INTO "attempts" VALUES(18,1,1,1,0,20,NULL,'2026-11-22 06:16:52.051000','2026-11-22 06:16:52.117000','completed',NULL);
INSERT INTO "attempts" VALUES(19,1,1,1,0,20,NULL,'2026-11-22 06:16:52.051000','2026-11-22 06:16:52.117000','completed',NULL);
INSERT INTO "attempts" VALUES(20,1,1,1,0,20,NULL,'2026-11-22 06:16:52.051000','2026-11-22 06:16:52.117000','completed',NULL);
INSERT INTO "attempts" VALUES(21,1,1,1,0,20,NULL,'2026-11-22 06:16:53.811000','2026-11-22 06:16:53.850000','completed',NULL);
INSERT INTO "attempts" VALUES(22,1,1,1,0,20,NULL,'2026-11-22 06:16:53.811000','2026-11-22 06:16:53.850000','completed',NULL);
INSERT INTO "attempts" VALUES(23,1,2,1,0,0,NULL,'2026-11-22 06:16:55.185000','2026-11-22 06:16:55.243000','bad_data','no text');
INSERT INTO "attempts" VALUES(24,1,3,1,0,0,NULL,'2026-11-22 06:16:55.354000','2026-11-22 06:16:55.441000','lost','nothing was heard of its worker for longer than its lease');
INSERT INTO "attempts" VALUES(24,2,4,2,0,0,NULL,'2026-11-22 06:16:55.441000','2026-11-22 06:16:55.537000','lost','nothing was heard of its worker for longer than its lease');
INSERT INTO "attempts" VALUES(24,3,5,3,0,0,NULL,'2026-11-22 06:16:55.537000','2026-11-22 06:16:55.603000','lost','nothing was heard of its worker for longer than its lease');
INSERT INTO "attempts" VALUES(25,1,2,1,0,20,NULL,'2026-11-22 06:16:55.720000','2026-11-22 06:16:55.796000','completed',NULL);
INSERT INTO "attempts" VALUES(26,1,2,1,0,9,NULL,'2026-11-22 06:16:55.720000','2026-11-22 06:16:55.818000','cancelled',NULL);
INSERT INTO "attempts" VALUES(27,1,2,1,0,9,NULL,'2026-11-22 06:16:55.720000','2026-11-22 06:16:55.818000','cancelled',NULL);
INSERT INTO "attempts" VALUES(28,1,2,1,0,9,NULL,'2026-11-22 06:16:55.720000','2026-11-22 06:16:55.818000','cancelled',NULL);
INSERT INTO "attempts" VALUES(33,1,1,1,0,5,NULL,'2026-11-22 06:16:55.918000','2026-11-22 06:16:56.017000','lost','nothing was heard of its worker for longer than its lease');
INSERT INTO "attempts" VALUES(34,1,1,1,0,5,NULL,'2026-11-22 06:16:55.918000','2026-11-22 06:16:56.017000','lost','nothing was heard of its worker for longer than its lease');
INSERT INTO "attempts" VALUES(35,1,1,1,0,5,NULL,'2026-11-22 06:16:55.918000','2026-11-22 06:16:56.017000','lost','nothing was heard of its worker for longer than its lease');
INSERT INTO "attempts" VALUES(33,2,2,2,0,20,NULL,'2026-11-22 06:16:56.017000','2026-11-22 06:16:56.158000','completed',NULL);
INSERT INTO "attempts" VALUES(34,2,2,2,0,20,NULL,'2026-11-22 06:16:56.017000','2026-11-22 06:16:56.158000','completed',NULL);
INSERT INTO "attempts" VALUES(35,2,2,2,0,11,NULL,'2026-11-22 06:16:56.017000','2026-11-22 06:16:56.245000','released','its worker gave it back');
INSERT INTO "attempts" VALUES(36,1,2,1,0,0,NULL,'2026-11-22 06:16:56.017000',NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(37,1,2,1,0,0,NULL,'2026-11-22 06:16:56.017000',NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(38,1,2,1,0,0,NULL,'2026-11-22 06:16:56.017000',NULL,NULL,NULL);
CREATE TABLE corpora (
	digest VARCHAR(64) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	size BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_corpora PRIMARY KEY (digest)
);
INSERT INTO "corpora" VALUES('a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584','file:words.txt',16400,'2026-11-22 06:16:49.944000');
CREATE TABLE events (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	kind VARCHAR(40) NOT NULL, 
	sweep_id INTEGER, 
	user_id INTEGER, 
	detail JSON NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT fk_events_sweep_id_sweeps FOREIGN KEY(sweep_id) REFERENCES sweeps (id), 
	CONSTRAINT fk_events_user_id_users FOREIGN KEY(user_id) REFERENCES users (id)
);
INSERT INTO "events" VALUES(1,'2026-11-22 06:16:49.941000','sweep.submitted',1,1,'{}');
INSERT INTO "events" VALUES(2,'2026-11-22 06:16:51.045000','sweep.submitted',2,1,'{}');
INSERT INTO "events" VALUES(3,'2026-11-22 06:16:55.141000','sweep.submitted',3,1,'{}');
INSERT INTO "events" VALUES(4,'2026-11-22 06:16:55.294000','sweep.submitted',4,1,'{}');
INSERT INTO "events" VALUES(5,'2026-11-22 06:16:55.671000','sweep.submitted',5,1,'{}');
INSERT INTO "events" VALUES(6,'2026-11-22 06:16:55.818000','sweep.cancelled',5,1,'{}');
INSERT INTO "events" VALUES(7,'2026-11-22 06:16:55.875000','sweep.submitted',6,1,'{}');
INSERT INTO "events" VALUES(8,'2026-11-22 06:16:56.297000','sweep.submitted',7,1,'{}');
CREATE TABLE rampline_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT rampline_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "rampline_alembic_version" VALUES('0001');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	sweep_id INTEGER NOT NULL, 
	trial_id INTEGER NOT NULL, 
	trunk VARCHAR(40) NOT NULL, 
	replicate BIGINT NOT NULL, 
	seed BIGINT NOT NULL, 
	shape VARCHAR(200) NOT NULL, 
	priority BIGINT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	step BIGINT DEFAULT '0' NOT NULL, 
	total_steps BIGINT NOT NULL, 
	value FLOAT, 
	best_value FLOAT, 
	initial_value FLOAT, 
	train_loss FLOAT, 
	diverged_at BIGINT, 
	cause VARCHAR(16), 
	error TEXT, 
	losses BIGINT DEFAULT '0' NOT NULL, 
	furthest BIGINT DEFAULT '0' NOT NULL, 
	stride BIGINT DEFAULT '0' NOT NULL, 
	lane_share FLOAT DEFAULT '0' NOT NULL, 
	attempt BIGINT DEFAULT '0' NOT NULL, 
	fence BIGINT DEFAULT '0' NOT NULL, 
	worker_id INTEGER, 
	lease_expires_at DATETIME, 
	mlflow_run_id VARCHAR(64), 
	to_track BOOLEAN DEFAULT 0 NOT NULL, 
	created_at DATETIME NOT NULL, 
	started_at DATETIME, 
	ended_at DATETIME, 
	CONSTRAINT pk_runs PRIMARY KEY (id), 
	CONSTRAINT ck_runs_state CHECK (state IN ('queued', 'running', 'completed', 'pruned', 'diverged', 'failed', 'cancelled')), 
	CONSTRAINT ck_runs_cause CHECK (cause IN ('out_of_memory', 'crash', 'bad_data', 'quarantined')), 
	CONSTRAINT fk_runs_sweep_id_sweeps FOREIGN KEY(sweep_id) REFERENCES sweeps (id), 
	CONSTRAINT fk_runs_trial_id_trials FOREIGN KEY(trial_id) REFERENCES trials (id), 
	CONSTRAINT fk_runs_worker_id_workers FOREIGN KEY(worker_id) REFERENCES workers (id), 
	CONSTRAINT uq_runs_trial_id_replicate UNIQUE (trial_id, replicate)
);
INSERT INTO "runs" VALUES(1,1,1,'30d37d2adc0abc63552d0be45e00fa54-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.0,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.329000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000');
INSERT INTO "runs" VALUES(2,1,5,'30d37d2adc0abc63552d0be45e00fa54-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.04,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.329000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000');
INSERT INTO "runs" VALUES(3,1,1,'30d37d2adc0abc63552d0be45e00fa54-1',1,1,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.001,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.329000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000');
INSERT INTO "runs" VALUES(4,1,5,'30d37d2adc0abc63552d0be45e00fa54-1',1,1,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.041,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.329000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000');
INSERT INTO "runs" VALUES(5,1,2,'41d8ba041b0ef585c11d5b57c316b754-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.01,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.329000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000');
INSERT INTO "runs" VALUES(6,1,6,'41d8ba041b0ef585c11d5b57c316b754-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.05,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.329000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000');
INSERT INTO "runs" VALUES(7,1,2,'41d8ba041b0ef585c11d5b57c316b754-1',1,1,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.0109999999999996767e+00,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.329000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000');
INSERT INTO "runs" VALUES(8,1,6,'41d8ba041b0ef585c11d5b57c316b754-1',1,1,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.05099999999999971223e+00,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.329000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000');
INSERT INTO "runs" VALUES(9,1,3,'8251c39ddd9679dc92772f6561b226f3-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.02,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.329000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000');
INSERT INTO "runs" VALUES(10,1,7,'8251c39ddd9679dc92772f6561b226f3-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.06,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.329000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000');
INSERT INTO "runs" VALUES(11,1,3,'8251c39ddd9679dc92772f6561b226f3-1',1,1,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.021,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.329000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000');
INSERT INTO "runs" VALUES(12,1,7,'8251c39ddd9679dc92772f6561b226f3-1',1,1,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.061,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.329000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.329000');
INSERT INTO "runs" VALUES(13,1,4,'355fd3203add23254167393207e12aff-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'diverged',20,20,NULL,2.0,5.5,3.0,3,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.545000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.545000');
INSERT INTO "runs" VALUES(14,1,8,'355fd3203add23254167393207e12aff-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'diverged',20,20,NULL,2.0,5.5,3.0,3,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.545000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.545000');
INSERT INTO "runs" VALUES(15,1,4,'355fd3203add23254167393207e12aff-1',1,1,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'diverged',20,20,NULL,2.0,5.5,3.0,3,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:50.545000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.155000','2026-11-22 06:16:50.545000');
INSERT INTO "runs" VALUES(16,1,8,'355fd3203add23254167393207e12aff-1',1,1,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'failed',7,20,NULL,2.0,5.5,3.0,NULL,'crash','a fault',0,0,0,0.0,3,3,1,'2026-11-22 06:17:50.893000',NULL,1,'2026-11-22 06:16:49.975000','2026-11-22 06:16:50.837000','2026-11-22 06:16:50.893000');
INSERT INTO "runs" VALUES(17,2,9,'d99a93e4f8104ef98ab2c11ec4fe13ba-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'pruned',20,20,3.0,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:52.117000',NULL,1,'2026-11-22 06:16:52.023000','2026-11-22 06:16:52.051000','2026-11-22 06:16:52.117000');
INSERT INTO "runs" VALUES(18,2,10,'58fa00704bd77f15038cd5a097401679-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.01,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:52.117000',NULL,1,'2026-11-22 06:16:52.023000','2026-11-22 06:16:52.051000','2026-11-22 06:16:52.117000');
INSERT INTO "runs" VALUES(19,2,11,'88214d2b8107d58e98f522b24ffaa023-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.02,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:52.117000',NULL,1,'2026-11-22 06:16:52.023000','2026-11-22 06:16:52.051000','2026-11-22 06:16:52.117000');
INSERT INTO "runs" VALUES(20,2,12,'894dc0e76e95cfe8bdf28dfa31226d80-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.03,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:52.117000',NULL,1,'2026-11-22 06:16:52.023000','2026-11-22 06:16:52.051000','2026-11-22 06:16:52.117000');
INSERT INTO "runs" VALUES(21,2,13,'36997442676c307d781a514471645ae5-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.04,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:53.850000',NULL,1,'2026-11-22 06:16:53.790000','2026-11-22 06:16:53.811000','2026-11-22 06:16:53.850000');
INSERT INTO "runs" VALUES(22,2,14,'bdaec55a10ab78051f4592403e2fe54e-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.05,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,1,'2026-11-22 06:17:53.850000',NULL,1,'2026-11-22 06:16:53.790000','2026-11-22 06:16:53.811000','2026-11-22 06:16:53.850000');
INSERT INTO "runs" VALUES(23,3,15,'e47a893c4cc023fd17a3ee66e6029381-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'failed',0,20,NULL,3.0,3.0,3.0,NULL,'bad_data','no text',0,0,0,0.0,1,1,2,'2026-11-22 06:17:55.243000',NULL,1,'2026-11-22 06:16:55.145000','2026-11-22 06:16:55.185000','2026-11-22 06:16:55.243000');
INSERT INTO "runs" VALUES(24,4,16,'0fa18d861b345fd2d13eb9d82bd179a5-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'failed',0,20,NULL,NULL,NULL,NULL,NULL,'quarantined','quarantined: 3 workers in a row were lost while they trained it, the last one while it trained nothing else: attempt 1 on host:1, after update 0 of 20, at 2026-11-22 06:16:55 UTC; attempt 2 on host:1, after update 0 of 20, at 2026-11-22 06:16:55 UTC; attempt 3 on host:1, after update 0 of 20, at 2026-11-22 06:16:55 UTC',3,0,0,0.0,3,3,5,NULL,NULL,1,'2026-11-22 06:16:55.295000','2026-11-22 06:16:55.537000','2026-11-22 06:16:55.603000');
INSERT INTO "runs" VALUES(25,5,17,'c1faecb4fcc4e797cb7a4ff8e2c68855-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'completed',20,20,3.0,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,2,'2026-11-22 06:17:55.796000',NULL,1,'2026-11-22 06:16:55.674000','2026-11-22 06:16:55.720000','2026-11-22 06:16:55.796000');
INSERT INTO "runs" VALUES(26,5,21,'c1faecb4fcc4e797cb7a4ff8e2c68855-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'cancelled',9,20,NULL,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,2,'2026-11-22 06:17:55.774000',NULL,1,'2026-11-22 06:16:55.674000','2026-11-22 06:16:55.720000','2026-11-22 06:16:55.818000');
INSERT INTO "runs" VALUES(27,5,18,'0286a45d6fddd819c570711083e202a5-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'cancelled',9,20,NULL,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,2,'2026-11-22 06:17:55.774000',NULL,1,'2026-11-22 06:16:55.674000','2026-11-22 06:16:55.720000','2026-11-22 06:16:55.818000');
INSERT INTO "runs" VALUES(28,5,22,'0286a45d6fddd819c570711083e202a5-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'cancelled',9,20,NULL,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.0,1,1,2,'2026-11-22 06:17:55.774000',NULL,1,'2026-11-22 06:16:55.674000','2026-11-22 06:16:55.720000','2026-11-22 06:16:55.818000');
INSERT INTO "runs" VALUES(29,5,19,'5f471a5ed185732c7c1daaccfcc0f19e-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'cancelled',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:55.674000',NULL,'2026-11-22 06:16:55.818000');
INSERT INTO "runs" VALUES(30,5,23,'5f471a5ed185732c7c1daaccfcc0f19e-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'cancelled',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:55.674000',NULL,'2026-11-22 06:16:55.818000');
INSERT INTO "runs" VALUES(31,5,20,'d4920d55ceda7857932586bf8da7aa4f-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'cancelled',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:55.674000',NULL,'2026-11-22 06:16:55.818000');
INSERT INTO "runs" VALUES(32,5,24,'d4920d55ceda7857932586bf8da7aa4f-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',0,'cancelled',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:55.674000',NULL,'2026-11-22 06:16:55.818000');
INSERT INTO "runs" VALUES(33,6,25,'9730629a2cf671cea5c4be447a483806-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',2,'completed',20,20,3.0,2.0,5.5,3.0,NULL,NULL,NULL,0,5,9,0.0,2,2,2,'2026-11-22 06:17:56.158000',NULL,1,'2026-11-22 06:16:55.888000','2026-11-22 06:16:56.017000','2026-11-22 06:16:56.158000');
INSERT INTO "runs" VALUES(34,6,29,'9730629a2cf671cea5c4be447a483806-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',2,'completed',20,20,3.04,2.0,5.5,3.0,NULL,NULL,NULL,0,5,9,0.0,2,2,2,'2026-11-22 06:17:56.158000',NULL,1,'2026-11-22 06:16:55.888000','2026-11-22 06:16:56.017000','2026-11-22 06:16:56.158000');
INSERT INTO "runs" VALUES(35,6,26,'6ff65c45f136594387ef288cd8ed045a-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',2,'queued',0,20,NULL,2.0,5.5,3.0,NULL,NULL,NULL,0,5,0,0.0,2,2,NULL,NULL,NULL,0,'2026-11-22 06:16:55.888000','2026-11-22 06:16:56.017000',NULL);
INSERT INTO "runs" VALUES(36,6,30,'6ff65c45f136594387ef288cd8ed045a-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',2,'running',11,20,NULL,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.5,1,1,2,'2026-11-22 06:17:56.119000',NULL,0,'2026-11-22 06:16:55.888000','2026-11-22 06:16:56.017000',NULL);
INSERT INTO "runs" VALUES(37,6,27,'7bfeabe57e5187c84173c1631a1d89a3-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',2,'running',11,20,NULL,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.5,1,1,2,'2026-11-22 06:17:56.119000',NULL,0,'2026-11-22 06:16:55.888000','2026-11-22 06:16:56.017000',NULL);
INSERT INTO "runs" VALUES(38,6,31,'7bfeabe57e5187c84173c1631a1d89a3-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',2,'running',11,20,NULL,2.0,5.5,3.0,NULL,NULL,NULL,0,0,0,0.5,1,1,2,'2026-11-22 06:17:56.119000',NULL,0,'2026-11-22 06:16:55.888000','2026-11-22 06:16:56.017000',NULL);
INSERT INTO "runs" VALUES(39,6,28,'d1942641beae092116d8a74b11f66948-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',2,'queued',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:55.888000',NULL,NULL);
INSERT INTO "runs" VALUES(40,6,32,'d1942641beae092116d8a74b11f66948-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',2,'queued',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:55.888000',NULL,NULL);
INSERT INTO "runs" VALUES(41,7,33,'a1dd0e2d5186994f64ad96a692fa92f0-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',-1,'queued',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:56.311000',NULL,NULL);
INSERT INTO "runs" VALUES(42,7,37,'a1dd0e2d5186994f64ad96a692fa92f0-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',-1,'queued',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:56.311000',NULL,NULL);
INSERT INTO "runs" VALUES(43,7,34,'513ef755d183396f97610acbb9946a0b-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',-1,'queued',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:56.311000',NULL,NULL);
INSERT INTO "runs" VALUES(44,7,38,'513ef755d183396f97610acbb9946a0b-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',-1,'queued',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:56.311000',NULL,NULL);
INSERT INTO "runs" VALUES(45,7,35,'6358c0f237713cc38a435e966d0f29c8-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',-1,'queued',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:56.311000',NULL,NULL);
INSERT INTO "runs" VALUES(46,7,39,'6358c0f237713cc38a435e966d0f29c8-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',-1,'queued',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:56.311000',NULL,NULL);
INSERT INTO "runs" VALUES(47,7,36,'ef7b095634817df3ff6df70c8df97ff3-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',-1,'queued',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:56.311000',NULL,NULL);
INSERT INTO "runs" VALUES(48,7,40,'ef7b095634817df3ff6df70c8df97ff3-0',0,0,'d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32',-1,'queued',0,20,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,0,0,0.0,0,0,NULL,NULL,NULL,0,'2026-11-22 06:16:56.311000',NULL,NULL);
CREATE TABLE sweeps (
	id INTEGER NOT NULL, 
	team_id INTEGER NOT NULL, 
	user_id INTEGER NOT NULL, 
	name VARCHAR(120) NOT NULL, 
	spec JSON NOT NULL, 
	findings JSON NOT NULL, 
	shape VARCHAR(200) NOT NULL, 
	corpus VARCHAR(64) NOT NULL, 
	priority BIGINT NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	trials_total BIGINT NOT NULL, 
	trials_made BIGINT NOT NULL, 
	trials_ended BIGINT DEFAULT '0' NOT NULL, 
	updates_total BIGINT NOT NULL, 
	idempotency_key VARCHAR(255), 
	mlflow_experiment_id VARCHAR(64), 
	mlflow_run_id VARCHAR(64), 
	asking BOOLEAN DEFAULT 0 NOT NULL, 
	to_track BOOLEAN DEFAULT 1 NOT NULL, 
	created_at DATETIME NOT NULL, 
	finished_at DATETIME, 
	CONSTRAINT pk_sweeps PRIMARY KEY (id), 
	CONSTRAINT ck_sweeps_state CHECK (state IN ('queued', 'running', 'paused', 'completed', 'failed', 'cancelled')), 
	CONSTRAINT ck_sweeps_trials CHECK (trials_made <= trials_total), 
	CONSTRAINT fk_sweeps_corpus_corpora FOREIGN KEY(corpus) REFERENCES corpora (digest), 
	CONSTRAINT fk_sweeps_team_id_teams FOREIGN KEY(team_id) REFERENCES teams (id), 
	CONSTRAINT fk_sweeps_user_id_users FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_sweeps_team_id_idempotency_key UNIQUE (team_id, idempotency_key)
);
INSERT INTO "sweeps" VALUES(1,1,1,'grid','{"name": "grid", "space": {"schedule": ["linear", "cosine"], "warmup_steps": {"values": [2, 4], "low": null, "high": null, "log": false}, "peak_lr": {"values": [0.001, 0.01], "low": null, "high": null, "log": false}, "factor": null, "optimizer.weight_decay": null, "optimizer.grad_clip": null, "optimizer.betas": null}, "sampler": {"type": "grid", "seed": 0}, "pruner": {"type": "none"}, "trials": null, "total_steps": {"values": [20]}, "replicates": 2, "eval_every": null, "objective": {"metric": "val_loss", "mode": "last"}, "model": {"d_model": 64, "n_layers": 2, "n_heads": 4, "d_ff": null, "context": 64, "norm": "pre", "activation": "gelu", "positions": "learned", "tie_embeddings": true, "dropout": 0.0, "precision": "fp32"}, "optimizer": {"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}, "data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "seed": 0, "priority": 0}','[{"code": "warmup-short-for-beta2", "severity": "warning", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021) (and 7 more like it)", "suggestion": "warm up for 100 updates, or use a smaller beta2"}]','d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32','a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584',0,'completed',8,8,8,320,NULL,NULL,NULL,0,1,'2026-11-22 06:16:49.941000','2026-11-22 06:16:50.942000');
INSERT INTO "sweeps" VALUES(2,1,1,'random','{"name": "random", "space": {"schedule": ["noam", "linear", "wsd"], "warmup_steps": {"values": null, "low": 2, "high": 10, "log": false}, "peak_lr": {"values": null, "low": 0.0001, "high": 0.1, "log": true}, "factor": {"values": null, "low": 0.5, "high": 2.0, "log": false}, "optimizer.weight_decay": null, "optimizer.grad_clip": null, "optimizer.betas": null}, "sampler": {"type": "random", "seed": 0}, "pruner": {"type": "none"}, "trials": 6, "total_steps": {"values": [20]}, "replicates": 1, "eval_every": null, "objective": {"metric": "val_loss", "mode": "last"}, "model": {"d_model": 64, "n_layers": 2, "n_heads": 4, "d_ff": null, "context": 64, "norm": "pre", "activation": "gelu", "positions": "learned", "tie_embeddings": true, "dropout": 0.0, "precision": "fp32"}, "optimizer": {"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}, "data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "seed": 0, "priority": 0}','[{"code": "warmup-short-for-beta2", "severity": "warning", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021) (and 11 more like it)", "suggestion": "warm up for 100 updates, or use a smaller beta2"}, {"code": "never-anneals", "severity": "warning", "field": "total_steps", "message": "the last update still trains at 71% of the peak (and 1 more like it)", "suggestion": "let the decay end with the run: check total_steps, horizon, milestones and decay_rate"}]','d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32','a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584',0,'completed',6,6,6,120,NULL,NULL,NULL,0,1,'2026-11-22 06:16:51.045000','2026-11-22 06:16:53.874000');
INSERT INTO "sweeps" VALUES(3,1,1,'grid','{"name": "grid", "space": {"schedule": ["linear"], "warmup_steps": {"values": [2], "low": null, "high": null, "log": false}, "peak_lr": {"values": [0.001], "low": null, "high": null, "log": false}, "factor": null, "optimizer.weight_decay": null, "optimizer.grad_clip": null, "optimizer.betas": null}, "sampler": {"type": "grid", "seed": 0}, "pruner": {"type": "none"}, "trials": null, "total_steps": {"values": [20]}, "replicates": 1, "eval_every": null, "objective": {"metric": "val_loss", "mode": "last"}, "model": {"d_model": 64, "n_layers": 2, "n_heads": 4, "d_ff": null, "context": 64, "norm": "pre", "activation": "gelu", "positions": "learned", "tie_embeddings": true, "dropout": 0.0, "precision": "fp32"}, "optimizer": {"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}, "data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "seed": 0, "priority": 0}','[{"code": "warmup-short-for-beta2", "severity": "warning", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021)", "suggestion": "warm up for 100 updates, or use a smaller beta2"}]','d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32','a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584',0,'failed',1,1,1,20,NULL,NULL,NULL,0,1,'2026-11-22 06:16:55.141000','2026-11-22 06:16:55.279000');
INSERT INTO "sweeps" VALUES(4,1,1,'poison','{"name": "poison", "space": {"schedule": ["linear"], "warmup_steps": {"values": [2], "low": null, "high": null, "log": false}, "peak_lr": {"values": [0.001], "low": null, "high": null, "log": false}, "factor": null, "optimizer.weight_decay": null, "optimizer.grad_clip": null, "optimizer.betas": null}, "sampler": {"type": "grid", "seed": 0}, "pruner": {"type": "none"}, "trials": null, "total_steps": {"values": [20]}, "replicates": 1, "eval_every": null, "objective": {"metric": "val_loss", "mode": "last"}, "model": {"d_model": 64, "n_layers": 2, "n_heads": 4, "d_ff": null, "context": 64, "norm": "pre", "activation": "gelu", "positions": "learned", "tie_embeddings": true, "dropout": 0.0, "precision": "fp32"}, "optimizer": {"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}, "data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "seed": 0, "priority": 0}','[{"code": "warmup-short-for-beta2", "severity": "warning", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021)", "suggestion": "warm up for 100 updates, or use a smaller beta2"}]','d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32','a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584',0,'failed',1,1,1,20,NULL,NULL,NULL,0,1,'2026-11-22 06:16:55.294000','2026-11-22 06:16:55.635000');
INSERT INTO "sweeps" VALUES(5,1,1,'cancelled','{"name": "cancelled", "space": {"schedule": ["linear", "cosine"], "warmup_steps": {"values": [2, 4], "low": null, "high": null, "log": false}, "peak_lr": {"values": [0.001, 0.01], "low": null, "high": null, "log": false}, "factor": null, "optimizer.weight_decay": null, "optimizer.grad_clip": null, "optimizer.betas": null}, "sampler": {"type": "grid", "seed": 0}, "pruner": {"type": "none"}, "trials": null, "total_steps": {"values": [20]}, "replicates": 1, "eval_every": null, "objective": {"metric": "val_loss", "mode": "last"}, "model": {"d_model": 64, "n_layers": 2, "n_heads": 4, "d_ff": null, "context": 64, "norm": "pre", "activation": "gelu", "positions": "learned", "tie_embeddings": true, "dropout": 0.0, "precision": "fp32"}, "optimizer": {"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}, "data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "seed": 0, "priority": 0}','[{"code": "warmup-short-for-beta2", "severity": "warning", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021) (and 7 more like it)", "suggestion": "warm up for 100 updates, or use a smaller beta2"}]','d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32','a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584',0,'cancelled',8,8,1,160,NULL,NULL,NULL,0,1,'2026-11-22 06:16:55.671000','2026-11-22 06:16:55.818000');
INSERT INTO "sweeps" VALUES(6,1,1,'going','{"name": "going", "space": {"schedule": ["linear", "cosine"], "warmup_steps": {"values": [2, 4], "low": null, "high": null, "log": false}, "peak_lr": {"values": [0.001, 0.01], "low": null, "high": null, "log": false}, "factor": null, "optimizer.weight_decay": null, "optimizer.grad_clip": null, "optimizer.betas": null}, "sampler": {"type": "grid", "seed": 0}, "pruner": {"type": "none"}, "trials": null, "total_steps": {"values": [20]}, "replicates": 1, "eval_every": null, "objective": {"metric": "val_loss", "mode": "last"}, "model": {"d_model": 64, "n_layers": 2, "n_heads": 4, "d_ff": null, "context": 64, "norm": "pre", "activation": "gelu", "positions": "learned", "tie_embeddings": true, "dropout": 0.0, "precision": "fp32"}, "optimizer": {"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}, "data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "seed": 0, "priority": 2}','[{"code": "warmup-short-for-beta2", "severity": "warning", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021) (and 7 more like it)", "suggestion": "warm up for 100 updates, or use a smaller beta2"}]','d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32','a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584',2,'running',8,8,2,160,NULL,NULL,NULL,0,1,'2026-11-22 06:16:55.875000',NULL);
INSERT INTO "sweeps" VALUES(7,1,1,'queued','{"name": "queued", "space": {"schedule": ["linear", "cosine"], "warmup_steps": {"values": [2, 4], "low": null, "high": null, "log": false}, "peak_lr": {"values": [0.001, 0.01], "low": null, "high": null, "log": false}, "factor": null, "optimizer.weight_decay": null, "optimizer.grad_clip": null, "optimizer.betas": null}, "sampler": {"type": "grid", "seed": 0}, "pruner": {"type": "none"}, "trials": null, "total_steps": {"values": [20]}, "replicates": 1, "eval_every": null, "objective": {"metric": "val_loss", "mode": "last"}, "model": {"d_model": 64, "n_layers": 2, "n_heads": 4, "d_ff": null, "context": 64, "norm": "pre", "activation": "gelu", "positions": "learned", "tie_embeddings": true, "dropout": 0.0, "precision": "fp32"}, "optimizer": {"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}, "data": {"corpus": "file:words.txt", "batch_size": 16, "val_windows": 64}, "seed": 0, "priority": -1}','[{"code": "warmup-short-for-beta2", "severity": "warning", "field": "warmup_steps", "message": "a warmup of 2 updates is shorter than 2 / (1 - beta2) = 100 (Ma & Yarats 2021) (and 7 more like it)", "suggestion": "warm up for 100 updates, or use a smaller beta2"}]','d64-l2-h4-f256-pre-gelu-learned-tied-t64-b16-adam-fp32','a9f4bd79b2cce61ba4f812b6804e52e45b3b60e96619fb0a846f9f431705c584',-1,'queued',8,8,0,160,'once',NULL,NULL,0,1,'2026-11-22 06:16:56.297000',NULL);
CREATE TABLE teams (
	id INTEGER NOT NULL, 
	name VARCHAR(120) NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_teams PRIMARY KEY (id), 
	CONSTRAINT uq_teams_name UNIQUE (name)
);
INSERT INTO "teams" VALUES(1,'red','2026-11-22 06:16:49.868000');
CREATE TABLE tokens (
	id INTEGER NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	name VARCHAR(120) NOT NULL, 
	user_id INTEGER, 
	created_at DATETIME NOT NULL, 
	expires_at DATETIME, 
	last_used_at DATETIME, 
	revoked_at DATETIME, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT ck_tokens_role CHECK (role IN ('admin', 'member', 'viewer', 'worker')), 
	CONSTRAINT fk_tokens_user_id_users FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_tokens_digest UNIQUE (digest)
);
INSERT INTO "tokens" VALUES(1,'84798f48cd49e3f54c65613c0b09d4dcdb0605c61356f8de134bbd1019d50b95','member','frozen',1,'2026-11-22 06:16:56.426000',NULL,NULL,NULL);
CREATE TABLE trials (
	id INTEGER NOT NULL, 
	sweep_id INTEGER NOT NULL, 
	number BIGINT NOT NULL, 
	optuna_number BIGINT, 
	params JSON NOT NULL, 
	schedule JSON NOT NULL, 
	optimizer JSON NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	value FLOAT, 
	spread FLOAT, 
	end_number BIGINT, 
	to_tell BOOLEAN DEFAULT 0 NOT NULL, 
	CONSTRAINT pk_trials PRIMARY KEY (id), 
	CONSTRAINT ck_trials_state CHECK (state IN ('queued', 'running', 'completed', 'pruned', 'diverged', 'failed', 'cancelled')), 
	CONSTRAINT fk_trials_sweep_id_sweeps FOREIGN KEY(sweep_id) REFERENCES sweeps (id), 
	CONSTRAINT uq_trials_sweep_id_number UNIQUE (sweep_id, number), 
	CONSTRAINT uq_trials_sweep_id_optuna_number UNIQUE (sweep_id, optuna_number), 
	CONSTRAINT uq_trials_sweep_id_end_number UNIQUE (sweep_id, end_number)
);
INSERT INTO "trials" VALUES(1,1,0,0,'{"schedule": "linear", "warmup_steps": 2, "peak_lr": 0.001}','{"type": "linear", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.00049999999999972288e+00,7.07106781186469667173e-04,1,0);
INSERT INTO "trials" VALUES(2,1,1,1,'{"schedule": "linear", "warmup_steps": 2, "peak_lr": 0.01}','{"type": "linear", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.01049999999999950972e+00,7.07106781186469667173e-04,2,0);
INSERT INTO "trials" VALUES(3,1,2,2,'{"schedule": "linear", "warmup_steps": 4, "peak_lr": 0.001}','{"type": "linear", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.0205,7.07106781186469667173e-04,3,0);
INSERT INTO "trials" VALUES(4,1,3,3,'{"schedule": "linear", "warmup_steps": 4, "peak_lr": 0.01}','{"type": "linear", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','diverged',5.5,0.0,7,0);
INSERT INTO "trials" VALUES(5,1,4,4,'{"schedule": "cosine", "warmup_steps": 2, "peak_lr": 0.001}','{"type": "cosine", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.04049999999999975841e+00,7.07106781186469667173e-04,4,0);
INSERT INTO "trials" VALUES(6,1,5,5,'{"schedule": "cosine", "warmup_steps": 2, "peak_lr": 0.01}','{"type": "cosine", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.05049999999999954525e+00,7.07106781186469667173e-04,5,0);
INSERT INTO "trials" VALUES(7,1,6,6,'{"schedule": "cosine", "warmup_steps": 4, "peak_lr": 0.001}','{"type": "cosine", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.0605,7.07106781186469667173e-04,6,0);
INSERT INTO "trials" VALUES(8,1,7,7,'{"schedule": "cosine", "warmup_steps": 4, "peak_lr": 0.01}','{"type": "cosine", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','failed',NULL,NULL,8,0);
INSERT INTO "trials" VALUES(9,2,0,0,'{"schedule": "noam", "warmup_steps": 5, "factor": 1.99440939591658}','{"type": "noam", "total_steps": 20, "d_model": 64, "warmup_steps": 5, "factor": 1.99440939591658}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','pruned',3.0,NULL,1,0);
INSERT INTO "trials" VALUES(10,2,1,1,'{"schedule": "linear", "warmup_steps": 4, "peak_lr": 0.00019695209218245201}','{"type": "linear", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.00019695209218245201}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.01,NULL,2,0);
INSERT INTO "trials" VALUES(11,2,2,2,'{"schedule": "linear", "warmup_steps": 5, "peak_lr": 0.017793238362223532}','{"type": "linear", "total_steps": 20, "warmup_steps": 5, "peak_lr": 0.017793238362223532}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.02,NULL,3,0);
INSERT INTO "trials" VALUES(12,2,3,3,'{"schedule": "wsd", "warmup_steps": 6, "peak_lr": 0.09158763958161206}','{"type": "wsd", "total_steps": 20, "warmup_steps": 6, "peak_lr": 0.09158763958161206}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.03,NULL,4,0);
INSERT INTO "trials" VALUES(13,2,4,4,'{"schedule": "wsd", "warmup_steps": 3, "peak_lr": 0.0007666363685288134}','{"type": "wsd", "total_steps": 20, "warmup_steps": 3, "peak_lr": 0.0007666363685288134}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.04,NULL,5,1);
INSERT INTO "trials" VALUES(14,2,5,5,'{"schedule": "noam", "warmup_steps": 9, "factor": 1.6749026561558717}','{"type": "noam", "total_steps": 20, "d_model": 64, "warmup_steps": 9, "factor": 1.6749026561558717}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.05,NULL,6,1);
INSERT INTO "trials" VALUES(15,3,0,NULL,'{"schedule": "linear", "warmup_steps": 2, "peak_lr": 0.001}','{"type": "linear", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','failed',NULL,NULL,1,1);
INSERT INTO "trials" VALUES(16,4,0,NULL,'{"schedule": "linear", "warmup_steps": 2, "peak_lr": 0.001}','{"type": "linear", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','failed',NULL,NULL,1,1);
INSERT INTO "trials" VALUES(17,5,0,NULL,'{"schedule": "linear", "warmup_steps": 2, "peak_lr": 0.001}','{"type": "linear", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.0,NULL,1,1);
INSERT INTO "trials" VALUES(18,5,1,NULL,'{"schedule": "linear", "warmup_steps": 2, "peak_lr": 0.01}','{"type": "linear", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','cancelled',NULL,NULL,NULL,1);
INSERT INTO "trials" VALUES(19,5,2,NULL,'{"schedule": "linear", "warmup_steps": 4, "peak_lr": 0.001}','{"type": "linear", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','cancelled',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(20,5,3,NULL,'{"schedule": "linear", "warmup_steps": 4, "peak_lr": 0.01}','{"type": "linear", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','cancelled',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(21,5,4,NULL,'{"schedule": "cosine", "warmup_steps": 2, "peak_lr": 0.001}','{"type": "cosine", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','cancelled',NULL,NULL,NULL,1);
INSERT INTO "trials" VALUES(22,5,5,NULL,'{"schedule": "cosine", "warmup_steps": 2, "peak_lr": 0.01}','{"type": "cosine", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','cancelled',NULL,NULL,NULL,1);
INSERT INTO "trials" VALUES(23,5,6,NULL,'{"schedule": "cosine", "warmup_steps": 4, "peak_lr": 0.001}','{"type": "cosine", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','cancelled',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(24,5,7,NULL,'{"schedule": "cosine", "warmup_steps": 4, "peak_lr": 0.01}','{"type": "cosine", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','cancelled',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(25,6,0,NULL,'{"schedule": "linear", "warmup_steps": 2, "peak_lr": 0.001}','{"type": "linear", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.0,NULL,1,1);
INSERT INTO "trials" VALUES(26,6,1,NULL,'{"schedule": "linear", "warmup_steps": 2, "peak_lr": 0.01}','{"type": "linear", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(27,6,2,NULL,'{"schedule": "linear", "warmup_steps": 4, "peak_lr": 0.001}','{"type": "linear", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(28,6,3,NULL,'{"schedule": "linear", "warmup_steps": 4, "peak_lr": 0.01}','{"type": "linear", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(29,6,4,NULL,'{"schedule": "cosine", "warmup_steps": 2, "peak_lr": 0.001}','{"type": "cosine", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','completed',3.04,NULL,2,1);
INSERT INTO "trials" VALUES(30,6,5,NULL,'{"schedule": "cosine", "warmup_steps": 2, "peak_lr": 0.01}','{"type": "cosine", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(31,6,6,NULL,'{"schedule": "cosine", "warmup_steps": 4, "peak_lr": 0.001}','{"type": "cosine", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(32,6,7,NULL,'{"schedule": "cosine", "warmup_steps": 4, "peak_lr": 0.01}','{"type": "cosine", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(33,7,0,NULL,'{"schedule": "linear", "warmup_steps": 2, "peak_lr": 0.001}','{"type": "linear", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(34,7,1,NULL,'{"schedule": "linear", "warmup_steps": 2, "peak_lr": 0.01}','{"type": "linear", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(35,7,2,NULL,'{"schedule": "linear", "warmup_steps": 4, "peak_lr": 0.001}','{"type": "linear", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(36,7,3,NULL,'{"schedule": "linear", "warmup_steps": 4, "peak_lr": 0.01}','{"type": "linear", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(37,7,4,NULL,'{"schedule": "cosine", "warmup_steps": 2, "peak_lr": 0.001}','{"type": "cosine", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(38,7,5,NULL,'{"schedule": "cosine", "warmup_steps": 2, "peak_lr": 0.01}','{"type": "cosine", "total_steps": 20, "warmup_steps": 2, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(39,7,6,NULL,'{"schedule": "cosine", "warmup_steps": 4, "peak_lr": 0.001}','{"type": "cosine", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.001}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
INSERT INTO "trials" VALUES(40,7,7,NULL,'{"schedule": "cosine", "warmup_steps": 4, "peak_lr": 0.01}','{"type": "cosine", "total_steps": 20, "warmup_steps": 4, "peak_lr": 0.01}','{"type": "adam", "betas": [0.9, 0.98], "eps": 1e-09, "weight_decay": 0.0, "grad_clip": 1.0}','queued',NULL,NULL,NULL,0);
CREATE TABLE uploads (
	id INTEGER NOT NULL, 
	team_id INTEGER NOT NULL, 
	user_id INTEGER, 
	name VARCHAR(100) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	size BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_uploads PRIMARY KEY (id), 
	CONSTRAINT fk_uploads_team_id_teams FOREIGN KEY(team_id) REFERENCES teams (id), 
	CONSTRAINT fk_uploads_user_id_users FOREIGN KEY(user_id) REFERENCES users (id), 
	CONSTRAINT uq_uploads_team_id_name UNIQUE (team_id, name)
);
INSERT INTO "uploads" VALUES(1,1,1,'words','0000000000000000000000000000000000000000000000000000000000000000',3,'2026-11-22 06:16:49.883000');
CREATE TABLE users (
	id INTEGER NOT NULL, 
	team_id INTEGER NOT NULL, 
	name VARCHAR(120) NOT NULL, 
	created_at DATETIME NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT fk_users_team_id_teams FOREIGN KEY(team_id) REFERENCES teams (id), 
	CONSTRAINT uq_users_team_id_name UNIQUE (team_id, name)
);
INSERT INTO "users" VALUES(1,1,'ada','2026-11-22 06:16:49.883000');
CREATE TABLE val_points (
	run_id INTEGER NOT NULL, 
	step BIGINT NOT NULL, 
	value FLOAT NOT NULL, 
	CONSTRAINT pk_val_points PRIMARY KEY (run_id, step), 
	CONSTRAINT fk_val_points_run_id_runs FOREIGN KEY(run_id) REFERENCES runs (id)
);
INSERT INTO "val_points" VALUES(1,0,5.5);
INSERT INTO "val_points" VALUES(1,10,2.0);
INSERT INTO "val_points" VALUES(1,20,3.0);
INSERT INTO "val_points" VALUES(2,0,5.5);
INSERT INTO "val_points" VALUES(2,10,2.0);
INSERT INTO "val_points" VALUES(2,20,3.04);
INSERT INTO "val_points" VALUES(3,0,5.5);
INSERT INTO "val_points" VALUES(3,10,2.0);
INSERT INTO "val_points" VALUES(3,20,3.001);
INSERT INTO "val_points" VALUES(4,0,5.5);
INSERT INTO "val_points" VALUES(4,10,2.0);
INSERT INTO "val_points" VALUES(4,20,3.041);
INSERT INTO "val_points" VALUES(5,0,5.5);
INSERT INTO "val_points" VALUES(5,10,2.0);
INSERT INTO "val_points" VALUES(5,20,3.01);
INSERT INTO "val_points" VALUES(6,0,5.5);
INSERT INTO "val_points" VALUES(6,10,2.0);
INSERT INTO "val_points" VALUES(6,20,3.05);
INSERT INTO "val_points" VALUES(7,0,5.5);
INSERT INTO "val_points" VALUES(7,10,2.0);
INSERT INTO "val_points" VALUES(7,20,3.0109999999999996767e+00);
INSERT INTO "val_points" VALUES(8,0,5.5);
INSERT INTO "val_points" VALUES(8,10,2.0);
INSERT INTO "val_points" VALUES(8,20,3.05099999999999971223e+00);
INSERT INTO "val_points" VALUES(9,0,5.5);
INSERT INTO "val_points" VALUES(9,10,2.0);
INSERT INTO "val_points" VALUES(9,20,3.02);
INSERT INTO "val_points" VALUES(10,0,5.5);
INSERT INTO "val_points" VALUES(10,10,2.0);
INSERT INTO "val_points" VALUES(10,20,3.06);
INSERT INTO "val_points" VALUES(11,0,5.5);
INSERT INTO "val_points" VALUES(11,10,2.0);
INSERT INTO "val_points" VALUES(11,20,3.021);
INSERT INTO "val_points" VALUES(12,0,5.5);
INSERT INTO "val_points" VALUES(12,10,2.0);
INSERT INTO "val_points" VALUES(12,20,3.061);
INSERT INTO "val_points" VALUES(13,0,5.5);
INSERT INTO "val_points" VALUES(13,10,2.0);
INSERT INTO "val_points" VALUES(13,20,3.03);
INSERT INTO "val_points" VALUES(14,0,5.5);
INSERT INTO "val_points" VALUES(14,10,2.0);
INSERT INTO "val_points" VALUES(14,20,3.07);
INSERT INTO "val_points" VALUES(15,0,5.5);
INSERT INTO "val_points" VALUES(15,10,2.0);
INSERT INTO "val_points" VALUES(15,20,3.03099999999999969446e+00);
INSERT INTO "val_points" VALUES(16,0,5.5);
INSERT INTO "val_points" VALUES(16,3,2.0);
INSERT INTO "val_points" VALUES(16,7,3.07099999999999972999e+00);
INSERT INTO "val_points" VALUES(17,0,5.5);
INSERT INTO "val_points" VALUES(17,10,2.0);
INSERT INTO "val_points" VALUES(17,20,3.0);
INSERT INTO "val_points" VALUES(18,0,5.5);
INSERT INTO "val_points" VALUES(18,10,2.0);
INSERT INTO "val_points" VALUES(18,20,3.01);
INSERT INTO "val_points" VALUES(19,0,5.5);
INSERT INTO "val_points" VALUES(19,10,2.0);
INSERT INTO "val_points" VALUES(19,20,3.02);
INSERT INTO "val_points" VALUES(20,0,5.5);
INSERT INTO "val_points" VALUES(20,10,2.0);
INSERT INTO "val_points" VALUES(20,20,3.03);
INSERT INTO "val_points" VALUES(21,0,5.5);
INSERT INTO "val_points" VALUES(21,10,2.0);
INSERT INTO "val_points" VALUES(21,20,3.04);
INSERT INTO "val_points" VALUES(22,0,5.5);
INSERT INTO "val_points" VALUES(22,10,2.0);
INSERT INTO "val_points" VALUES(22,20,3.05);
INSERT INTO "val_points" VALUES(23,0,5.5);
INSERT INTO "val_points" VALUES(26,0,5.5);
INSERT INTO "val_points" VALUES(26,4,2.0);
INSERT INTO "val_points" VALUES(26,9,3.04);
INSERT INTO "val_points" VALUES(27,0,5.5);
INSERT INTO "val_points" VALUES(27,4,2.0);
INSERT INTO "val_points" VALUES(27,9,3.01);
INSERT INTO "val_points" VALUES(28,0,5.5);
INSERT INTO "val_points" VALUES(28,4,2.0);
INSERT INTO "val_points" VALUES(28,9,3.05);
INSERT INTO "val_points" VALUES(25,0,5.5);
INSERT INTO "val_points" VALUES(25,10,2.0);
INSERT INTO "val_points" VALUES(25,20,3.0);
INSERT INTO "val_points" VALUES(33,0,5.5);
INSERT INTO "val_points" VALUES(33,5,2.0);
INSERT INTO "val_points" VALUES(33,11,3.0);
INSERT INTO "val_points" VALUES(34,0,5.5);
INSERT INTO "val_points" VALUES(34,5,2.0);
INSERT INTO "val_points" VALUES(34,11,3.04);
INSERT INTO "val_points" VALUES(35,0,5.5);
INSERT INTO "val_points" VALUES(35,5,2.0);
INSERT INTO "val_points" VALUES(35,11,3.01);
INSERT INTO "val_points" VALUES(36,0,5.5);
INSERT INTO "val_points" VALUES(36,5,2.0);
INSERT INTO "val_points" VALUES(36,11,3.05);
INSERT INTO "val_points" VALUES(37,0,5.5);
INSERT INTO "val_points" VALUES(37,5,2.0);
INSERT INTO "val_points" VALUES(37,11,3.02);
INSERT INTO "val_points" VALUES(38,0,5.5);
INSERT INTO "val_points" VALUES(38,5,2.0);
INSERT INTO "val_points" VALUES(38,11,3.06);
INSERT INTO "val_points" VALUES(33,10,2.0);
INSERT INTO "val_points" VALUES(33,20,3.0);
INSERT INTO "val_points" VALUES(34,10,2.0);
INSERT INTO "val_points" VALUES(34,20,3.04);
CREATE TABLE workers (
	id INTEGER NOT NULL, 
	name VARCHAR(200) NOT NULL, 
	device VARCHAR(40) NOT NULL, 
	device_name VARCHAR(200) NOT NULL, 
	lanes BIGINT NOT NULL, 
	version VARCHAR(40) NOT NULL, 
	updates_per_second FLOAT NOT NULL, 
	backlog_bytes BIGINT DEFAULT '0' NOT NULL, 
	backlog_seconds FLOAT DEFAULT '0' NOT NULL, 
	registered_at DATETIME NOT NULL, 
	last_seen_at DATETIME NOT NULL, 
	left_at DATETIME, 
	CONSTRAINT pk_workers PRIMARY KEY (id)
);
INSERT INTO "workers" VALUES(1,'host:1','cpu','a CPU',4,'0',0.0,0,0.0,'2026-11-22 06:16:50.050000','2026-11-22 06:16:50.050000','2026-11-22 06:16:56.265000');
INSERT INTO "workers" VALUES(2,'host:1','cpu','a CPU',4,'0',0.0,0,0.0,'2026-11-22 06:16:50.077000','2026-11-22 06:16:50.077000',NULL);
INSERT INTO "workers" VALUES(3,'host:1','cpu','a CPU',4,'0',0.0,0,0.0,'2026-11-22 06:16:55.315000','2026-11-22 06:16:55.315000',NULL);
INSERT INTO "workers" VALUES(4,'host:1','cpu','a CPU',4,'0',0.0,0,0.0,'2026-11-22 06:16:55.417000','2026-11-22 06:16:55.417000',NULL);
INSERT INTO "workers" VALUES(5,'host:1','cpu','a CPU',4,'0',0.0,0,0.0,'2026-11-22 06:16:55.501000','2026-11-22 06:16:55.501000',NULL);
INSERT INTO "workers" VALUES(6,'host:1','cpu','a CPU',4,'0',0.0,0,0.0,'2026-11-22 06:16:55.589000','2026-11-22 06:16:55.589000',NULL);
CREATE INDEX ix_corpora_name ON corpora (name);
CREATE INDEX ix_workers_left_at_last_seen_at ON workers (left_at, last_seen_at);
CREATE INDEX ix_uploads_user_id ON uploads (user_id);
CREATE INDEX ix_sweeps_state_id ON sweeps (state, id);
CREATE INDEX ix_sweeps_team_id_id ON sweeps (team_id, id);
CREATE INDEX ix_sweeps_to_track ON sweeps (id) WHERE to_track = 1;
CREATE INDEX ix_sweeps_user_id ON sweeps (user_id);
CREATE INDEX ix_sweeps_asking ON sweeps (priority DESC, id) WHERE asking = 1;
CREATE INDEX ix_tokens_user_id ON tokens (user_id);
CREATE INDEX ix_events_at ON events (at);
CREATE INDEX ix_events_sweep_id_id ON events (sweep_id, id);
CREATE INDEX ix_trials_sweep_id_state ON trials (sweep_id, state);
CREATE INDEX ix_trials_sweep_id_value ON trials (sweep_id, value);
CREATE INDEX ix_trials_to_tell ON trials (sweep_id, number) WHERE to_tell = 1;
CREATE INDEX ix_runs_queued_trunk ON runs (trunk, id) WHERE state = 'queued';
CREATE INDEX ix_runs_held ON runs (worker_id) WHERE state = 'running';
CREATE INDEX ix_runs_leased ON runs (lease_expires_at) WHERE state = 'running';
CREATE INDEX ix_runs_sweep_id_state ON runs (sweep_id, state);
CREATE INDEX ix_runs_to_track ON runs (ended_at) WHERE to_track = 1;
CREATE INDEX ix_runs_queued ON runs (priority DESC, sweep_id, id) WHERE state = 'queued';
CREATE INDEX ix_runs_queued_suspected ON runs (priority DESC, sweep_id, id) WHERE state = 'queued' AND losses >= 2;
CREATE INDEX ix_runs_queued_shape ON runs (shape, priority DESC, sweep_id, id) WHERE state = 'queued';
CREATE INDEX ix_attempts_worker_id ON attempts (worker_id);
CREATE INDEX ix_attempts_lost ON attempts (run_id) WHERE outcome = 'lost';
COMMIT;
