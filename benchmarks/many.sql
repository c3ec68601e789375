-- A large workspace, invented without a command: set many.workspace, many.members,
-- many.meetups and many.activities first. Foreign keys are true, and not asked again.
SET session_replication_role = replica;

CREATE FUNCTION pg_temp.w() RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT current_setting('many.workspace')::uuid $$;
CREATE FUNCTION pg_temp.size(name text) RETURNS int LANGUAGE sql STABLE AS
$$ SELECT current_setting('many.' || name)::int $$;
-- The nth row of a kind, in the order of its key as the product's own keys are.
CREATE FUNCTION pg_temp.k(kind int, n bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT (lpad(to_hex(kind), 8, '0') || '-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid $$;
CREATE FUNCTION pg_temp.hash(name text, n bigint, m bigint) RETURNS bytea LANGUAGE sql STABLE AS
$$ SELECT sha256(convert_to(concat_ws(':', current_setting('many.workspace'), name, n, m), 'UTF8')) $$;
SELECT setseed(0.25);

-- 1 communities, 4 channels
INSERT INTO community (id, workspace_id, slug, name, description, created_at)
  SELECT pg_temp.k(1, n), pg_temp.w(), 'many-' || n, 'Cercle ' || n, '', now() - interval '5 years'
  FROM generate_series(1, 5) AS n;
INSERT INTO channel (id, workspace_id, community_id, name, kind, created_at)
  SELECT pg_temp.k(4, n), pg_temp.w(), pg_temp.k(1, n), 'Forum ' || n, 'discourse', now() - interval '5 years'
  FROM generate_series(1, 5) AS n;

-- 2 members, 3 belongings, 5 identities, 18 consents
INSERT INTO member (id, workspace_id, name, email, language, joined_on, is_insider, linking_agreed_at, created_at)
  SELECT pg_temp.k(2, n), pg_temp.w(),
    first[1 + n % cardinality(first)] || ' ' || last[1 + (n * 7 + n / cardinality(first)) % cardinality(last)],
    CASE WHEN n % 20 > 0 THEN 'm' || n || '@lunatiques.example' END, 'fr',
    (now() - (n % 1800) * interval '1 day')::date, n % 400 = 0,
    CASE WHEN n % 2 = 0 THEN now() - (n % 900) * interval '1 day' END,
    now() - (n % 1800) * interval '1 day'
  FROM generate_series(1, pg_temp.size('members')) AS n, (SELECT
    current_setting('many.first')::text[] AS first, current_setting('many.last')::text[] AS last) AS names;
INSERT INTO belonging (id, workspace_id, community_id, member_id, created_at)
  SELECT pg_temp.k(3, n), pg_temp.w(), pg_temp.k(1, 1 + n % 5), pg_temp.k(2, n), now() - interval '1 year'
  FROM generate_series(1, pg_temp.size('members')) AS n
  UNION ALL
  SELECT pg_temp.k(3, pg_temp.size('members') + n), pg_temp.w(), pg_temp.k(1, 1 + (n + 1) % 5), pg_temp.k(2, n), now()
  FROM generate_series(1, pg_temp.size('members'), 4) AS n;
INSERT INTO identity (id, workspace_id, channel_id, member_id, handle, proof, created_at)
  SELECT pg_temp.k(5, n), pg_temp.w(), pg_temp.k(4, 1 + n % 5), pg_temp.k(2, n), 'h' || n, 'imported', now() - interval '3 years'
  FROM generate_series(1, pg_temp.size('members') * 3 / 5) AS n;
INSERT INTO consent (id, workspace_id, member_id, purpose, is_given, text_sha256, language, via, at)
  SELECT pg_temp.k(18, n), pg_temp.w(), pg_temp.k(2, n), 'linking', true, sha256('I agree'), 'fr', 'import', now() - (n % 900) * interval '1 day'
  FROM generate_series(2, pg_temp.size('members'), 2) AS n;

-- 6 venues, 7 series, 8 meetups: one in fifty is still to come
INSERT INTO venue (id, workspace_id, slug, name, address, hard_limit, created_at)
  SELECT pg_temp.k(6, n), pg_temp.w(), 'salle-' || n, 'Salle ' || n, n || ' rue des Pentes, Lyon', 200, now() - interval '5 years'
  FROM generate_series(1, greatest(10, pg_temp.size('meetups') / 10)) AS n;
INSERT INTO series (id, workspace_id, community_id, slug, name, created_at)
  SELECT pg_temp.k(7, n), pg_temp.w(), pg_temp.k(1, 1 + n % 5), 'serie-' || n, 'Série ' || n, now() - interval '5 years'
  FROM generate_series(1, greatest(1, pg_temp.size('meetups') / 20)) AS n;
INSERT INTO meetup (id, workspace_id, community_id, series_id, venue_id, number, key_id, slug, title, representative,
    starts_at, ends_at, time_zone, created_at, updated_at, published_at, closed_at)
  SELECT pg_temp.k(8, n), pg_temp.w(), pg_temp.k(1, 1 + n % 5), pg_temp.k(7, 1 + n % greatest(1, pg_temp.size('meetups') / 20)),
    pg_temp.k(6, 1 + n % greatest(10, pg_temp.size('meetups') / 10)),
    before.number + n, before.key_id, 'soiree-' || n, 'Soirée ' || n, 'Camille',
    at, at + interval '3 hours', 'Europe/Paris', at - interval '40 days', at - interval '30 days', at - interval '30 days',
    CASE WHEN at < now() THEN at + interval '1 day' END
  FROM generate_series(1, pg_temp.size('meetups')) AS n,
    LATERAL (SELECT date_trunc('hour', now()) + (n - pg_temp.size('meetups') + greatest(3, pg_temp.size('meetups') / 50)) * interval '36 hours' - interval '2 hours' AS at) AS day,
    (SELECT coalesce(max(number), 0) AS number, coalesce(max(key_id), 1) AS key_id FROM meetup) AS before;
INSERT INTO seating (id, workspace_id, capacity, taken)
  SELECT pg_temp.k(8, n), pg_temp.w(), 120, 100 FROM generate_series(1, pg_temp.size('meetups')) AS n;
INSERT INTO lift_plan (id, workspace_id, primary_outcome, comparison, window_days, fixed_at)
  SELECT id, workspace_id, 'active_days', 'no_shows', 28, published_at FROM meetup
  WHERE workspace_id = pg_temp.w() AND slug LIKE 'soiree-%';

-- 9 registrations: a hundred each; the first twenty are the regulars, a tenth of everybody
INSERT INTO registration (id, workspace_id, meetup_id, member_id, status, source, code_hash, typed_hash, capability_hash,
    registered_at, attended_at)
  SELECT pg_temp.k(9, n * 100 + j), pg_temp.w(), pg_temp.k(8, n), pg_temp.k(2, CASE WHEN j <= 20
      THEN 1 + (n * 20 + j) % regulars
      ELSE 1 + regulars + (n * 7919::bigint + j * 104729) % (pg_temp.size('members') - regulars) END),
    'confirmed', 'import', pg_temp.hash('code', n, j), pg_temp.hash('typed', n, j), pg_temp.hash('capability', n, j),
    m.published_at + j * interval '3 hours',
    CASE WHEN m.closed_at IS NOT NULL AND (n * 31 + j * 17) % 10 < 6 THEN m.starts_at + j * interval '1 minute' END
  FROM generate_series(1, pg_temp.size('meetups')) AS n
    JOIN meetup m ON m.workspace_id = pg_temp.w() AND m.id = pg_temp.k(8, n),
    generate_series(1, 100) AS j, (SELECT greatest(50, pg_temp.size('members') / 10) AS regulars) AS r
  ON CONFLICT DO NOTHING;

-- 10 activities over three years: few write much, most write little
INSERT INTO activity (id, workspace_id, channel_id, identity_id, external_id, kind, at, is_qualified)
  SELECT pg_temp.k(10, n), pg_temp.w(), pg_temp.k(4, 1 + who % 5), pg_temp.k(5, who), 'many-' || n, kind, at, kind <> 'like'
  FROM (SELECT n, (1 + floor(random() ^ 3 * (pg_temp.size('members') * 3 / 5)))::bigint AS who,
      (ARRAY['post', 'reply', 'reply', 'like'])[1 + n % 4] AS kind,
      now() - random() * interval '1095 days' AS at
    FROM generate_series(1, pg_temp.size('activities')) AS n) AS made;
INSERT INTO activity_day (workspace_id, identity_id, day, acts)
  SELECT workspace_id, identity_id, (at AT TIME ZONE 'Europe/Paris')::date, count(*)
  FROM activity WHERE workspace_id = pg_temp.w() AND external_id LIKE 'many-%' AND is_qualified GROUP BY 1, 2, 3;

-- 11 tags, 12 taggings, 13 notes, 16 invitations
INSERT INTO tag (id, workspace_id, slug, name, created_at)
  SELECT pg_temp.k(11, n), pg_temp.w(), 'marque-' || n, 'Marque ' || n, now() FROM generate_series(1, 12) AS n;
INSERT INTO tagging (id, workspace_id, tag_id, member_id, created_at)
  SELECT pg_temp.k(12, n), pg_temp.w(), pg_temp.k(11, 1 + (n / 5) % 12), pg_temp.k(2, n), now()
  FROM generate_series(5, pg_temp.size('members'), 5) AS n;
INSERT INTO note (id, workspace_id, member_id, text, created_at)
  SELECT pg_temp.k(13, n), pg_temp.w(), pg_temp.k(2, n), 'Veut aider à l’accueil.', now() - (n % 900) * interval '1 day'
  FROM generate_series(20, pg_temp.size('members'), 20) AS n;
INSERT INTO invitation (id, workspace_id, meetup_id, member_id, invited_at)
  SELECT pg_temp.k(16, n * 20 + j), pg_temp.w(), pg_temp.k(8, n),
    pg_temp.k(2, 1 + (n * 7919::bigint + j * 104729) % pg_temp.size('members')), now() - interval '60 days'
  FROM generate_series(1, pg_temp.size('meetups')) AS n, generate_series(1, 20) AS j
  ON CONFLICT DO NOTHING;

-- 14 sponsors, 15 sponsorships of one meetup in three
INSERT INTO sponsor (id, workspace_id, slug, name, created_at)
  SELECT pg_temp.k(14, n), pg_temp.w(), 'mecene-' || n, 'Mécène ' || n, now()
  FROM generate_series(1, greatest(4, pg_temp.size('meetups') / 10)) AS n;
INSERT INTO sponsorship (id, workspace_id, sponsor_id, meetup_id, created_at)
  SELECT pg_temp.k(15, n), pg_temp.w(), pg_temp.k(14, 1 + n % greatest(4, pg_temp.size('meetups') / 10)), pg_temp.k(8, n), now()
  FROM generate_series(3, pg_temp.size('meetups'), 3) AS n;
