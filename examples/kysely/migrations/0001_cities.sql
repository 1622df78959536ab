CREATE TABLE cities (
  name text PRIMARY KEY,
  inhabitants integer NOT NULL CHECK (inhabitants >= 0)
);
