CREATE TABLE countries (
  code char(2) PRIMARY KEY,
  name text NOT NULL UNIQUE
);
ALTER TABLE cities ADD COLUMN country char(2) REFERENCES countries;
