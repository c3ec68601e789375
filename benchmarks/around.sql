-- What stands around the people and the meetups of `many.sql`, in the same session: plans,
-- sales and what is owed, ambassadors, budgets, duplicates, the log and the letters.

-- A key that no other workspace has: of what is not kept by workspace.
CREATE FUNCTION pg_temp.own(kind int, n bigint) RETURNS uuid LANGUAGE sql STABLE AS
$$ SELECT (left(md5(pg_temp.w()::text), 8) || substr(pg_temp.k(kind, n)::text, 9, 16) || lpad(to_hex(kind * 100000000::bigint + n), 12, '0'))::uuid $$;

-- 20 representatives, 21 cues, 22 tasks: of every meetup
INSERT INTO representative (id, workspace_id, meetup_id, position, name, role, recognised_by)
  SELECT pg_temp.k(20, n), pg_temp.w(), pg_temp.k(8, n), 1, 'Camille', 'Chargée de communauté', 'une écharpe rouge'
  FROM generate_series(1, pg_temp.size('meetups')) AS n;
INSERT INTO cue (id, workspace_id, meetup_id, minute, title, owner, is_public)
  SELECT pg_temp.k(21, n * 10 + j), pg_temp.w(), pg_temp.k(8, n), j * 20, 'Moment ' || j, 'Bilal', j % 2 = 0
  FROM generate_series(1, pg_temp.size('meetups')) AS n, generate_series(0, 7) AS j;
INSERT INTO task (id, workspace_id, meetup_id, title, owner_id, due_on, created_at, done_at)
  SELECT pg_temp.k(22, n * 10 + j), pg_temp.w(), m.id, 'Préparer ' || j, a.account_id, (m.starts_at - j * interval '5 days')::date,
    m.created_at, CASE WHEN m.closed_at IS NOT NULL AND (n + j) % 20 > 0 THEN m.starts_at END
  FROM generate_series(1, pg_temp.size('meetups')) AS n JOIN meetup m ON m.workspace_id = pg_temp.w() AND m.id = pg_temp.k(8, n),
    generate_series(0, 5) AS j, (SELECT account_id FROM membership WHERE workspace_id = pg_temp.w() AND role = 'owner' ORDER BY id LIMIT 1) AS a;

-- 23 recurrences, 24 followers: every series has a rule, one person in twenty follows one
INSERT INTO recurrence (id, workspace_id, series_id, rule, starts_on, starts_time, minutes, time_zone, created_at, updated_at)
  SELECT pg_temp.k(23, row_number() OVER (ORDER BY id)), pg_temp.w(), id, 'FREQ=MONTHLY;BYDAY=2TH',
    (now() - interval '4 years')::date, '19:00', 180, 'Europe/Paris', created_at, created_at
  FROM series WHERE workspace_id = pg_temp.w() AND slug LIKE 'serie-%';
UPDATE series SET announced_at = created_at WHERE workspace_id = pg_temp.w() AND slug LIKE 'serie-%';
INSERT INTO follower (id, workspace_id, series_id, member_id, language, token_hash, asked_at, confirmed_at)
  SELECT pg_temp.k(24, n), pg_temp.w(), s.id, pg_temp.k(2, n), 'fr', pg_temp.hash('follower', n, 0), now() - interval '1 year', now() - interval '1 year'
  FROM (SELECT array_agg(id ORDER BY id) AS ids FROM series WHERE workspace_id = pg_temp.w() AND slug LIKE 'serie-%') AS every,
    generate_series(20, pg_temp.size('members'), 20) AS n, LATERAL (SELECT ids[1 + (n / 20) % cardinality(ids)] AS id) AS s;

-- 25 packages, 26 promises, 27 sales of a series or a month, 28 deliverables, 29 proofs
INSERT INTO package (id, workspace_id, name, price_cents, currency, created_at)
  SELECT pg_temp.k(25, n), pg_temp.w(), 'Offre ' || n, n * 10000, 'EUR', now() - interval '4 years'
  FROM generate_series(1, greatest(4, pg_temp.size('meetups') / 50)) AS n;
INSERT INTO promise (id, workspace_id, package_id, position, title, days_before)
  SELECT pg_temp.k(26, row_number() OVER (ORDER BY p.id, j)), pg_temp.w(), p.id, j, 'Promesse ' || j, j * 5
  FROM package p, generate_series(1, 5) AS j WHERE p.workspace_id = pg_temp.w();
INSERT INTO sponsorship (id, workspace_id, sponsor_id, series_id, package_id, price_cents, created_at)
  SELECT pg_temp.k(27, row_number() OVER (ORDER BY s.id)), pg_temp.w(), p.id, s.id, pg_temp.k(25, 1), 50000, now() - interval '4 years'
  FROM series s, LATERAL (SELECT id FROM sponsor WHERE workspace_id = pg_temp.w() AND slug LIKE 'mecene-%' ORDER BY md5(s.id::text || id::text) LIMIT 1) AS p
  WHERE s.workspace_id = pg_temp.w() AND s.slug LIKE 'serie-%';
