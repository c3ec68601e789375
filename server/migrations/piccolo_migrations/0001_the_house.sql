-- What may be seen: set by scoped() for the length of one transaction.
CREATE FUNCTION apero_scope() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT coalesce(nullif(current_setting('apero.workspaces', true), ''), '{}')::uuid[] $$;

CREATE FUNCTION apero_presented() RETURNS bytea LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT decode(nullif(current_setting('apero.presented', true), ''), 'hex') $$;

CREATE FUNCTION apero_account() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
$$ SELECT nullif(current_setting('apero.account', true), '')::uuid $$;

-- Accents and case do not matter when one searches for a name. No extension is needed.
CREATE FUNCTION apero_plain(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE STRICT AS
$$ SELECT regexp_replace(normalize(lower($1), NFKD), '[\u0300-\u036f]', '', 'g') $$;

CREATE TABLE account (
  id uuid PRIMARY KEY,
  email text NOT NULL,
  name text NOT NULL DEFAULT '',
  language text NOT NULL DEFAULT 'fr',
  password_hash text,
  created_at timestamptz NOT NULL,
  disabled_at timestamptz,
  CONSTRAINT account_email_once UNIQUE (email),
  CONSTRAINT account_email_lower CHECK (email = lower(email))
);

CREATE TABLE session (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES account (id) ON DELETE RESTRICT,
  token_hash bytea NOT NULL,
  created_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  address text NOT NULL DEFAULT '',
  browser text NOT NULL DEFAULT '',
  CONSTRAINT session_token_once UNIQUE (token_hash)
);
CREATE INDEX session_account ON session (account_id);

CREATE TABLE magic_link (
  id uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES account (id) ON DELETE RESTRICT,
  token_hash bytea NOT NULL,
  browser_hash bytea NOT NULL,
  code_hash bytea NOT NULL,
  attempts int NOT NULL DEFAULT 0,
  next_path text NOT NULL DEFAULT '/',
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  CONSTRAINT magic_link_token_once UNIQUE (token_hash)
);
CREATE INDEX magic_link_account ON magic_link (account_id);

CREATE UNLOGGED TABLE rate_bucket (
  key text NOT NULL,
  bucket timestamptz NOT NULL,
  hits int NOT NULL,
  PRIMARY KEY (key, bucket)
);

CREATE TABLE workspace (
  id uuid PRIMARY KEY,
  slug text NOT NULL,
  name text NOT NULL,
  color text NOT NULL DEFAULT '#b84a2b',
  persona text NOT NULL DEFAULT '',
  signature text NOT NULL DEFAULT '',
  language text NOT NULL DEFAULT 'fr',
  time_zone text NOT NULL DEFAULT 'Europe/Paris',
  currency text NOT NULL DEFAULT 'EUR',
  reply_to text NOT NULL DEFAULT '',
  disclosure_k int NOT NULL DEFAULT 11,
  created_at timestamptz NOT NULL,
  archived_at timestamptz,
  CONSTRAINT workspace_slug_once UNIQUE (slug),
  CONSTRAINT workspace_color_hex CHECK (color ~ '^#[0-9a-f]{6}$'),
  CONSTRAINT workspace_k_floor CHECK (disclosure_k >= 5)
);

CREATE TABLE membership (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  account_id uuid NOT NULL REFERENCES account (id) ON DELETE RESTRICT,
  role text NOT NULL,
  created_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT membership_role CHECK (role IN
    ('owner', 'manager', 'moderator', 'ambassador', 'door', 'sponsor', 'department', 'attendee'))
);
CREATE UNIQUE INDEX membership_once ON membership (workspace_id, account_id, role) WHERE ended_at IS NULL;
CREATE INDEX membership_account ON membership (account_id);

CREATE TABLE api_token (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  account_id uuid NOT NULL REFERENCES account (id) ON DELETE RESTRICT,
  name text NOT NULL,
  role text NOT NULL,
  scopes text[] NOT NULL,
  token_hash bytea NOT NULL,
  hint text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  last_used_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT api_token_hash_once UNIQUE (token_hash)
);
CREATE INDEX api_token_account ON api_token (account_id);

CREATE TABLE audit_entry (
  id uuid NOT NULL PRIMARY KEY,
  workspace_id uuid REFERENCES workspace (id) ON DELETE RESTRICT,
  at timestamptz NOT NULL,
  actor_kind text NOT NULL,
  actor_id uuid,
  role text NOT NULL DEFAULT '',
  action text NOT NULL,
  object_type text NOT NULL DEFAULT '',
  object_id uuid,
  outcome text NOT NULL DEFAULT 'allow',
  reason text NOT NULL DEFAULT '',
  fields text[] NOT NULL DEFAULT '{}',
  request_id text NOT NULL DEFAULT '',
  address text NOT NULL DEFAULT '',
  CONSTRAINT audit_entry_outcome CHECK (outcome IN ('allow', 'deny', 'error'))
);
CREATE INDEX audit_entry_workspace ON audit_entry (workspace_id, id);

CREATE TABLE letter (
  id uuid NOT NULL PRIMARY KEY,
  workspace_id uuid REFERENCES workspace (id) ON DELETE RESTRICT,
  kind text NOT NULL,
  once_key text,
  recipient text NOT NULL,
  language text NOT NULL,
  sender_name text NOT NULL DEFAULT '',
  reply_to text NOT NULL DEFAULT '',
  subject text NOT NULL,
  body_text text NOT NULL,
  body_html text NOT NULL,
  makers jsonb NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL,
  attempts int NOT NULL DEFAULT 0,
  message_id text,
  claimed_at timestamptz,
  sent_at timestamptz,
  bounced_at timestamptz,
  failed_at timestamptz,
  error text NOT NULL DEFAULT '',
  CONSTRAINT letter_once UNIQUE (workspace_id, once_key)
);
CREATE INDEX letter_workspace ON letter (workspace_id, id);
CREATE INDEX letter_message ON letter (message_id) WHERE message_id IS NOT NULL;

CREATE TABLE community (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  slug text NOT NULL,
  name text NOT NULL,
  description text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT community_slug_once UNIQUE (workspace_id, slug)
);

CREATE TABLE member (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  name text NOT NULL,
  email text,
  language text NOT NULL DEFAULT '',
  joined_on date,
  is_insider boolean NOT NULL DEFAULT false,
  linking_agreed_at timestamptz,
  note text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  erased_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT member_email_once UNIQUE (workspace_id, email),
  CONSTRAINT member_email_lower CHECK (email = lower(email))
);
CREATE INDEX member_name ON member (workspace_id, apero_plain(name), id);

CREATE TABLE belonging (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  community_id uuid NOT NULL,
  member_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT belonging_once UNIQUE (workspace_id, community_id, member_id),
  FOREIGN KEY (workspace_id, community_id) REFERENCES community (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, member_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX belonging_member ON belonging (workspace_id, member_id);

CREATE TABLE consent (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  member_id uuid NOT NULL,
  purpose text NOT NULL,
  is_given boolean NOT NULL,
  text_sha256 bytea NOT NULL,
  language text NOT NULL,
  via text NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT consent_purpose CHECK (purpose IN ('linking', 'photos', 'letters')),
  FOREIGN KEY (workspace_id, member_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX consent_member ON consent (workspace_id, member_id, purpose, at);

CREATE TABLE channel (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  community_id uuid NOT NULL,
  name text NOT NULL,
  kind text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT channel_name_once UNIQUE (workspace_id, community_id, name),
  CONSTRAINT channel_kind CHECK (kind IN ('discourse', 'mastodon', 'discord', 'forum', 'other')),
  FOREIGN KEY (workspace_id, community_id) REFERENCES community (workspace_id, id) ON DELETE RESTRICT
);

CREATE TABLE identity (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  channel_id uuid NOT NULL,
  member_id uuid,
  handle text NOT NULL,
  proof text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT identity_handle_once UNIQUE (workspace_id, channel_id, handle),
  CONSTRAINT identity_proof CHECK (proof IN ('declared', 'verified', 'imported')),
  FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, member_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX identity_member ON identity (workspace_id, member_id);

CREATE TABLE venue (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  name text NOT NULL,
  address text NOT NULL DEFAULT '',
  access text NOT NULL DEFAULT '',
  hard_limit int,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT venue_name_once UNIQUE (workspace_id, name),
  CONSTRAINT venue_limit CHECK (hard_limit > 0)
);

CREATE TABLE series (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  community_id uuid NOT NULL,
  slug text NOT NULL,
  name text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT series_slug_once UNIQUE (workspace_id, slug),
  FOREIGN KEY (workspace_id, community_id) REFERENCES community (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX series_community ON series (workspace_id, community_id);

CREATE TABLE meetup (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  community_id uuid NOT NULL,
  series_id uuid,
  venue_id uuid,
  number bigint NOT NULL,
  key_id int NOT NULL,
  slug text NOT NULL,
  title text NOT NULL,
  description text NOT NULL DEFAULT '',
  programme text NOT NULL DEFAULT '',
  representative text NOT NULL DEFAULT '',
  starts_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  time_zone text NOT NULL,
  admission text NOT NULL DEFAULT 'first_come',
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  sequence int NOT NULL DEFAULT 0,
  published_at timestamptz,
  cancelled_at timestamptz,
  cancelled_reason text NOT NULL DEFAULT '',
  closed_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT meetup_number_once UNIQUE (number),
  CONSTRAINT meetup_slug_once UNIQUE (workspace_id, slug),
  CONSTRAINT meetup_admission CHECK (admission IN ('first_come', 'lottery')),
  CONSTRAINT meetup_number_is_uint32 CHECK (number BETWEEN 0 AND 4294967295),
  CONSTRAINT meetup_times CHECK (ends_at > starts_at),
  CONSTRAINT meetup_named CHECK (published_at IS NULL OR representative <> ''),
  FOREIGN KEY (workspace_id, community_id) REFERENCES community (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, series_id) REFERENCES series (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, venue_id) REFERENCES venue (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX meetup_community ON meetup (workspace_id, community_id);
CREATE INDEX meetup_series ON meetup (workspace_id, series_id);
CREATE INDEX meetup_venue ON meetup (workspace_id, venue_id);
CREATE INDEX meetup_starts ON meetup (workspace_id, starts_at, id);

CREATE TABLE seating (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  capacity int NOT NULL,
  taken int NOT NULL DEFAULT 0,
  next_wait bigint NOT NULL DEFAULT 1,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT seating_never_oversold CHECK (taken BETWEEN 0 AND capacity),
  FOREIGN KEY (workspace_id, id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT
) WITH (fillfactor = 20);

CREATE TABLE sponsor (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  slug text NOT NULL,
  name text NOT NULL,
  website text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT sponsor_slug_once UNIQUE (workspace_id, slug)
);

CREATE TABLE sponsor_contact (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  sponsor_id uuid NOT NULL,
  account_id uuid NOT NULL REFERENCES account (id) ON DELETE RESTRICT,
  created_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, sponsor_id) REFERENCES sponsor (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX sponsor_contact_sponsor ON sponsor_contact (workspace_id, sponsor_id);
CREATE INDEX sponsor_contact_account ON sponsor_contact (account_id);
CREATE UNIQUE INDEX sponsor_contact_once ON sponsor_contact (workspace_id, sponsor_id, account_id) WHERE ended_at IS NULL;

CREATE TABLE sponsorship (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  sponsor_id uuid NOT NULL,
  meetup_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT sponsorship_once UNIQUE (workspace_id, sponsor_id, meetup_id),
  FOREIGN KEY (workspace_id, sponsor_id) REFERENCES sponsor (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX sponsorship_meetup ON sponsorship (workspace_id, meetup_id);

CREATE TABLE registration (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  meetup_id uuid NOT NULL,
  member_id uuid NOT NULL,
  status text NOT NULL,
  wait_no bigint,
  is_drawn boolean,
  source text NOT NULL,
  language text NOT NULL DEFAULT 'fr',
  rotation int NOT NULL DEFAULT 0,
  code_hash bytea NOT NULL,
  typed_hash bytea NOT NULL,
  capability_hash bytea NOT NULL,
  registered_at timestamptz NOT NULL,
  cancelled_at timestamptz,
  attended_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT registration_once_per_meetup UNIQUE (workspace_id, meetup_id, member_id),
  CONSTRAINT registration_wait_once UNIQUE (workspace_id, meetup_id, wait_no),
  CONSTRAINT registration_code_once UNIQUE (code_hash),
  CONSTRAINT registration_capability_once UNIQUE (capability_hash),
  CONSTRAINT registration_status CHECK (status IN ('confirmed', 'waitlisted', 'lost_draw', 'cancelled')),
  CONSTRAINT registration_source CHECK (source IN ('page', 'api', 'import', 'walk_in')),
  CONSTRAINT registration_waits CHECK ((status = 'waitlisted') = (wait_no IS NOT NULL)),
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, member_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX registration_member ON registration (workspace_id, member_id);
CREATE UNIQUE INDEX registration_typed_once ON registration (workspace_id, meetup_id, typed_hash);
CREATE INDEX registration_order ON registration (workspace_id, meetup_id, id);

CREATE TABLE replaced_code (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  registration_id uuid NOT NULL,
  code_hash bytea NOT NULL,
  replaced_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT replaced_code_once UNIQUE (code_hash),
  FOREIGN KEY (workspace_id, registration_id) REFERENCES registration (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX replaced_code_registration ON replaced_code (workspace_id, registration_id);

CREATE TABLE gate (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  meetup_id uuid NOT NULL,
  name text NOT NULL,
  opens_at timestamptz,
  closes_at timestamptz,
  may_reenter boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT gate_hours CHECK (closes_at > opens_at),
  CONSTRAINT gate_name_once UNIQUE (workspace_id, meetup_id, name),
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT
);

CREATE TABLE device (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  gate_id uuid NOT NULL,
  name text NOT NULL,
  language text NOT NULL DEFAULT 'fr',
  pairing_hash bytea NOT NULL,
  pairing_expires_at timestamptz NOT NULL,
  token_hash bytea,
  created_at timestamptz NOT NULL,
  paired_at timestamptz,
  expires_at timestamptz NOT NULL,
  seen_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT device_token_once UNIQUE (token_hash),
  CONSTRAINT device_pairing_once UNIQUE (pairing_hash),
  FOREIGN KEY (workspace_id, gate_id) REFERENCES gate (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX device_gate ON device (workspace_id, gate_id);

CREATE TABLE checkin (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  meetup_id uuid NOT NULL,
  gate_id uuid NOT NULL,
  device_id uuid NOT NULL,
  registration_id uuid,
  kind text NOT NULL,
  mode text NOT NULL,
  at timestamptz NOT NULL,
  offset_ms bigint NOT NULL DEFAULT 0,
  boot_id uuid,
  seq bigint,
  of_id uuid,
  code_hash bytea,
  local_verdict text,
  override_reason text NOT NULL DEFAULT '',
  received_at timestamptz NOT NULL,
  verdict text NOT NULL,
  answer jsonb NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT checkin_kind CHECK (kind IN ('entry', 'exit', 'undo', 'redeem')),
  CONSTRAINT checkin_mode CHECK (mode IN ('ask', 'tell')),
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, gate_id) REFERENCES gate (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, device_id) REFERENCES device (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, registration_id) REFERENCES registration (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX checkin_registration ON checkin (workspace_id, registration_id);
CREATE INDEX checkin_meetup ON checkin (workspace_id, meetup_id, at);
CREATE INDEX checkin_undone ON checkin (workspace_id, of_id) WHERE of_id IS NOT NULL;
CREATE INDEX checkin_gate ON checkin (workspace_id, gate_id);
CREATE INDEX checkin_device ON checkin (workspace_id, device_id, boot_id, seq);

CREATE TABLE presence (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  meetup_id uuid NOT NULL,
  is_inside boolean NOT NULL,
  entries int NOT NULL,
  first_at timestamptz,
  first_gate text NOT NULL DEFAULT '',
  last_exit_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, id) REFERENCES registration (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX presence_meetup ON presence (workspace_id, meetup_id);

CREATE TABLE incident (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  meetup_id uuid NOT NULL,
  registration_id uuid NOT NULL,
  first_fact_id uuid NOT NULL,
  second_fact_id uuid NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT incident_once UNIQUE (workspace_id, first_fact_id, second_fact_id),
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, registration_id) REFERENCES registration (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, first_fact_id) REFERENCES checkin (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, second_fact_id) REFERENCES checkin (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX incident_meetup ON incident (workspace_id, meetup_id);
CREATE INDEX incident_registration ON incident (workspace_id, registration_id);
CREATE INDEX incident_second ON incident (workspace_id, second_fact_id);

CREATE TABLE import_run (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  community_id uuid NOT NULL,
  channel_id uuid,
  account_id uuid REFERENCES account (id) ON DELETE RESTRICT,
  kind text NOT NULL,
  filename text NOT NULL,
  sha256 bytea NOT NULL,
  content bytea,
  choices jsonb NOT NULL DEFAULT '{}',
  outcome jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL,
  committed_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT import_run_kind CHECK (kind IN ('members', 'activity', 'attendance')),
  FOREIGN KEY (workspace_id, community_id) REFERENCES community (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX import_run_community ON import_run (workspace_id, community_id);
CREATE INDEX import_run_channel ON import_run (workspace_id, channel_id);
CREATE INDEX import_run_account ON import_run (account_id);

CREATE TABLE activity (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  channel_id uuid NOT NULL,
  identity_id uuid NOT NULL,
  external_id text NOT NULL,
  kind text NOT NULL,
  at timestamptz NOT NULL,
  is_qualified boolean NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT activity_once UNIQUE (workspace_id, channel_id, external_id),
  FOREIGN KEY (workspace_id, channel_id) REFERENCES channel (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, identity_id) REFERENCES identity (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX activity_identity ON activity (workspace_id, identity_id, at);

CREATE TABLE activity_day (
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  identity_id uuid NOT NULL,
  day date NOT NULL,
  acts int NOT NULL,
  PRIMARY KEY (workspace_id, identity_id, day),
  FOREIGN KEY (workspace_id, identity_id) REFERENCES identity (workspace_id, id) ON DELETE RESTRICT
);

CREATE TABLE lift_plan (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  primary_outcome text NOT NULL,
  comparison text NOT NULL,
  window_days int NOT NULL,
  fixed_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT lift_plan_outcome CHECK (primary_outcome IN ('active_days', 'qualified_acts')),
  CONSTRAINT lift_plan_comparison CHECK (comparison IN ('no_shows', 'lottery')),
  FOREIGN KEY (workspace_id, id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT
);

CREATE TABLE report_edition (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  meetup_id uuid NOT NULL,
  sponsor_id uuid NOT NULL,
  number int NOT NULL,
  content jsonb NOT NULL,
  sha256 bytea NOT NULL,
  frozen_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT report_edition_once UNIQUE (workspace_id, meetup_id, sponsor_id, number),
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, sponsor_id) REFERENCES sponsor (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX report_edition_sponsor ON report_edition (workspace_id, sponsor_id);

-- The walls: one policy on every table with a workspace, forced on its owner as well.
DO $$
DECLARE one record;
BEGIN
  FOR one IN
    SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
      AND a.attname = 'workspace_id' AND NOT a.attisdropped
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', one.name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', one.name);
    EXECUTE format('CREATE POLICY of_workspace ON %I USING (workspace_id = ANY (apero_scope()))', one.name);
  END LOOP;
END $$;

-- Whoever holds a secret sees the one row that carries its hash.
CREATE POLICY of_holder ON api_token FOR SELECT USING (token_hash = apero_presented());

CREATE POLICY of_holder ON device FOR SELECT USING (token_hash = apero_presented() OR pairing_hash = apero_presented());

CREATE POLICY of_holder ON registration FOR SELECT USING (code_hash = apero_presented() OR capability_hash = apero_presented());

CREATE POLICY of_holder ON replaced_code FOR SELECT USING (code_hash = apero_presented());

CREATE POLICY of_account ON membership FOR SELECT USING (account_id = apero_account());

-- What belongs to no workspace: sign-in letters and entries about accounts.
CREATE POLICY of_nobody ON letter USING (workspace_id IS NULL);

CREATE POLICY of_nobody ON audit_entry FOR INSERT WITH CHECK (workspace_id IS NULL);
