-- Devices that are taken back: columns without a default, so no row is written. `acts_as` is the identity that such a
-- browser writes as from then on; what it wrote before stays with `of_author`.
ALTER TABLE author_aliases
    ADD COLUMN acts_as VARCHAR(255) COLLATE "C",
    ADD COLUMN joined_at TIMESTAMPTZ;