INSERT INTO sponsorship (id, workspace_id, sponsor_id, starts_on, ends_on, package_id, price_cents, created_at)
  SELECT pg_temp.k(27, 100000 + n), pg_temp.w(), pg_temp.k(14, n), (now() - n * interval '30 days')::date, (now() - (n - 1) * interval '30 days')::date,
    pg_temp.k(25, 2), 20000, now() - interval '4 years'
  FROM generate_series(1, (SELECT count(*)::int FROM sponsor WHERE workspace_id = pg_temp.w() AND slug LIKE 'mecene-%')) AS n;
INSERT INTO deliverable (id, workspace_id, sponsorship_id, title, due_on, created_at, delivered_at, dropped_at, dropped_reason)
  SELECT pg_temp.k(28, n), pg_temp.w(), id, 'Contrepartie ' || j, due, created_at,
    CASE WHEN due < current_date AND n % 10 < 8 THEN due END, CASE WHEN due < current_date AND n % 10 = 8 THEN due END,
    CASE WHEN due < current_date AND n % 10 = 8 THEN 'Annulé d’un commun accord.' ELSE '' END
  FROM (SELECT row_number() OVER (ORDER BY p.id, j) AS n, p.id, p.created_at, j,
      (coalesce(m.starts_at, p.ends_on::timestamptz, now() + interval '20 days') - j * interval '4 days')::date AS due
    FROM sponsorship p LEFT JOIN meetup m ON m.workspace_id = p.workspace_id AND m.id = p.meetup_id, generate_series(1, 5) AS j
    WHERE p.workspace_id = pg_temp.w()) AS owed;
INSERT INTO proof (id, workspace_id, deliverable_id, kind, link, created_at)
  SELECT pg_temp.k(29, row_number() OVER (ORDER BY id)), workspace_id, id, 'link', 'https://forum.example/' || id, delivered_at
  FROM deliverable WHERE workspace_id = pg_temp.w() AND delivered_at IS NOT NULL;

-- 30 ambassadors, 31 missions, 32 stints, 33 touches: one member in five hundred
INSERT INTO ambassador (id, workspace_id, member_id, community_id, code, applied_at, charter_accepted_at, accepted_at, starts_on, ends_on)
  SELECT pg_temp.k(30, n), pg_temp.w(), pg_temp.k(2, n), pg_temp.k(1, 1 + n % 5), 'code-' || n, now() - interval '1 year',
    now() - interval '1 year', now() - interval '1 year', (now() - interval '1 year')::date, (now() + interval '1 year')::date
  FROM generate_series(1, greatest(5, pg_temp.size('members') / 500)) AS n;
INSERT INTO mission (id, workspace_id, ambassador_id, meetup_id, kind, title, goal, due_on, created_at, proof_text, proof_count, proved_at)
  SELECT pg_temp.k(31, a * 100 + j), pg_temp.w(), pg_temp.k(30, a), pg_temp.k(8, 1 + (a * 7 + j) % pg_temp.size('meetups')), 'newcomers', 'Inviter ' || j,
    3, (now() + (j - 5) * interval '10 days')::date, now() - interval '200 days', CASE WHEN j < 5 THEN 'Trois amies' ELSE '' END,
    CASE WHEN j < 5 THEN 3 END, CASE WHEN j < 5 THEN now() - interval '40 days' END
  FROM generate_series(1, greatest(5, pg_temp.size('members') / 500)) AS a, generate_series(1, 8) AS j;
INSERT INTO stint (id, workspace_id, ambassador_id, meetup_id, worked_on, minutes, created_at)
  SELECT pg_temp.k(32, a * 100 + j), pg_temp.w(), pg_temp.k(30, a), pg_temp.k(8, 1 + (a * 7 + j) % pg_temp.size('meetups')),
    (now() - j * interval '8 days')::date, 60 + j, now() - j * interval '8 days'
  FROM generate_series(1, greatest(5, pg_temp.size('members') / 500)) AS a, generate_series(1, 30) AS j;
INSERT INTO touch (id, workspace_id, meetup_id, member_id, ambassador_id, is_own, touched_at)
  SELECT pg_temp.k(33, row_number() OVER (ORDER BY id)), workspace_id, meetup_id, member_id,
    pg_temp.k(30, 1 + get_byte(code_hash, 0) % greatest(5, pg_temp.size('members') / 500)), false, registered_at
  FROM registration WHERE workspace_id = pg_temp.w() AND source = 'import' AND get_byte(code_hash, 1) < 51;

