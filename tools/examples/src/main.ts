import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packPackages } from './pack.ts';
import { runExample } from './run-example.ts';

/**
 * npm run examples [-- NAME …]
 *
 * What a user does: packs the packages, installs them with an ORM from the registry in a folder of its own, and runs the
 * example's suite. Needs the registry, so it is no part of the tests.
 */

const root = join(import.meta.dirname, '../../..');
const all = readdirSync(join(root, 'examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !all.includes(name));
if (unknown.length > 0) {
  console.error(`There is no example ${unknown.join(', ')}. Choose from ${all.join(', ')}.`);
  process.exit(2);
}

// Whoever is at work ends first: nobody writes into the folder any more when it is removed.
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => interrupted.abort(new Error(`ended by ${name}`)));

const folder = mkdtempSync(join(tmpdir(), 'postern-examples-'));
let failed = false;
try {
  console.log('packing the packages');
  const tarballs = packPackages(root, folder);
  for (const name of wanted.length > 0 ? wanted : all) {
    if (interrupted.signal.aborted) break;
    const started = performance.now();
    try {
      const printed = await runExample(join(root, 'examples', name), folder, tarballs, interrupted.signal);
      const tests = /Tests\s+(.*)/.exec(printed)?.[1] ?? 'no count';
      console.log(`${name}: ${tests.trim()}, ${((performance.now() - started) / 1000).toFixed(1)} s`);
    } catch (error) {
      failed = true;
      console.error(`${name}: failed\n${(error as Error).message}`);
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed || interrupted.signal.aborted ? 1 : 0;
