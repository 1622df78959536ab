import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Manifest {
  readonly name: string;
  readonly private?: boolean;
}

/** Builds what is published and packs it as `npm publish` would. Gives the tarball of each package by its name. */
export function packPackages(root: string, folder: string): ReadonlyMap<string, string> {
  const packages = readdirSync(join(root, 'packages'))
    .map((name) => join(root, 'packages', name))
    .map((path) => ({
      path,
      manifest: JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Manifest,
    }))
    .filter(({ manifest }) => manifest.private !== true);
  const projects = packages.map(({ path }) => join(path, 'tsconfig.lib.json'));
  run('tsc', ['-b', '--singleThreaded', ...projects], root);
  return new Map(
    packages.map(({ path, manifest }) => {
      const printed = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], path);
      const [packed] = JSON.parse(printed) as { filename: string }[];
      if (packed === undefined) throw new Error(`npm packed nothing in ${path}`);
      return [manifest.name, join(folder, packed.filename)];
    }),
  );
}

function run(program: string, args: readonly string[], cwd: string): string {
  return execFileSync(program, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  });
}