-- 34 budget lines, 35 who covers them: four lines of every meetup and series
INSERT INTO budget_line (id, workspace_id, meetup_id, kind, label, currency, planned_cents, spent_cents, minutes, hour_cents, created_at)
  SELECT pg_temp.k(34, n * 10 + j), pg_temp.w(), pg_temp.k(8, n), (ARRAY['cash', 'cash', 'in_kind', 'hours'])[j], 'Poste ' || j, 'EUR', 10000 * j,
    9000 * j, CASE WHEN j = 4 THEN 180 END, CASE WHEN j = 4 THEN 3000 END, now() - interval '1 year'
  FROM generate_series(1, pg_temp.size('meetups')) AS n, generate_series(1, 4) AS j;
INSERT INTO coverage (id, workspace_id, line_id, sponsor_id, cents, created_at)
  SELECT pg_temp.k(35, row_number() OVER (ORDER BY l.id)), l.workspace_id, l.id, p.sponsor_id, 1000, l.created_at
  FROM budget_line l JOIN sponsorship p ON p.workspace_id = l.workspace_id AND p.meetup_id = l.meetup_id
  WHERE l.workspace_id = pg_temp.w() AND l.kind = 'cash' ON CONFLICT DO NOTHING;

-- 36 likenesses, 38 segments, 39 departments, 43 charters
INSERT INTO likeness (id, workspace_id, one_id, other_id, reasons, strength, found_at)
  SELECT pg_temp.k(36, n), pg_temp.w(), pg_temp.k(2, n), pg_temp.k(2, n + 1), '{name}', 1 + n % 3, now()
  FROM generate_series(50, pg_temp.size('members') - 1, 50) AS n;
INSERT INTO segment (id, workspace_id, slug, name, query, created_at)
  SELECT pg_temp.k(38, n), pg_temp.w(), 'filtre-' || n, 'Filtre ' || n, 'came=' || n, now() FROM generate_series(1, 20) AS n;
INSERT INTO department (id, workspace_id, slug, name, created_at)
  SELECT pg_temp.k(39, n), pg_temp.w(), 'service-' || n, 'Service ' || n, now() FROM generate_series(1, 20) AS n;
INSERT INTO charter (id, workspace_id, kind, number, content, published_at)
  SELECT pg_temp.k(43, n * 2 + j), pg_temp.w(), (ARRAY['community', 'ambassadors'])[j], n, '{"fr": "Soyez aimables.", "en": "Be kind."}', now()
  FROM generate_series(1, 20) AS n, generate_series(1, 2) AS j;
UPDATE workspace SET has_charter = true WHERE id = pg_temp.w();

-- 40 entries of the log, 42 letters: as many as members; not kept by workspace
INSERT INTO audit_entry (id, workspace_id, at, actor_kind, role, action, object_type, object_id)
  SELECT pg_temp.own(40, n), pg_temp.w(), now() - (n % 900) * interval '1 day', 'system', '', 'member.add', 'member', pg_temp.k(2, n)
  FROM generate_series(1, pg_temp.size('members')) AS n;
INSERT INTO letter (id, workspace_id, kind, once_key, recipient, language, subject, body_text, body_html, created_at, sent_at)
  SELECT pg_temp.own(42, n), pg_temp.w(), 'ticket', 'many-' || n, 'm' || n || '@lunatiques.example', 'fr', 'Votre place', 'Votre place', '<p>Votre place</p>',
    now() - (n % 900) * interval '1 day', now() - (n % 900) * interval '1 day'
  FROM generate_series(1, pg_temp.size('members')) AS n;

-- 44 the sponsor's contact and the ambassador who sign in, 45 merges
INSERT INTO sponsor_contact (id, workspace_id, sponsor_id, account_id, created_at)
  SELECT pg_temp.k(44, 1), pg_temp.w(), (SELECT p.sponsor_id FROM sponsorship p
      JOIN meetup m ON m.workspace_id = p.workspace_id AND m.id = p.meetup_id
      WHERE p.workspace_id = pg_temp.w() AND m.closed_at IS NOT NULL ORDER BY m.starts_at DESC LIMIT 1), account_id, now()
  FROM membership WHERE workspace_id = pg_temp.w() AND role = 'sponsor' ORDER BY id LIMIT 1;
UPDATE ambassador SET account_id = (SELECT account_id FROM membership WHERE workspace_id = pg_temp.w() AND role = 'ambassador' ORDER BY id LIMIT 1)
  WHERE workspace_id = pg_temp.w() AND id = pg_temp.k(30, 1);
INSERT INTO member (id, workspace_id, name, language, joined_on, merged_into_id, created_at)
  SELECT pg_temp.k(45, n), pg_temp.w(), 'Doublon ' || n, 'fr', now()::date, pg_temp.k(2, n), now()
  FROM generate_series(200, pg_temp.size('members'), 200) AS n;
INSERT INTO merge (id, workspace_id, kept_id, merged_id, moved, stayed, before, merged_at)
  SELECT pg_temp.k(45, n), pg_temp.w(), pg_temp.k(2, n), pg_temp.k(45, n), '{}', '{}', '{"merged": {"name": "Doublon", "email": null}}', now()
  FROM generate_series(200, pg_temp.size('members'), 200) AS n;
