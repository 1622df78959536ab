import { TestDatabaseError } from '../errors.ts';

/** The database that holds the ledger of runs, templates and test databases; advisory locks live there. */
export const maintenanceDatabase = 'postern';

/** The login that holds the leases of runs and resets their databases. It may connect to those and the maintenance database only. */
export const leaseRole = 'pt_lease';

/** Names of ours start so; nobody may declare a database or role with these prefixes. */
export const testPrefix = 'pt_';

const runPattern = /^[a-z0-9]{8,20}$/;
const hashPattern = /^[0-9a-f]{64}$/;

/** A run id is 8 to 20 of `a-z0-9`. It becomes part of database names, so nothing else is let through. */
export function isRunId(value: string): boolean {
  return runPattern.test(value);
}

/** A template hash: SHA-256 in lower-case hexadecimal. */
export function isTemplateHash(value: string): boolean {
  return hashPattern.test(value);
}

/** `ptt_<hash16>`: the published template of a hash. */
export function templateName(hash: string): string {
  return `ptt_${checkedHash(hash).slice(0, 16)}`;
}

/** `ptb_<hash16>`: a template that is being built; renamed to {@link templateName} when it is complete. */
export function buildingName(hash: string): string {
  return `ptb_${checkedHash(hash).slice(0, 16)}`;
}

/**
 * `pt_<hash8>_r<run>_<n>`: the n-th test database of a run. Number 0 is the empty database that a run fills
 * itself when the hash is unknown. A name is never proof of ownership; the ledger row is.
 */
export function cloneName(hash: string, run: string, n: number): string {
  if (!isRunId(run)) throw invalid(`run id "${run.slice(0, 40)}"`, '8 to 20 characters of a-z and 0-9');
  if (!Number.isInteger(n) || n < 0 || n > 9999) throw invalid(`number ${n}`, 'an integer from 0 to 9999');
  return `pt_${checkedHash(hash).slice(0, 8)}_r${run}_${n}`;
}

/** Takes a test database's name apart; undefined when it is not one. */
export function parseCloneName(name: string): { hash8: string; run: string; n: number } | undefined {
  const match = /^pt_([0-9a-f]{8})_r([a-z0-9]{8,20})_(\d{1,4})$/.exec(name);
  return match ? { hash8: match[1] as string, run: match[2] as string, n: Number(match[3]) } : undefined;
}

/** `pt_<role>`: the login with which tests act as a declared role (INHERIT FALSE, SET TRUE). */
export function testLogin(role: string): string {
  return `${testPrefix}${role}`;
}

/** A name as an SQL identifier. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as an SQL literal, whatever `standard_conforming_strings` is. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  return text.includes('\\') ? `E${quoted}` : quoted;
}

function checkedHash(hash: string): string {
  if (!isTemplateHash(hash)) throw invalid('the template hash', '64 hexadecimal digits');
  return hash;
}

function invalid(what: string, expected: string): TestDatabaseError {
  return new TestDatabaseError('TESTDB_NAME_INVALID', `${what} cannot be part of a database name`, {
    kind: 'invalid',
    hint: `Expected ${expected}.`,
  });
}
