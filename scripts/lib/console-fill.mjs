// A chat that has been there for long: rooms, people and accounts by the thousand, as SQL that both databases take.

/**
 * @param {'sqlite' | 'postgres'} kind
 * @param {{rooms: number, people: number, accounts: number}} how
 * @returns {string}
 */
export function fillSql(kind, { rooms, people, accounts }) {
    const isSqlite = kind === "sqlite";
    const id = isSqlite ? "randomblob(16)" : "gen_random_uuid()";
    const ago = (/** @type {string} */ seconds) =>
        isSqlite ? `(unixepoch() - ${seconds}) * 1000` : `now() - (${seconds}) * interval '1 second'`;
    const up = (/** @type {number} */ n) => `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n})`;
    return `BEGIN;
${up(rooms)} INSERT INTO rooms (id, epoch, created_at, last_rev, message_count, last_message_at, settings, held_count)
SELECT 'blog.example:2026:post-' || i, (SELECT epoch FROM meta), ${ago("i * 60 + 90000")}, i % 977 + 1, i % 977 + 1, ${ago("i * 60")},
  CASE WHEN i % 20 = 0 THEN '{"locked":true}' ELSE '{}' END, CASE WHEN i % 100 = 0 THEN 1 ELSE 0 END FROM n;
${up(people)} INSERT INTO people (author_id, nickname, avatar, first_seen_at, last_seen_at)
SELECT 'author-' || i, 'Otter ' || i, 'otter', ${ago("i * 30 + 600")}, ${ago("i * 30")} FROM n;
${up(people)} INSERT INTO author_names (author_id, nickname, first_seen_at)
SELECT 'author-' || i, 'Otter ' || i, ${ago("i * 30 + 600")} FROM n;
${up(people * 2)} INSERT INTO authors (room_id, author_id, first_seen_at, last_message_at)
SELECT 'blog.example:2026:post-' || (i % ${rooms} + 1), 'author-' || (i / 2 + 1), ${ago("i * 15 + 600")}, ${ago("i * 15")} FROM n
WHERE true ON CONFLICT DO NOTHING;
${up(accounts)} INSERT INTO users (id, kind, nickname, avatar, created_at, email)
SELECT ${id}, 1, 'Member ' || i, 'fox', ${ago("i * 45")}, 'member' || i || '@example.com' FROM n;
INSERT INTO workspace_members (workspace_id, user_id, role)
SELECT (SELECT id FROM workspaces), id, 'member' FROM users WHERE email LIKE 'member%';
COMMIT;
${isSqlite ? "ANALYZE;" : "VACUUM ANALYZE;"}
`;
}
