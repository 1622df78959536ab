export const HARNESS_USAGE: string = `Usage: npm run bench -- harness [--quick] [--json]
  What Postern costs a suite: the ledger's integration tests under it, and with a setup made by hand that migrates once
  and shares one database. Cold (nothing cached), warm, and with a host process that runs already.
  --quick   one round instead of five`;
