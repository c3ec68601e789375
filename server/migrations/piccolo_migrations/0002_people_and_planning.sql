-- Pictures people sent, re-encoded by us: a logo, a face, a proof.
CREATE TABLE picture (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  kind text NOT NULL,
  media_type text NOT NULL,
  width int NOT NULL,
  height int NOT NULL,
  content bytea NOT NULL,
  sha256 bytea NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT picture_kind CHECK (kind IN ('logo', 'face', 'proof')),
  CONSTRAINT picture_media_type CHECK (media_type IN ('image/png', 'image/jpeg', 'image/webp'))
);

-- Workspaces: a charter for everybody and one for ambassadors, versions never changed.
CREATE TABLE charter (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  kind text NOT NULL,
  number int NOT NULL,
  content jsonb NOT NULL,
  published_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT charter_kind CHECK (kind IN ('community', 'ambassadors')),
  CONSTRAINT charter_number_once UNIQUE (workspace_id, kind, number)
);

CREATE TABLE department (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  slug text NOT NULL,
  name text NOT NULL,
  description text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT department_slug_once UNIQUE (workspace_id, slug)
);

ALTER TABLE workspace
  ADD COLUMN languages text[] NOT NULL DEFAULT '{fr,en}',
  ADD COLUMN sender text NOT NULL DEFAULT '',
  ADD COLUMN tone text NOT NULL DEFAULT '',
  ADD COLUMN logo_id uuid,
  ADD COLUMN ranks_ambassadors boolean NOT NULL DEFAULT false,
  ADD COLUMN hour_cents bigint,
  ADD COLUMN persona_role text NOT NULL DEFAULT '',
  ADD COLUMN has_charter boolean NOT NULL DEFAULT false,
  ADD COLUMN has_ambassadors boolean NOT NULL DEFAULT false,
  ADD COLUMN erasing_at timestamptz,
  ADD COLUMN embed_origins text[] NOT NULL DEFAULT '{}',
  ADD CONSTRAINT workspace_languages CHECK (cardinality(languages) > 0 AND language = ANY (languages)),
  ADD CONSTRAINT workspace_hour_cents CHECK (hour_cents >= 0),
  ADD CONSTRAINT workspace_logo FOREIGN KEY (id, logo_id) REFERENCES picture (workspace_id, id) ON DELETE RESTRICT;
CREATE INDEX workspace_logo_id ON workspace (id, logo_id);

-- An invitation waits until the account it was sent to signs in for the first time.
ALTER TABLE account ADD COLUMN signed_in_at timestamptz;
UPDATE account a SET signed_in_at = (SELECT max(created_at) FROM session s WHERE s.account_id = a.id);

-- Who is asked how often: read from the letters of the last weeks alone.
CREATE INDEX letter_asking ON letter (workspace_id, kind, created_at) INCLUDE (recipient);

-- What is left of a workspace that was erased: totals, about nobody.
CREATE TABLE erased_workspace (
  id uuid NOT NULL PRIMARY KEY,
  name text NOT NULL,
  totals jsonb NOT NULL,
  erased_at timestamptz NOT NULL
);

