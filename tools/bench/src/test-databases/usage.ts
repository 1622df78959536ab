export const TEST_DATABASES_USAGE: string = `Usage: npm run bench -- test-databases [options]
  How soon a file has a database: ours against the algorithms of pgtestdb, IntegreSQL and testcontainers.
  --quick   half a minute instead of seven, with too few files for the tails
  --remote  instead: over a tunnel with 10 and 40 ms one way, ours against migrating and cloning from here
  --grow    instead: how cost grows with workers, files and tables
  --json    prints the figures instead of tables; they are in tools/bench/.cache/test-databases*.json in any case`;
