import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildArtifact } from '@postern/bootstrap/build';
import { build } from 'esbuild';
import { unzipSync } from 'fflate';
import { type ImportCost, measureImport } from './import-time.ts';
import { median } from './median.ts';

const rounds = 21;
/**
 * The zip without CA roots and migrations, the import against that of `pg`. 100,000 bytes until templates learned to be
 * reset: the SQL of that comes along.
 */
const limits = { zipBytes: 120_000, importRatio: 1.6 };
const root = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * Size of the zip, and what its import costs against a bundle of `pg` alone: ratios of medians over fresh
 * processes that take turns, because the milliseconds of one machine say nothing on another.
 */
export async function artefact({ json }: { json: boolean }): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  try {
    const outFile = join(folder, 'bootstrap.zip');
    const buildMs: number[] = [];
    let built = await buildArtifact({ root, outFile });
    for (let round = 0; round < 5; round++) {
      const startedAt = performance.now();
      built = await buildArtifact({ root, outFile });
      buildMs.push(performance.now() - startedAt);
    }
    const files = unzipSync(built.zip);
    const empty = await buildEmpty(join(folder, 'empty'));
    for (const [name, contents] of Object.entries(files)) {
      await mkdir(dirname(join(folder, 'artefact', name)), { recursive: true });
      await writeFile(join(folder, 'artefact', name), contents);
    }
    const index = join(folder, 'artefact', 'index.mjs');
    const pg = join(folder, 'pg.mjs');
    await bundlePg(pg);

    await measureImport(pg);
    await measureImport(index);
    const costs: { pg: ImportCost[]; artefact: ImportCost[] } = { pg: [], artefact: [] };
    for (let round = 0; round < rounds; round++) {
      costs.pg.push(await measureImport(pg));
      costs.artefact.push(await measureImport(index));
    }
    const compare = (of: keyof ImportCost, pick = median): Comparison => {
      const [alone, ours] = [costs.pg, costs.artefact].map((list) => pick(list.map((cost) => cost[of])));
      return { pg: alone ?? 0, artefact: ours ?? 0, ratio: (ours ?? 0) / (alone ?? 0) };
    };
    // What the machine does beside it only ever adds time.
    const least = (values: readonly number[]): number => Math.min(...values);
    const handler = Object.entries(files).filter(
      ([name]) => name.endsWith('.mjs') && !name.startsWith('migrations/'),
    );
    const result = {
      node: process.version,
      zipBytes: empty.bytes,
      ledgerZipBytes: built.bytes,
      handlerBytes: handler.reduce((sum, [, { length }]) => sum + length, 0),
      sha256: built.sha256,
      rounds,
      limits,
      buildMs: median(buildMs),
      wallMs: compare('wallMs'),
      bestWallMs: compare('wallMs', least),
      cpuMs: compare('cpuMs'),
      peakBytes: compare('peakBytes'),
    };
    if (json) return console.log(JSON.stringify(result));
    const row = (name: string, { pg: alone, artefact: ours, ratio }: Comparison): string =>
      `${name}  pg alone ${alone.toFixed(1)} ms, artefact ${ours.toFixed(1)} ms, ratio ${ratio.toFixed(2)} (limit ${limits.importRatio})`;
    const kilobytes = (bytes: number): string => (bytes / 1000).toFixed(1);
    console.log(
      `zip          ${kilobytes(result.zipBytes)} kB without migrations (limit ${kilobytes(limits.zipBytes)}), ${kilobytes(result.ledgerZipBytes)} kB of the ledger; handler ${kilobytes(result.handlerBytes)} kB unpacked`,
    );
    console.log(row('import wall', result.wallMs));
    console.log(row('  the best ', result.bestWallMs));
    console.log(row('import CPU ', result.cpuMs));
    const { pg: alone, artefact: ours } = result.peakBytes;
    console.log(`memory       pg alone ${kilobytes(alone / 1000)} MB, artefact ${kilobytes(ours / 1000)} MB`);
    console.log(`build        ${result.buildMs.toFixed(0)} ms`);
    console.log(`medians of ${rounds} fresh processes each, taking turns, Node ${result.node}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The artefact of a database that has no migrations yet: what everybody's artefact consists of. */
async function buildEmpty(folder: string): Promise<{ readonly bytes: number }> {
  const database = join(folder, 'database');
  await mkdir(join(database, 'migrations'), { recursive: true });
  await writeFile(join(database, 'database.mjs'), `export default { name: 'empty' };\n`);
  return await buildArtifact({ root: folder, outFile: 'empty.zip' });
}

interface Comparison {
  readonly pg: number;
  readonly artefact: number;
  readonly ratio: number;
}

async function bundlePg(outfile: string): Promise<void> {
  await build({
    stdin: { contents: `export { default } from 'pg';`, resolveDir: root },
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node22',
    format: 'esm',
    external: ['pg-native'],
    banner: { js: `import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);` },
    logLevel: 'silent',
  });
}