-- Every row of a workspace that is being erased, those included that nobody may change:
-- table by table from the catalogue, first the tables that no other one points at.
CREATE FUNCTION apero_erase(wanted uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  remaining oid[];
  next_one oid;
BEGIN
  IF NOT EXISTS (SELECT FROM workspace WHERE id = wanted AND erasing_at IS NOT NULL)
     OR NOT (wanted = ANY (apero_scope())) THEN
    RAISE EXCEPTION 'this workspace is not being erased' USING ERRCODE = 'check_violation';
  END IF;
  UPDATE workspace SET logo_id = NULL WHERE id = wanted;
  SELECT array_agg(c.oid ORDER BY c.relname) INTO remaining
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
    AND a.attname = 'workspace_id' AND NOT a.attisdropped;
  WHILE cardinality(remaining) > 0 LOOP
    SELECT t INTO next_one FROM unnest(remaining) AS t WHERE NOT EXISTS (
      SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = t
        AND k.conrelid <> t AND k.conrelid = ANY (remaining))
    LIMIT 1;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'tables point at each other in a circle: %', remaining::regclass[];
    END IF;
    EXECUTE format('DELETE FROM %s WHERE workspace_id = $1', next_one::regclass) USING wanted;
    remaining := array_remove(remaining, next_one);
  END LOOP;
  DELETE FROM workspace WHERE id = wanted;
END $$;

-- Members: tags, notes, segments, merges, and what was sent to them.
ALTER TABLE consent DROP CONSTRAINT consent_purpose;
ALTER TABLE consent ADD CONSTRAINT consent_purpose CHECK (purpose IN ('linking', 'photos', 'letters', 'across'));

ALTER TABLE member
  ADD COLUMN sought text NOT NULL GENERATED ALWAYS AS
    (left(apero_plain(name || E'\n' || coalesce(email, '')), 400)) STORED,
  ADD COLUMN merged_into_id uuid,
  ADD COLUMN wished_at timestamptz,
  ADD CONSTRAINT member_merged_into FOREIGN KEY (workspace_id, merged_into_id)
    REFERENCES member (workspace_id, id) ON DELETE RESTRICT,
  ADD CONSTRAINT member_not_into_itself CHECK (merged_into_id <> id);
CREATE INDEX member_merged ON member (workspace_id, merged_into_id);
-- Lists of members: ordered, searched and paged without reading the table itself.
CREATE INDEX member_sought ON member (workspace_id, sought, id)
  WHERE erased_at IS NULL AND merged_into_id IS NULL AND wished_at IS NULL;
CREATE INDEX member_wished ON member (wished_at) WHERE wished_at IS NOT NULL;
CREATE INDEX member_gone ON member (workspace_id, id)
  WHERE merged_into_id IS NOT NULL OR erased_at IS NOT NULL;

CREATE TABLE tag (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  slug text NOT NULL,
  name text NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT tag_slug_once UNIQUE (workspace_id, slug)
);

CREATE TABLE tagging (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  tag_id uuid NOT NULL,
  member_id uuid NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT tagging_once UNIQUE (workspace_id, tag_id, member_id),
  FOREIGN KEY (workspace_id, tag_id) REFERENCES tag (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, member_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX tagging_member ON tagging (workspace_id, member_id);

CREATE TABLE note (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  member_id uuid NOT NULL,
  account_id uuid REFERENCES account (id) ON DELETE RESTRICT,
  text text NOT NULL,
  created_at timestamptz NOT NULL,
  removed_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, member_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX note_member ON note (workspace_id, member_id, id);
CREATE INDEX note_account ON note (account_id);

CREATE TABLE segment (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  slug text NOT NULL,
  name text NOT NULL,
  query text NOT NULL,
  account_id uuid REFERENCES account (id) ON DELETE RESTRICT,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT segment_slug_once UNIQUE (workspace_id, slug)
);
CREATE INDEX segment_account ON segment (account_id);

-- Two people who claim one handle: both claims stay, and nobody counts it.
ALTER TABLE channel ADD COLUMN address text NOT NULL DEFAULT '';
ALTER TABLE identity
  ADD COLUMN disputed_at timestamptz,
  ADD CONSTRAINT identity_disputed_is_nobodys CHECK (disputed_at IS NULL OR member_id IS NULL);
CREATE INDEX identity_handle ON identity (workspace_id, handle COLLATE "C", id);
CREATE INDEX identity_disputed ON identity (workspace_id, id) WHERE disputed_at IS NOT NULL;

CREATE TABLE claim (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  identity_id uuid NOT NULL,
  member_id uuid NOT NULL,
  proof text NOT NULL,
  claimed_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT claim_proof CHECK (proof IN ('declared', 'verified', 'imported')),
  FOREIGN KEY (workspace_id, identity_id) REFERENCES identity (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, member_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX claim_once ON claim (workspace_id, identity_id, member_id) WHERE ended_at IS NULL;
CREATE INDEX claim_identity ON claim (workspace_id, identity_id);
CREATE INDEX claim_member ON claim (workspace_id, member_id);

-- A code to be posted in the profile of an online place, and what became of looking for it.
CREATE TABLE verification (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  identity_id uuid NOT NULL,
  member_id uuid NOT NULL,
  code text NOT NULL,
  asked_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  looked_at timestamptz,
  outcome text NOT NULL DEFAULT 'asked',
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT verification_outcome CHECK (outcome IN ('asked', 'seen', 'not_seen', 'unreachable')),
  FOREIGN KEY (workspace_id, identity_id) REFERENCES identity (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, member_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX verification_identity ON verification (workspace_id, identity_id);
CREATE INDEX verification_member ON verification (workspace_id, member_id);

CREATE TABLE merge (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  kept_id uuid NOT NULL,
  merged_id uuid NOT NULL,
  moved jsonb NOT NULL,
  stayed jsonb NOT NULL DEFAULT '{}',
  before jsonb NOT NULL,
  reason text NOT NULL DEFAULT '',
  merged_at timestamptz NOT NULL,
  undone_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, kept_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, merged_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX merge_kept ON merge (workspace_id, kept_id);
CREATE UNIQUE INDEX merge_once ON merge (workspace_id, merged_id) WHERE undone_at IS NULL;
CREATE INDEX merge_merged ON merge (workspace_id, merged_id);

CREATE TABLE not_the_same (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  one_id uuid NOT NULL,
  other_id uuid NOT NULL,
  said_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT not_the_same_once UNIQUE (workspace_id, one_id, other_id),
  CONSTRAINT not_the_same_order CHECK (one_id < other_id),
  FOREIGN KEY (workspace_id, one_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, other_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX not_the_same_other ON not_the_same (workspace_id, other_id);

-- Two members who may be one person, as the last look over everybody found them.
CREATE TABLE likeness (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  one_id uuid NOT NULL,
  other_id uuid NOT NULL,
  reasons text[] NOT NULL,
  strength int NOT NULL,
  found_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT likeness_once UNIQUE (workspace_id, one_id, other_id),
  CONSTRAINT likeness_order CHECK (one_id < other_id),
  FOREIGN KEY (workspace_id, one_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, other_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX likeness_other ON likeness (workspace_id, other_id);
CREATE INDEX likeness_strength ON likeness (workspace_id, (-strength), id);

-- Ambassadors: a mandate with an end, accepted under a version of the charter.
CREATE TABLE ambassador (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  member_id uuid NOT NULL,
  community_id uuid NOT NULL,
  code text NOT NULL,
  area text NOT NULL DEFAULT '',
  perks text NOT NULL DEFAULT '',
  motive text NOT NULL DEFAULT '',
  applied_at timestamptz NOT NULL,
  charter_id uuid,
  charter_accepted_at timestamptz,
  accepted_at timestamptz,
  declined_at timestamptz,
  account_id uuid REFERENCES account (id) ON DELETE RESTRICT,
  starts_on date,
  ends_on date,
  rests_until date,
  ended_at timestamptz,
  ended_reason text NOT NULL DEFAULT '',
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT ambassador_code_once UNIQUE (workspace_id, code),
  CONSTRAINT ambassador_term CHECK (ends_on >= starts_on),
  CONSTRAINT ambassador_accepted CHECK (accepted_at IS NULL
    OR (declined_at IS NULL AND starts_on IS NOT NULL AND ends_on IS NOT NULL)),
  FOREIGN KEY (workspace_id, member_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, community_id) REFERENCES community (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, charter_id) REFERENCES charter (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX ambassador_member ON ambassador (workspace_id, member_id);
CREATE INDEX ambassador_community ON ambassador (workspace_id, community_id);
CREATE INDEX ambassador_charter ON ambassador (workspace_id, charter_id);
CREATE INDEX ambassador_account ON ambassador (account_id);
CREATE UNIQUE INDEX ambassador_one_at_a_time ON ambassador (workspace_id, member_id)
  WHERE ended_at IS NULL AND declined_at IS NULL;

CREATE TABLE mission (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  ambassador_id uuid NOT NULL,
  meetup_id uuid,
  kind text NOT NULL,
  title text NOT NULL,
  goal int,
  due_on date,
  created_at timestamptz NOT NULL,
  proof_text text NOT NULL DEFAULT '',
  proof_link text NOT NULL DEFAULT '',
  proof_count int,
  proof_picture_id uuid,
  proved_at timestamptz,
  thanks text NOT NULL DEFAULT '',
  thanked_at timestamptz,
  dropped_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT mission_kind CHECK (kind IN ('host', 'newcomers', 'test', 'opinions', 'other')),
  CONSTRAINT mission_goal CHECK (goal > 0),
  CONSTRAINT mission_count CHECK (proof_count >= 0),
  FOREIGN KEY (workspace_id, ambassador_id) REFERENCES ambassador (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, proof_picture_id) REFERENCES picture (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX mission_ambassador ON mission (workspace_id, ambassador_id);
CREATE INDEX mission_meetup ON mission (workspace_id, meetup_id);
CREATE INDEX mission_picture ON mission (workspace_id, proof_picture_id);

CREATE TABLE stint (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  ambassador_id uuid NOT NULL,
  meetup_id uuid,
  worked_on date NOT NULL,
  minutes int NOT NULL,
  note text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL,
  removed_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT stint_minutes CHECK (minutes BETWEEN 1 AND 1440),
  FOREIGN KEY (workspace_id, ambassador_id) REFERENCES ambassador (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX stint_ambassador ON stint (workspace_id, ambassador_id);
CREATE INDEX stint_meetup ON stint (workspace_id, meetup_id);

-- A personal invitation an ambassador had sent, and the link behind each registration.
CREATE TABLE invitation (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  meetup_id uuid NOT NULL,
  member_id uuid NOT NULL,
  ambassador_id uuid,
  invited_at timestamptz NOT NULL,
  hidden_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, member_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, ambassador_id) REFERENCES ambassador (workspace_id, id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX invitation_once ON invitation (workspace_id, meetup_id, member_id, ambassador_id) NULLS NOT DISTINCT;
CREATE INDEX invitation_member ON invitation (workspace_id, member_id);
CREATE INDEX invitation_ambassador ON invitation (workspace_id, ambassador_id);

CREATE TABLE touch (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  meetup_id uuid NOT NULL,
  member_id uuid NOT NULL,
  ambassador_id uuid NOT NULL,
  is_own boolean NOT NULL,
  touched_at timestamptz NOT NULL,
  hidden_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, member_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, ambassador_id) REFERENCES ambassador (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX touch_meetup ON touch (workspace_id, meetup_id);
CREATE INDEX touch_member ON touch (workspace_id, member_id, touched_at);
CREATE INDEX touch_ambassador ON touch (workspace_id, ambassador_id, touched_at);

-- Sponsors: what is sold, the sale, and what is owed for it.
CREATE TABLE package (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  name text NOT NULL,
  description text NOT NULL DEFAULT '',
  price_cents bigint NOT NULL,
  currency text NOT NULL,
  created_at timestamptz NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT package_name_once UNIQUE (workspace_id, name),
  CONSTRAINT package_price CHECK (price_cents >= 0)
);

CREATE TABLE promise (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  package_id uuid NOT NULL,
  position int NOT NULL,
  title text NOT NULL,
  quantity int NOT NULL DEFAULT 1,
  days_before int NOT NULL DEFAULT 0,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT promise_quantity CHECK (quantity > 0),
  FOREIGN KEY (workspace_id, package_id) REFERENCES package (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX promise_package ON promise (workspace_id, package_id, position);

ALTER TABLE sponsorship
  ALTER COLUMN meetup_id DROP NOT NULL,
  ADD COLUMN series_id uuid,
  ADD COLUMN starts_on date,
  ADD COLUMN ends_on date,
  ADD COLUMN package_id uuid,
  ADD COLUMN price_cents bigint,
  ADD COLUMN in_kind_cents bigint,
  ADD COLUMN currency text NOT NULL DEFAULT 'EUR',
  ADD COLUMN note text NOT NULL DEFAULT '',
  ADD CONSTRAINT sponsorship_series FOREIGN KEY (workspace_id, series_id) REFERENCES series (workspace_id, id) ON DELETE RESTRICT,
  ADD CONSTRAINT sponsorship_package FOREIGN KEY (workspace_id, package_id) REFERENCES package (workspace_id, id) ON DELETE RESTRICT,
  ADD CONSTRAINT sponsorship_prices CHECK (price_cents >= 0 AND in_kind_cents >= 0),
  ADD CONSTRAINT sponsorship_dates CHECK (ends_on >= starts_on AND (starts_on IS NULL) = (ends_on IS NULL)),
  ADD CONSTRAINT sponsorship_of_one CHECK (num_nonnulls(meetup_id, series_id, starts_on) = 1);
CREATE INDEX sponsorship_of_series ON sponsorship (workspace_id, series_id);
CREATE INDEX sponsorship_of_package ON sponsorship (workspace_id, package_id);
CREATE INDEX sponsorship_of_sponsor ON sponsorship (workspace_id, sponsor_id);
-- The same package is sold once to one sponsor for one series, and for one period.
CREATE UNIQUE INDEX sponsorship_series_once ON sponsorship (workspace_id, sponsor_id, series_id, package_id)
  NULLS NOT DISTINCT WHERE series_id IS NOT NULL;
CREATE UNIQUE INDEX sponsorship_period_once ON sponsorship (workspace_id, sponsor_id, starts_on, ends_on, package_id)
  NULLS NOT DISTINCT WHERE starts_on IS NOT NULL;

-- Every meetup a sponsor pays for, by itself, through its series or through a period. A series is
-- paid for from the sale on: what was closed before was somebody else's. The days around the
-- period let an index find its meetups; the zone of each decides.
CREATE VIEW sponsored WITH (security_invoker = true) AS
  SELECT p.workspace_id, p.sponsor_id, p.id AS sponsorship_id, m.id AS meetup_id
  FROM sponsorship p JOIN meetup m ON m.workspace_id = p.workspace_id AND m.id = p.meetup_id
  UNION ALL
  SELECT p.workspace_id, p.sponsor_id, p.id, m.id
  FROM sponsorship p JOIN meetup m ON m.workspace_id = p.workspace_id AND m.series_id = p.series_id
    AND (m.closed_at IS NULL OR m.closed_at >= p.created_at)
  UNION ALL
  SELECT p.workspace_id, p.sponsor_id, p.id, m.id
  FROM sponsorship p JOIN meetup m ON m.workspace_id = p.workspace_id
    AND m.starts_at >= ((p.starts_on - 1)::timestamp AT TIME ZONE 'UTC')
    AND m.starts_at < ((p.ends_on + 2)::timestamp AT TIME ZONE 'UTC')
    AND m.starts_at >= (p.starts_on::timestamp AT TIME ZONE m.time_zone)
    AND m.starts_at < ((p.ends_on + 1)::timestamp AT TIME ZONE m.time_zone)
  WHERE p.starts_on IS NOT NULL;

CREATE TABLE deliverable (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  sponsorship_id uuid NOT NULL,
  title text NOT NULL,
  quantity int NOT NULL DEFAULT 1,
  due_on date NOT NULL,
  owner_id uuid REFERENCES account (id) ON DELETE RESTRICT,
  created_at timestamptz NOT NULL,
  delivered_at timestamptz,
  dropped_at timestamptz,
  dropped_reason text NOT NULL DEFAULT '',
  reminded_for date,
  chased_for date,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT deliverable_quantity CHECK (quantity > 0),
  CONSTRAINT deliverable_one_end CHECK (delivered_at IS NULL OR dropped_at IS NULL),
  FOREIGN KEY (workspace_id, sponsorship_id) REFERENCES sponsorship (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX deliverable_sponsorship ON deliverable (workspace_id, sponsorship_id);
CREATE INDEX deliverable_due ON deliverable (workspace_id, due_on, id);
CREATE INDEX deliverable_owner ON deliverable (owner_id);

CREATE TABLE proof (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  deliverable_id uuid NOT NULL,
  kind text NOT NULL,
  link text NOT NULL DEFAULT '',
  count int,
  note text NOT NULL DEFAULT '',
  picture_id uuid,
  created_at timestamptz NOT NULL,
  withdrawn_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT proof_kind CHECK (kind IN ('photo', 'link', 'count')),
  CONSTRAINT proof_count CHECK (count >= 0),
  CONSTRAINT proof_shown CHECK (CASE kind WHEN 'photo' THEN picture_id IS NOT NULL
    WHEN 'link' THEN link <> '' ELSE count IS NOT NULL END),
  FOREIGN KEY (workspace_id, deliverable_id) REFERENCES deliverable (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, picture_id) REFERENCES picture (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX proof_deliverable ON proof (workspace_id, deliverable_id);
CREATE INDEX proof_picture ON proof (workspace_id, picture_id);

-- Venues, meetups: who stands for the brand, what happens when, who does what.
ALTER TABLE venue
  ADD COLUMN slug text,
  ADD COLUMN capacity int,
  ADD COLUMN terms text NOT NULL DEFAULT '',
  ADD COLUMN contact text NOT NULL DEFAULT '',
  ADD COLUMN website text NOT NULL DEFAULT '',
  ADD COLUMN archived_at timestamptz,
  ADD CONSTRAINT venue_capacity CHECK (capacity > 0 AND (hard_limit IS NULL OR capacity <= hard_limit));
-- The walls stand already: this transaction looks over all of them.
SELECT set_config('apero.workspaces', (SELECT coalesce(array_agg(id), '{}')::text FROM workspace), true);
UPDATE venue SET slug = 'venue-' || replace(id::text, '-', '');
ALTER TABLE venue
  ALTER COLUMN slug SET NOT NULL,
  ADD CONSTRAINT venue_slug_once UNIQUE (workspace_id, slug);

ALTER TABLE meetup
  ADD COLUMN postponed_at timestamptz,
  ADD COLUMN postponed_reason text NOT NULL DEFAULT '',
  ADD COLUMN moved_from timestamptz;

CREATE TABLE representative (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  meetup_id uuid NOT NULL,
  position int NOT NULL,
  name text NOT NULL,
  role text NOT NULL,
  recognised_by text NOT NULL DEFAULT '',
  picture_id uuid,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, picture_id) REFERENCES picture (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX representative_meetup ON representative (workspace_id, meetup_id, position);
CREATE INDEX representative_picture ON representative (workspace_id, picture_id);
INSERT INTO representative (id, workspace_id, meetup_id, position, name, role)
  SELECT gen_random_uuid(), workspace_id, id, 1, btrim(split_part(representative, ',', 1)),
    btrim(substr(representative, length(split_part(representative, ',', 1)) + 2))
  FROM meetup WHERE btrim(split_part(representative, ',', 1)) <> '';

CREATE TABLE cue (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  meetup_id uuid NOT NULL,
  minute int NOT NULL,
  title text NOT NULL,
  owner text NOT NULL DEFAULT '',
  note text NOT NULL DEFAULT '',
  is_public boolean NOT NULL DEFAULT false,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX cue_meetup ON cue (workspace_id, meetup_id, minute);

CREATE TABLE task (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  meetup_id uuid NOT NULL,
  title text NOT NULL,
  owner_id uuid REFERENCES account (id) ON DELETE RESTRICT,
  due_on date,
  created_at timestamptz NOT NULL,
  reminded_at timestamptz,
  done_at timestamptz,
  removed_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX task_meetup ON task (workspace_id, meetup_id);
CREATE INDEX task_owner ON task (owner_id);
CREATE INDEX task_due ON task (workspace_id, due_on) WHERE done_at IS NULL AND removed_at IS NULL;

-- Series: what each edition is made of, and the rules its dates follow, one after another.
ALTER TABLE series
  ADD COLUMN description text NOT NULL DEFAULT '',
  ADD COLUMN programme text NOT NULL DEFAULT '',
  ADD COLUMN representative text NOT NULL DEFAULT '',
  ADD COLUMN capacity int,
  ADD COLUMN admission text NOT NULL DEFAULT 'first_come',
  ADD COLUMN venue_id uuid,
  ADD COLUMN announced_at timestamptz,
  ADD COLUMN ended_at timestamptz,
  ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
  ADD CONSTRAINT series_capacity CHECK (capacity > 0),
  ADD CONSTRAINT series_admission CHECK (admission IN ('first_come', 'lottery')),
  ADD CONSTRAINT series_venue FOREIGN KEY (workspace_id, venue_id) REFERENCES venue (workspace_id, id) ON DELETE RESTRICT;
CREATE INDEX series_venue_id ON series (workspace_id, venue_id);

CREATE TABLE recurrence (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  series_id uuid NOT NULL,
  rule text NOT NULL,
  starts_on date NOT NULL,
  starts_time time NOT NULL,
  minutes int NOT NULL,
  time_zone text NOT NULL,
  skipped date[] NOT NULL DEFAULT '{}',
  sequence int NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT recurrence_minutes CHECK (minutes BETWEEN 1 AND 10080),
  FOREIGN KEY (workspace_id, series_id) REFERENCES series (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX recurrence_series ON recurrence (workspace_id, series_id, starts_on);

ALTER TABLE meetup
  ADD COLUMN recurrence_id uuid,
  ADD COLUMN occurs_on date,
  ADD COLUMN is_apart boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT meetup_of_a_rule CHECK ((recurrence_id IS NULL) = (occurs_on IS NULL)),
  ADD CONSTRAINT meetup_recurrence FOREIGN KEY (workspace_id, recurrence_id) REFERENCES recurrence (workspace_id, id) ON DELETE RESTRICT;
CREATE UNIQUE INDEX meetup_once_a_date ON meetup (workspace_id, recurrence_id, occurs_on) WHERE recurrence_id IS NOT NULL;
CREATE INDEX meetup_recurrence_id ON meetup (workspace_id, recurrence_id);

-- Whoever gave her place back and comes again is counted on: calendars keep the latest.
ALTER TABLE registration ADD COLUMN returns int NOT NULL DEFAULT 0;

-- A letter one may stop by one gesture says where.
ALTER TABLE letter ADD COLUMN unsubscribe_href text NOT NULL DEFAULT '';

-- Somebody who follows a series is told of each edition, and says yes to each by herself.
CREATE TABLE follower (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  series_id uuid NOT NULL,
  member_id uuid NOT NULL,
  language text NOT NULL,
  token_hash bytea NOT NULL,
  asked_at timestamptz NOT NULL,
  confirmed_at timestamptz,
  ended_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT follower_token_once UNIQUE (token_hash),
  FOREIGN KEY (workspace_id, series_id) REFERENCES series (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, member_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX follower_once ON follower (workspace_id, series_id, member_id) WHERE ended_at IS NULL;
CREATE INDEX follower_member ON follower (workspace_id, member_id);
CREATE INDEX follower_series ON follower (workspace_id, series_id);

-- My meetups: one address a member, known by its hash.
CREATE TABLE agenda (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  member_id uuid NOT NULL,
  token_hash bytea NOT NULL,
  created_at timestamptz NOT NULL,
  revoked_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT agenda_token_once UNIQUE (token_hash),
  FOREIGN KEY (workspace_id, member_id) REFERENCES member (workspace_id, id) ON DELETE RESTRICT
);
CREATE UNIQUE INDEX agenda_once ON agenda (workspace_id, member_id) WHERE revoked_at IS NULL;
CREATE INDEX agenda_member ON agenda (workspace_id, member_id);

-- Budget: planned, spent, in kind, hours; and which sponsor covers how much of a line.
CREATE TABLE budget_line (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  meetup_id uuid,
  series_id uuid,
  kind text NOT NULL,
  label text NOT NULL,
  supplier text NOT NULL DEFAULT '',
  paid_on date,
  currency text NOT NULL,
  planned_cents bigint,
  spent_cents bigint,
  minutes int,
  hour_cents bigint,
  created_at timestamptz NOT NULL,
  removed_at timestamptz,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT budget_line_of_one CHECK (num_nonnulls(meetup_id, series_id) = 1),
  CONSTRAINT budget_line_kind CHECK (kind IN ('cash', 'in_kind', 'hours')),
  CONSTRAINT budget_line_amounts CHECK (planned_cents >= 0 AND spent_cents >= 0 AND minutes >= 0 AND hour_cents >= 0),
  CONSTRAINT budget_line_hours CHECK ((kind = 'hours') = (hour_cents IS NOT NULL)),
  FOREIGN KEY (workspace_id, meetup_id) REFERENCES meetup (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, series_id) REFERENCES series (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX budget_line_meetup ON budget_line (workspace_id, meetup_id);
CREATE INDEX budget_line_series ON budget_line (workspace_id, series_id);

CREATE TABLE coverage (
  id uuid NOT NULL,
  workspace_id uuid NOT NULL REFERENCES workspace (id) ON DELETE RESTRICT,
  line_id uuid NOT NULL,
  sponsor_id uuid NOT NULL,
  cents bigint NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (workspace_id, id),
  CONSTRAINT coverage_once UNIQUE (workspace_id, line_id, sponsor_id),
  CONSTRAINT coverage_cents CHECK (cents > 0),
  FOREIGN KEY (workspace_id, line_id) REFERENCES budget_line (workspace_id, id) ON DELETE RESTRICT,
  FOREIGN KEY (workspace_id, sponsor_id) REFERENCES sponsor (workspace_id, id) ON DELETE RESTRICT
);
CREATE INDEX coverage_sponsor ON coverage (workspace_id, sponsor_id);

-- The same walls around the new tables.
DO $$
DECLARE one record;
BEGIN
  FOR one IN
    SELECT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
      AND a.attname = 'workspace_id' AND NOT a.attisdropped AND NOT c.relrowsecurity
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', one.name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', one.name);
    EXECUTE format('CREATE POLICY of_workspace ON %I USING (workspace_id = ANY (apero_scope()))', one.name);
  END LOOP;
END $$;

-- In every wall the scope is worked out once a statement, not once a row.
DO $$
DECLARE one record;
BEGIN
  FOR one IN SELECT tablename AS name FROM pg_policies WHERE policyname = 'of_workspace'
  LOOP
    EXECUTE format('ALTER POLICY of_workspace ON %I USING (workspace_id = ANY ((SELECT apero_scope())::uuid[]))', one.name);
  END LOOP;
END $$;

CREATE POLICY of_holder ON follower FOR SELECT USING (token_hash = apero_presented());

CREATE POLICY of_holder ON agenda FOR SELECT USING (token_hash = apero_presented());
